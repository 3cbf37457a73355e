"""Intake: what stands on the command line becomes a request; nothing is started by unusable input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cli.demo import INBOX
from evals.expectations import read_manifest
from graphs.domain import domain
from nodes.admission import Request
from nodes.intake import read_document

SUFFIXES = frozenset(
    {".eml", ".pdf", ".txt", ".json", ".md", ".png", ".jpg", ".jpeg", ".gif", ".docx", ".html"}
)


async def request_of(what: Sequence[str], customer: str | None, vouched: str) -> Request:
    """Make a request of files and words.

    Raises:
        InvalidInput: A file can't be read or used, or there is nothing in the request.
    """
    domain()  # it says whose mail server may vouch for a sender
    texts = [part for part in what if not _means_file(part)]
    documents = [await read_document(Path(part)) for part in what if _means_file(part)]
    return Request("\n\n".join(texts), documents, customer, vouched)


def listed_customer(what: Sequence[str]) -> tuple[str, str] | None:
    """The customer whom the demo's manifest names for one of its documents, and who vouches.

    Of no other folder: what lies beside a letter may be its sender's, and nobody vouches for oneself.
    """
    names = {Path(part).name for part in what if Path(part).resolve().parent == INBOX}
    manifest = read_manifest(INBOX / "manifest.toml") if names else []
    return next(((it.customer, it.vouched) for it in manifest if it.file in names and it.customer), None)


def _means_file(part: str) -> bool:
    """Whether it is meant as a file, there or not: a mistyped path must not become a request in words."""
    if not part.strip():
        return False  # and not the folder that we are in
    looks = not any(c.isspace() for c in part) and ("/" in part or Path(part).suffix.lower() in SUFFIXES)
    try:
        return looks or Path(part).exists()
    except (OSError, ValueError):  # a long text is no path
        return False
