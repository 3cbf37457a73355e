"""A case's message, as it would have come in through its channel."""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import parseaddr

from evals.datasets import Case
from nodes.admission import Request
from nodes.intake import read_document

SERVER = "mx.harbor-mutual.example"
WRITTEN = frozenset({"email", "post", "portal"})
"""Channels whose text somebody outside wrote; on the others a colleague says it."""


async def request_of(case: Case) -> Request:
    """Make the request of a case: a signed mail, a letter, or a colleague's own words."""
    vouched = case.vouched or "user"
    if case.channel == "email":
        return Request(documents=[await read_document(("letter.eml", _mail(case).as_bytes()))])
    if case.channel in WRITTEN:
        text = "\n\n".join(part for part in (case.subject, case.text) if part)
        document = await read_document(("letter.txt", text.encode()))
        return Request("", [document], case.customer_id, vouched)
    return Request(case.text, customer=case.customer_id, vouched=vouched)


def _mail(case: Case) -> EmailMessage:
    mail = EmailMessage()
    sender = case.sender or ""
    domain = parseaddr(sender)[1].rpartition("@")[2]
    verdict = f"dkim=pass header.d={domain}" if case.authenticated else "dkim=none; spf=none"
    mail["Authentication-Results"] = f"{SERVER}; {verdict}"
    for name, value in {"From": sender, "Subject": case.subject, **case.headers}.items():
        mail[name] = value
    mail.set_content(case.text)
    if case.html:
        mail.add_alternative(case.html, subtype="html")
    for attached in case.attachments:
        mail.add_attachment(attached["text"], filename=attached["filename"])
    return mail
