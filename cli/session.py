"""Session: an authenticated user, the control plane and the application."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from cli.people import WORK, default
from cli.terminal import console
from governance.acts import Effect
from governance.approvals import Approval
from governance.control import ControlPlane, control
from governance.effects import Recorded
from governance.errors import InvalidInput, NotAuthenticated
from governance.events import Event
from governance.identity import Identity
from governance.principals import User
from governance.runs import Record
from governance.settings import Settings
from graphs.domain import Domain, domain
from nodes.admission import Request


@dataclass(frozen=True)
class Session:
    """What one command works with."""

    user: User
    plane: ControlPlane
    application: Domain
    settings: Settings

    async def start(
        self, graph: str, request: Request, thread: str = "", event: Event | None = None
    ) -> Record:
        """Admit a request; nothing runs yet.

        Args:
            thread: Of a conversation that it goes on with; a new one unless set.
            event: What it is opened by, if anything; an event opens one run at most.

        Raises:
            EventSeen: The event was handled before.
            Denied, InvalidInput: It can't be admitted, and nothing was started.
        """
        await self.application.prepare()
        if graph in self.application.graphs:
            self.application.graph(graph)  # one that can't be built opens no run
        thread = thread or str(uuid4())
        admitted = await self.application.admission.admit(self.user, graph, request, thread, event)
        return await self.plane.record(admitted.run.id)

    async def record(self, run_id: str) -> Record:
        """A run that the user may see.

        Raises:
            Denied: They may not.
            InvalidInput: There is no such run (in the user's tenant).
        """
        record = await self.plane.record(run_id)
        if record.run.user.tenant != self.user.tenant:
            msg = f"there is no run {run_id!r}; `tower runs` lists them"
            raise InvalidInput(msg)
        await self.plane.permit(
            self.user, "read_run", tenant=record.run.user.tenant, owner=record.run.user.id
        )
        return record

    async def pending(self, run_id: str) -> list[Approval]:
        """What a run waits for."""
        return [asked for asked in await self.plane.pending(self.user.tenant) if asked.run == run_id]

    async def unsettled(self, run_id: str) -> list[Recorded]:
        """Effects of a run that a person must settle before it goes on."""
        return [each for each in await self.plane.unsettled(self.user.tenant) if each.run == run_id]

    async def approval(self, approval_id: str) -> Approval:
        """A question of the user's tenant.

        Raises:
            InvalidInput: There is no such question there.
        """
        found = await self.plane.approval(approval_id)
        if found.tenant != self.user.tenant:
            msg = f"there is no approval {approval_id!r}; `tower approvals` lists them"
            raise InvalidInput(msg)
        return found

    async def entries(self, run_id: str) -> list[dict[str, Any]]:
        """What the audit log says about a run."""
        return await asyncio.to_thread(lambda: list(self.plane.audit.entries(run=run_id)))

    def may_read(self, owner: str) -> bool:
        """Whether policy lets the user read that person's runs."""
        decision = self.plane.policy.permit(self.user, "read_run", tenant=self.user.tenant, owner=owner)
        return decision.effect is Effect.ALLOW


@asynccontextmanager
async def session(user_id: str | None = None, about: str = WORK, needs: str = "") -> AsyncIterator[Session]:
    """Open a session for a user whose key is at hand: TOWER_KEY, or the development key on this disk.

    Args:
        user_id: Without one it is whoever TOWER_KEY belongs to, or the default for what it is `about`.
        needs: What policy must let them do in their tenant.

    Raises:
        Denied: They may not.
        NotAuthenticated: There is no valid key, or it is another person's.
    """
    application = domain()  # first, since policies speak of its tools
    settings, plane = Settings.from_env(), control()
    user = await authenticated(Identity(settings, plane.store), user_id, about)
    if plane.store.read_only:
        console(error=True).print(
            "TOWER_HOME can only be read: its log holds nothing of this look", style="dim"
        )
    if needs:
        await plane.permit(user, needs, tenant=user.tenant)
    yield Session(user, plane, application, settings)


async def authenticated(identity: Identity, user_id: str | None, about: str) -> User:
    """Who acts; said on a terminal where the command didn't name them.

    Raises:
        NotAuthenticated: There is no valid key, or it is another person's.
    """
    otherwise = user_id or default(about)
    if not otherwise and not os.environ.get("TOWER_KEY"):
        msg = f'say who acts: --as USER, TOWER_USER, or default_for = "{about}" for somebody in users.toml'
        raise NotAuthenticated(msg)
    key = await asyncio.to_thread(identity.key_for, otherwise or "")
    try:
        user = await identity.authenticate(key)
    except NotAuthenticated as error:
        if not os.environ.get("TOWER_KEY"):
            raise
        msg = f"TOWER_KEY is not {user_id or 'anybody'}'s key; correct it, or unset it and pass --as USER"
        raise NotAuthenticated(msg) from error
    if user_id and user.id != user_id:
        msg = f"TOWER_KEY is the key of {user.id}, not of {user_id}; unset it, or leave --as out"
        raise NotAuthenticated(msg)
    if not user_id and sys.stderr.isatty():
        console(error=True).print(f"as {user.id}", style="dim")
    return user
