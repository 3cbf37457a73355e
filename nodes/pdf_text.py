"""PDF to text, as a program of its own: a hostile file takes no more time or memory than it is given."""

from __future__ import annotations

import contextlib
import io
import json
import sys

MEMORY_BYTES = 1_500_000_000
CPU_SECONDS = 20
MAX_PAGES = 200
MAX_CHARACTERS = 2_000_000


def main() -> None:
    """Read a PDF from standard input and write `{"text": …}` or `{"problem": …}` as JSON."""
    with contextlib.suppress(ImportError):  # not on Windows, where the caller's time-out must do
        import resource  # noqa: PLC0415

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    try:
        answer = _read(sys.stdin.buffer.read())
    except MemoryError:
        answer = {"problem": "too large"}
    except Exception:  # noqa: BLE001 - a broken PDF raises anything
        answer = {"problem": "broken"}
    sys.stdout.write(json.dumps(answer))


def _read(data: bytes) -> dict[str, str]:
    from pypdf import PdfReader  # noqa: PLC0415 - its memory counts as well
    from pypdf.errors import LimitReachedError  # noqa: PLC0415

    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            return {"problem": "encrypted"}
        if len(reader.pages) > MAX_PAGES:
            return {"problem": "too many pages"}
        pages, length = [], 0
        for page in reader.pages:
            pages.append(page.extract_text().strip())
            length += len(pages[-1])
            if length > MAX_CHARACTERS:
                return {"problem": "too large"}
    except LimitReachedError:
        return {"problem": "too large"}
    return {"text": "\n\n".join(page for page in pages if page)}


if __name__ == "__main__":
    main()
