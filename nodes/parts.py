"""Parts: bytes of a known or unknown kind become untrusted text, or an error that says what to do."""

from __future__ import annotations

import codecs
import json
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from governance.errors import InvalidInput

MAX_BYTES = 10_000_000
MAX_TEXT_CHARACTERS = 2_000_000
PDF_SECONDS = 30
PDF_TEXT = Path(__file__).parent / "pdf_text.py"
HEAD_BYTES = 1024
PRINTABLE_SHARE = 0.98

PICTURES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\x00", b"MM\x00*", b"BM")
ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"\xd0\xcf\x11\xe0")

PDF_PROBLEMS = {
    "encrypted": "{name} is an encrypted PDF; ask for a copy without a password",
    "too many pages": "{name} has more than 200 pages; send the pages that matter",
    "too large": "{name} unpacks to more than can be read safely; send a smaller copy",
    "broken": "{name} is a broken PDF; open it in a viewer, print it to a new PDF and send that",
}


class Part(BaseModel):
    """A piece of text as somebody outside wrote it.

    Attributes:
        note: What a reader must know about how it was read, or empty.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    media_type: str
    text: str
    note: str = ""
    origin: Literal["untrusted"] = "untrusted"


def read_part(name: str, data: bytes, charset: str | None = None) -> Part:
    """Read a PDF, a JSON object with `text`, or plain text; what it is, its content says.

    Args:
        charset: Encoding that a mail header declares for plain text.

    Raises:
        InvalidInput: It is empty, too large, a picture, encrypted, broken or of an unknown kind.
    """
    check_size(name, len(data))
    if not data.strip():
        msg = f"{name} is empty; send it again"
        raise InvalidInput(msg)
    if b"%PDF-" in data[:HEAD_BYTES]:
        return Part(name=name, media_type="application/pdf", text=_pdf(name, data))
    if data.startswith(PICTURES) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP") or data[4:8] == b"ftyp":
        msg = f"{name} is a picture; send its text, or a PDF with text in it"
        raise InvalidInput(msg)
    if data.startswith(ARCHIVES):
        msg = f"{name} is an archive or an office file; save it as PDF and send that"
        raise InvalidInput(msg)
    text, note = _decode(name, data, charset)
    check_length(name, text)
    if name.lower().endswith(".json"):
        return Part(name=name, media_type="application/json", text=_json(name, text), note=note)
    return Part(name=name, media_type="text/plain", text=text, note=note)


def check_size(name: str, size: int) -> None:
    """Refuse a file that is too large to read.

    Raises:
        InvalidInput: It is.
    """
    if size > MAX_BYTES:
        megabytes = f"{size / 1e6:.0f} MB; at most {MAX_BYTES / 1e6:.0f} MB can be read"
        msg = f"{name} has {megabytes}, send a smaller copy"
        raise InvalidInput(msg)


def check_length(name: str, text: str) -> None:
    """Refuse a text that is too long to read.

    Raises:
        InvalidInput: It is.
    """
    if len(text) > MAX_TEXT_CHARACTERS:
        msg = f"{name} has more than {MAX_TEXT_CHARACTERS:,} characters; send the pages that matter"
        raise InvalidInput(msg)


def _pdf(name: str, data: bytes) -> str:
    command = [sys.executable, "-I", str(PDF_TEXT)]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=PDF_SECONDS, check=False)  # noqa: S603
        answer = json.loads(done.stdout or '{"problem": "too large"}')
    except subprocess.TimeoutExpired:
        answer = {"problem": "too large"}
    if problem := answer.get("problem"):
        raise InvalidInput(PDF_PROBLEMS[problem].format(name=name))
    if not answer["text"].strip():
        msg = f"{name} is a scanned picture without text; run text recognition over it and send the result"
        raise InvalidInput(msg)
    return str(answer["text"])


def _decode(name: str, data: bytes, charset: str | None) -> tuple[str, str]:
    """Text and note: the declared encoding, then UTF-8, then Latin-1."""
    marks = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
    marked = [encoding for mark, encoding in marks if data.startswith(mark)]
    for encoding in (*marked, *([charset] if charset else []), "utf-8"):
        try:
            return _readable(name, data.decode(encoding)), ""
        except (UnicodeDecodeError, LookupError):
            continue
    return _readable(name, data.decode("latin-1")), f"{name} is not UTF-8; it was read as Latin-1"


def _readable(name: str, text: str) -> str:
    # Zero-width spaces and the like may hide orders in a letter; it is text all the same.
    shown = sum(c.isprintable() or c in "\n\r\t\f" or unicodedata.category(c) == "Cf" for c in text)
    if "\x00" in text or shown < PRINTABLE_SHARE * len(text):
        msg = f"{name} is of an unknown binary kind; send .eml, .pdf, .txt or .json"
        raise InvalidInput(msg)
    return text.replace("\r\n", "\n").strip()


def _json(name: str, text: str) -> str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        msg = f"{name} is not valid JSON; correct it and send it again"
        raise InvalidInput(msg) from error
    if not isinstance(value, dict) or not isinstance(value.get("text"), str) or not value["text"].strip():
        msg = f'{name} must be an object with a text, such as {{"subject": "…", "text": "…"}}'
        raise InvalidInput(msg)
    subject = value.get("subject")
    return f"{subject}\n\n{value['text']}" if isinstance(subject, str) else value["text"]
