"""Mail: who sent it by our own mail server's word, its text, and its attachments."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from email.utils import getaddresses

from governance.errors import InvalidInput
from nodes.html_text import visible_text
from nodes.parts import Part, read_part

MAX_DEPTH = 3
MAX_PARTS = 20
COMMENT = re.compile(r"\([^()]*\)")
PROPERTY = re.compile(r"([\w.-]+)\s*=\s*\"?([^\s\";]+)")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a mail; `how` says what the verdict rests on."""

    address: str | None
    verified: bool
    how: str


_trusted: list[str] = []


def trust_mail_server(name: str) -> None:
    """Let a domain name its own mail server; without one nobody's sender is verified."""
    _trusted[:] = [name]


def mail_server() -> str:
    """The only server whose `Authentication-Results` count; it must remove any that arrive under its name."""
    return os.environ.get("TOWER_MAIL_SERVER") or next(iter(_trusted), "")


def read_mail(name: str, data: bytes) -> tuple[Sender, list[Part]]:
    """Read a mail as it was delivered.

    Raises:
        InvalidInput: It has no text at all, or too many parts.
    """
    message = BytesParser(EmailMessage, policy=policy.default).parsebytes(data)
    parts = []
    for part in _parts(name, message, 0):
        parts.append(part)
        if len(parts) > MAX_PARTS:
            msg = f"{name} has more than {MAX_PARTS} parts; send it in several mails"
            raise InvalidInput(msg)
    if not any(part.text.strip() for part in parts):
        msg = f"{name} is a mail without text; send it again"
        raise InvalidInput(msg)
    return sender_of(message), parts


def sender_of(message: EmailMessage) -> Sender:
    """Verify the sender: one address, one verdict of our own server above all others, aligned with it."""
    addresses = [
        address.lower() for _, address in getaddresses(message.get_all("From", [])) if "@" in address
    ]
    if len(addresses) != 1 or len(message.get_all("From", [])) != 1:
        return Sender(None, verified=False, how="there is not exactly one sender")
    address, server = addresses[0], mail_server()
    results = [COMMENT.sub(" ", str(value)) for value in message.get_all("Authentication-Results", [])]
    ours = [result for result in results if result.split(";")[0].split()[:1] == [server]]
    if not ours:
        return Sender(address, verified=False, how=f"no verdict by {server}")
    if len(ours) > 1 or ours[0] is not results[0]:
        return Sender(address, verified=False, how=f"more than one verdict in the name of {server}")
    domain = address.rpartition("@")[2]
    for verdict in ours[0].split(";")[1:]:
        found = {key.lower(): value.lower() for key, value in PROPERTY.findall(verdict)}
        signer = found.get("header.d", "")
        if found.get("dkim") == "pass" and signer and (domain == signer or domain.endswith(f".{signer}")):
            return Sender(address, verified=True, how=f"dkim of {signer}, by {server}")
        if found.get("spf") == "pass" and found.get("smtp.mailfrom", "").rpartition("@")[2] == domain:
            return Sender(address, verified=True, how=f"spf of {domain}, by {server}")
    return Sender(address, verified=False, how=f"{server} found no valid signature of {domain}")


def _parts(name: str, message: EmailMessage, depth: int) -> Iterator[Part]:
    yield _body(name, message)
    for index, attachment in enumerate(message.iter_attachments(), 1):
        label = f"{name}/{attachment.get_filename() or f'part-{index}'}"
        if attachment.get_content_type() == "message/rfc822" and depth < MAX_DEPTH:
            yield from _parts(label, attachment.get_content(), depth + 1)
        else:
            yield _attachment(label, attachment)


def _body(name: str, message: EmailMessage) -> Part:
    plain, html = (message.get_body((kind,)) for kind in ("plain", "html"))
    subject = str(message.get("Subject", "")).strip()
    text, note = _text(name, plain)
    try:  # the same letter in another form, and whoever writes it may hide something there
        other, hides = _text(name, html)
        text, note = text or other, hides or note
    except InvalidInput as error:
        if not text:
            raise
        note = str(error)
    shown = f"Subject: {subject}\n\n{text}" if subject else text
    return Part(name=name, media_type="message/rfc822", text=shown.strip(), note=note)


def _text(name: str, body: MIMEPart | None) -> tuple[str, str]:
    payload = body.get_payload(decode=True) if body else None
    if not body or not isinstance(payload, bytes) or not payload.strip():
        return "", ""
    part = read_part(name, payload, body.get_content_charset())
    if body.get_content_type() != "text/html":
        return part.text, part.note
    text, hidden = visible_text(part.text)
    return text, f"{hidden} hidden characters were left out" if hidden else part.note


def _attachment(label: str, attachment: EmailMessage) -> Part:
    media_type = attachment.get_content_type()
    payload = attachment.get_payload(decode=True)
    if not isinstance(payload, bytes):
        note = f"{label} lies too deep to be read; send it by itself"
        return Part(name=label, media_type=media_type, text=f"[not read: {note}]", note=note)
    try:
        if media_type == "text/html" and payload.strip():
            text, note = _text(label, attachment)
            return Part(name=label, media_type=media_type, text=text, note=note)
        return read_part(label, payload, attachment.get_content_charset())
    except InvalidInput as error:
        # One unreadable attachment must not cost the rest of the letter.
        return Part(name=label, media_type=media_type, text=f"[not read: {error}]", note=str(error))
