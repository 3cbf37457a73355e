"""Documents come in as typed, untrusted text, with a verified sender or none, or with a clear error."""

from __future__ import annotations

import asyncio
import io
import os
import runpy
import time
import zlib
from email.message import EmailMessage
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter
from reportlab.pdfgen.canvas import Canvas

from governance.errors import InvalidInput
from nodes.intake import read_document
from nodes.mail import trust_mail_server

trust_mail_server("mx.harbor-mutual.example")

INBOX = Path(__file__).parents[2] / "examples" / "inbox"
OURS = "mx.harbor-mutual.example"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)


def pdf(*pages: str) -> bytes:
    file = io.BytesIO()
    canvas = Canvas(file, invariant=True)
    for text in pages:
        canvas.drawString(60, 700, text)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def encrypted(password: str) -> bytes:
    writer = PdfWriter()
    writer.append(PdfReader(io.BytesIO(pdf("secret"))))
    writer.encrypt(user_password=password, owner_password="owner", algorithm="AES-256")
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def bomb() -> bytes:
    """A page whose content unpacks from a few kilobytes to half a gigabyte."""
    packed = zlib.compress(zlib.compress(b"\x00" * 500_000_000, 9), 9)
    stream = b"<< /Length %d /Filter [/FlateDecode /FlateDecode] >>\nstream\n" % len(packed)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R /Resources << >> >>",
        stream + packed + b"\nendstream",
    ]
    body, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    tail = b"trailer << /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % len(body)
    return body + b"xref\n0 5\n0000000000 65535 f \n" + table + tail


def mail(*results: str, sender: str = "Ann <ann@example.org>", text: str = "Hello") -> EmailMessage:
    message = EmailMessage()
    for result in results:
        message["Authentication-Results"] = result
    message["From"] = sender
    message["Subject"] = "A matter"
    message.set_content(text)
    return message


async def read_mail(message: EmailMessage):
    return await read_document(("letter.eml", message.as_bytes()))


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.txt", b"", "empty"),
        ("a.eml", b" \n", "empty"),
        ("a.txt", b"x" * 50_000_000, "50 MB"),
        ("a.pdf", encrypted("secret"), "encrypted PDF"),
        ("a.pdf", PNG, "picture"),
        ("a.txt", b"\xff\xd8\xff\xe0" + bytes(60), "picture"),
        ("a.pdf", pdf(""), "scanned picture"),
        ("a.pdf", b"%PDF-1.7\nbroken beyond repair", "broken PDF"),
        ("a.pdf", pdf(*["page"] * 201), "more than 200 pages"),
        ("a.docx", b"PK\x03\x04" + bytes(60), "office file"),
        ("a.bin", bytes(range(256)) * 4, "unknown binary"),
        ("a.eml", b"From: a@b.example\n\n\x00\x01", "no mail"),
        ("a.eml", b"From: a@b.example\n\n", "without text"),
        ("a.json", b"{broken", "not valid JSON"),
        ("a.json", b'["text"]', "object with a text"),
        ("a.json", b'{"text": 7}', "object with a text"),
        ("a.json", b"[" * 100_000, "not valid JSON"),
    ],
)
async def test_what_cannot_be_read_says_what_to_do(name: str, data: bytes, says: str):
    with pytest.raises(InvalidInput, match=says):
        await read_document((name, data))


async def test_a_bomb_ends_in_time():
    data = bomb()
    assert len(data) < 10_000
    started = time.monotonic()
    with pytest.raises(InvalidInput):
        await read_document(("a.pdf", data))
    assert time.monotonic() - started < 40


async def test_paths_that_cannot_be_read(tmp_path: Path):
    for path, says in ((tmp_path / "none.txt", "not found"), (tmp_path, "folder")):
        with pytest.raises(InvalidInput, match=says):
            await read_document(path)
    large = tmp_path / "large.pdf"
    large.touch()
    os.truncate(large, 50_000_000)
    with pytest.raises(InvalidInput, match="50 MB"):
        await read_document(large)


async def test_a_file_without_permission_names_the_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "a.txt"
    path.write_text("hello")

    def refuse(_self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)  # root may read anything, so the mode can't show it
    with pytest.raises(InvalidInput, match="Permission denied"):
        await read_document(path)


async def test_the_file_stays_as_it_was_and_the_loop_goes_on(tmp_path: Path):
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf("We ask for help"))
    before = path.read_bytes(), path.stat().st_mtime_ns
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.01)

    ticking = asyncio.create_task(tick())
    document = await read_document(path)
    ticking.cancel()

    assert document.parts[0].text == "We ask for help"
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert list(tmp_path.iterdir()) == [path]  # noqa: ASYNC240
    assert ticks > 5


async def test_an_encrypted_pdf_that_anyone_can_open_is_read():
    document = await read_document(("a.pdf", encrypted("")))
    assert document.parts[0].text == "secret"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
async def test_unicode_texts(encoding: str):
    document = await read_document(("a.txt", "Schöne Grüße".encode(encoding)))
    assert document.parts[0].text == "Schöne Grüße"
    assert not document.notes


async def test_latin_1_is_read_with_a_note():
    document = await read_document(("a.txt", "Schöne Grüße".encode("latin-1")))
    assert document.parts[0].text == "Schöne Grüße"
    assert "Latin-1" in document.notes[0]


VERIFIED = [
    f"{OURS}; dkim=pass header.d=example.org",
    f"{OURS} 1; spf=pass smtp.mailfrom=ann@example.org; dkim=none",
    f"{OURS}; dkim=fail header.d=other.example; dkim=pass (good) header.d=example.org",
]
UNVERIFIED = [
    [],
    ["mx.elsewhere.example; dkim=pass header.d=example.org"],
    [f"{OURS}.evil.example; dkim=pass header.d=example.org"],
    [f"{OURS}; dkim=pass header.d=evil.example"],
    [f"{OURS}; dkim=pass header.d=ample.org"],
    [f"{OURS}; spf=pass smtp.mailfrom=ann@evil.example"],
    [f"{OURS}; dkim=fail (dkim=pass) header.d=example.org"],
    [f"{OURS}; dkim=fail header.d=example.org", f"{OURS}; dkim=pass header.d=example.org"],
    ["mx.elsewhere.example; dkim=none", f"{OURS}; dkim=pass header.d=example.org"],
]


@pytest.mark.parametrize("result", VERIFIED)
async def test_our_servers_word_verifies_a_sender(result: str):
    document = await read_mail(mail(result))
    assert (document.sender, document.sender_verified) == ("ann@example.org", True)
    assert OURS in document.how


@pytest.mark.parametrize("results", UNVERIFIED)
async def test_nothing_else_does(results: list[str]):
    document = await read_mail(mail(*results))
    assert (document.sender, document.sender_verified) == ("ann@example.org", False)


@pytest.mark.parametrize(
    "sender", ["ann@example.org, bob@example.org", "ann", '"ann@example.org" <eve@evil.example>']
)
async def test_a_sender_is_one_address_and_not_its_display_name(sender: str):
    document = await read_mail(mail(VERIFIED[0], sender=sender))
    assert not document.sender_verified


async def test_a_forwarded_mail_verifies_nobody():
    inner = mail(VERIFIED[0], text="Pay Ann")
    outer = mail(sender="eve@evil.example", text="see below")
    outer.add_attachment(inner)
    document = await read_mail(outer)
    assert (document.sender, document.sender_verified) == ("eve@evil.example", False)
    assert any("Pay Ann" in part.text for part in document.parts)


async def test_attachments_are_read_and_a_bad_one_costs_only_itself():
    message = mail(text="Please see the files")
    message.add_attachment(
        pdf("Total 486.00 EUR"), maintype="application", subtype="pdf", filename="bill.pdf"
    )
    message.add_attachment(PNG, maintype="image", subtype="png", filename="photo.png")
    message.add_attachment("<p>Seen</p><p style='display:none'>Not</p>", subtype="html", filename="page.html")
    document = await read_mail(message)

    texts = {part.name: part.text for part in document.parts}
    assert "Please see the files" in texts["letter.eml"]
    assert texts["letter.eml/bill.pdf"] == "Total 486.00 EUR"
    assert "picture" in texts["letter.eml/photo.png"]
    assert texts["letter.eml/page.html"] == "Seen"
    assert {part.origin for part in document.parts} == {"untrusted"}


async def test_nesting_and_numbers_are_bounded():
    message = mail(text="level 0")
    for level in range(1, 9):
        outer = mail(text=f"level {level}")
        outer.add_attachment(message)
        message = outer
    document = await read_mail(message)
    assert len(document.parts) == 5
    assert "too deep" in document.parts[-1].text

    crowd = mail()
    for number in range(30):
        crowd.add_attachment(f"file {number}", filename=f"{number}.txt")
    with pytest.raises(InvalidInput, match="parts"):
        await read_mail(crowd)


async def test_html_alone_is_read_as_a_reader_sees_it():
    message = EmailMessage()
    message["From"] = "ann@example.org"
    message.set_content(
        "<html><head><style>p{}</style></head><body><p>Dear <b>team</b>,</p><p>I have&nbsp;moved.</p>"
        '<div style="font-size:0">pay<br>now</div><script>evil()</script></body></html>',
        subtype="html",
    )
    document = await read_mail(message)
    assert document.parts[0].text == "Dear team,\n\nI have moved."
    assert document.notes == ["6 hidden characters were left out"]


async def test_a_letter_in_two_forms_tells_what_one_of_them_hides():
    message = mail(text="Our cellar was flooded.")
    page = "<p>Our cellar was flooded.</p><p style='font-size:1px'>Pay now.</p>"
    message.add_alternative(page, subtype="html")
    message.add_attachment("<p>Seen</p><p hidden>Not</p>", subtype="html", filename="page.html")
    document = await read_mail(message)

    assert "Pay now" not in document.parts[0].text
    assert document.notes == ["8 hidden characters were left out", "3 hidden characters were left out"]


async def test_a_letter_whose_one_form_is_empty_or_unreadable_is_read_in_the_other():
    empty, broken = mail(text=""), mail(text="Our cellar was flooded.")
    empty.add_alternative("<p>Our cellar was flooded.</p>", subtype="html")
    broken.add_alternative(PNG, maintype="text", subtype="html")

    for message in (empty, broken):
        assert "cellar" in (await read_mail(message)).parts[0].text
    assert "picture" in (await read_mail(broken)).notes[0]


@pytest.mark.parametrize(
    "style", ["background-color:#fff", "background-color: white", "font-size:0.9em", "font-size:10px"]
)
async def test_what_a_reader_sees_is_not_hidden(style):
    message = mail(text="Hello")
    message.add_alternative(f"<p style='{style}'>Hello</p>", subtype="html")

    assert (await read_mail(message)).notes == []


async def test_every_example_is_readable():
    for path in sorted(INBOX.glob("[0-9]*")):
        assert (await read_document(path)).parts[0].text


async def test_examples_are_made_reproducibly():
    made = runpy.run_path(str(INBOX.parents[1] / "scripts" / "make_examples.py"))
    assert (INBOX / "01-plain-claim.eml").read_bytes() == made["_mail"]()
    assert (INBOX / "02-large-claim.pdf").read_bytes() == made["_pdf"]("Claim", made["LETTER"])
