"""Admission: a request becomes a run with an owner, a contract and no personal data in the clear."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Protocol

from governance.contract import PERSONAL, Contract
from governance.control import ControlPlane, control
from governance.errors import InvalidInput
from governance.events import Event
from governance.principals import Run, User
from nodes.intake import Document, read_document
from nodes.parts import Part, check_length

Value = Mapping[str, Any]


@dataclass(frozen=True)
class Profile:
    """What the records say about one customer.

    Attributes:
        known: Personal values, in the spellings that letters use → token kind.
        trusted: Sets that arguments must come from; the `accounts` as plain IBANs.
    """

    known: Mapping[str, str] = field(default_factory=dict)
    trusted: Mapping[str, frozenset[str]] = field(default_factory=dict)


NOBODY = Profile()


class Directory(Protocol):
    """What admission asks a domain's own records."""

    async def by_email(self, tenant: str, email: str) -> str | None:
        """The customer with this address, or None."""
        ...

    async def profile(self, tenant: str, subject: str) -> Profile | None:
        """The customer, or None where the tenant has none of this number."""
        ...


@dataclass(frozen=True)
class Request:
    """What somebody asks for.

    Attributes:
        text: What the authenticated user wrote.
        documents: What others wrote, through the user's hands; untrusted.
        customer: The customer whom the user vouches for.
        vouched: How the customer was verified, such as `post-room`; `user` by default.
    """

    text: str = ""
    documents: Sequence[Document] = ()
    customer: str | None = None
    vouched: str = "user"


CALL = "call"
"""The graph's name of a run in which a person calls a tool."""


@dataclass(frozen=True)
class Admitted:
    """A run that may start, and the only input that its graph may see."""

    run: Run
    input: dict[str, Any]


@dataclass(frozen=True)
class Admission:
    """The way in, the same from the command line and over HTTP.

    Attributes:
        directory: The domain's records.
        contracts: Graph → tool → how often a run of that graph may call it.
        conversations: Graphs on whose threads a further request may follow when the last one is over.
    """

    directory: Directory
    contracts: Mapping[str, Mapping[str, int]]
    conversations: frozenset[str] = frozenset()

    async def admit(
        self, user: User, graph: str, request: Request, thread_id: str, event: Event | None = None
    ) -> Admitted:
        """Open a run.

        Args:
            event: What it is opened by, if anything; an event opens one run at most.

        Raises:
            EventSeen: The event was handled before; nothing was opened.
            Denied: The user may not start runs, or there is no such graph for anyone.
            InvalidInput: There is nothing in the request, or too much.
        """
        plane = control()
        if graph not in self.contracts:
            msg = f"there is no graph {graph}; there are {', '.join(sorted(self.contracts))}"
            raise InvalidInput(msg)
        if not request.text.strip() and not request.documents:
            msg = "the request is empty; give a text or a document"
            raise InvalidInput(msg)
        await plane.permit(user, "start_run", tenant=user.tenant, owner=user.id, graph=graph)
        subject, verified, profile = await self._subject(user, request)
        masked = await plane.vault.tokenise(user.tenant, _compose(request, subject, verified), profile.known)
        graph_input = {"messages": [{"role": "user", "content": masked}]}
        run = await plane.open_run(
            graph=graph,
            user=user,
            subject=subject,
            verified=verified,
            contract=await self._bound(plane, user, self.contracts[graph], profile),
            input=graph_input,
            thread_id=thread_id,
            event=event,
            follows=graph in self.conversations,
        )
        return Admitted(run, graph_input)

    async def admit_call(self, user: User, tool: str, args: Mapping[str, Any], request: Request) -> Run:
        """Open a run in which a person calls one tool, and nothing else can be called.

        Args:
            request: Says about which customer.

        Raises:
            Denied: The user may not start runs.
            InvalidInput: The customer is unknown.
        """
        plane = control()
        await plane.permit(user, "start_run", tenant=user.tenant, owner=user.id, graph=CALL)
        subject, verified, profile = await self._subject(user, request)
        contract = await self._bound(plane, user, {tool: 1}, profile)
        masked = await plane.vault.tokenise_json(user.tenant, dict(args), profile.known)
        return await plane.open_run(
            graph=CALL,
            user=user,
            subject=subject,
            verified=verified,
            contract=contract,
            input={"call": tool, "args": masked},
        )

    async def addition(self, user: User, request: Request) -> tuple[str | None, str]:
        """What arrives while a run waits: about which verified customer, and as its graph may see it.

        Raises:
            InvalidInput: The customer is unknown.
        """
        subject, verified, profile = await self._subject(user, request)
        text = _compose(request, subject, verified)
        return subject, await control().vault.tokenise(user.tenant, text, profile.known)

    async def _subject(self, user: User, request: Request) -> tuple[str | None, str, Profile]:
        """The customer, from verified records only; what a letter says about it counts for nothing.

        Returns:
            The customer, how it was verified, and what the records say.
        """
        if request.customer:
            profile = await self.directory.profile(user.tenant, request.customer)
            if not profile:
                msg = f"there is no customer {request.customer} in {user.tenant}; check it or leave it out"
                raise InvalidInput(msg)
            return request.customer, request.vouched, profile
        for document in request.documents:
            if document.sender and document.sender_verified:
                found = await self.directory.by_email(user.tenant, document.sender)
                if found:
                    return found, "sender", await self.directory.profile(user.tenant, found) or NOBODY
        return None, "no", NOBODY

    async def _bound(
        self, plane: ControlPlane, user: User, tools: Mapping[str, int], profile: Profile
    ) -> Contract:
        ibans = dict.fromkeys(profile.trusted.get("accounts", ()), "iban")
        tokens = await plane.vault.tokens(user.tenant, {**profile.known, **ibans})
        own = {PERSONAL: frozenset(tokens.values()), "accounts": frozenset(tokens[iban] for iban in ibans)}
        return Contract(tools, {**profile.trusted, **own})


def _compose(request: Request, subject: str | None, verified: str) -> str:
    """One message: what we know, what the user asks, and the documents as data."""
    lines = [f"Customer: {subject} (verified: {verified})" if subject else "Customer: nobody verified"]
    if request.text.strip():
        lines.append(request.text.strip())
    lines += [
        f'<document name="{escape(part.name)}" type="{part.media_type}" origin="untrusted"{_noted(part)}>\n'
        f"{part.text.replace('</document', '&lt;/document')}\n</document>"
        for document in request.documents
        for part in document.parts
    ]
    text = "\n\n".join(lines)
    check_length("the request", text)
    return text


def _noted(part: Part) -> str:
    """What a reader must know about how it was read, such as that text was hidden from them."""
    return f' note="{escape(part.note)}"' if part.note else ""


async def request_from(value: Value) -> Request:
    """Read a graph's raw input, as a client sends it (`nodes.state.TaskInput`).

    Raises:
        InvalidInput: It has another form, or a document can't be read.
    """
    unknown = set(value) - {"messages", "documents", "customer"}
    if unknown:
        msg = f"unknown input {', '.join(sorted(unknown))}; give messages, documents, customer"
        raise InvalidInput(msg)
    texts = [_text(message) for message in value.get("messages") or ()]
    documents = [await read_document(_decode(upload)) for upload in value.get("documents") or ()]
    return Request("\n\n".join(texts), documents, value.get("customer") or None)


def _text(message: Any) -> str:
    if isinstance(message, str):
        return message
    role = message.get("role") or message.get("type") if isinstance(message, Mapping) else None
    content = message.get("content") if isinstance(message, Mapping) else None
    if role not in ("user", "human") or not isinstance(content, (str, list)):
        msg = 'a message is {"role": "user", "content": "…"}; a client can\'t speak for agents or the system'
        raise InvalidInput(msg)
    if isinstance(content, str):
        return content
    return "\n".join(str(block.get("text", "")) for block in content if isinstance(block, Mapping))


def _decode(upload: Value) -> tuple[str, bytes]:
    try:
        return str(upload["name"]), base64.b64decode(upload["content"], validate=True)
    except (KeyError, TypeError, binascii.Error) as error:
        msg = 'a document is {"name": "letter.pdf", "content": "<base64>"}'
        raise InvalidInput(msg) from error
