"""Make the example documents that aren't plain text; the same bytes at every run."""

from __future__ import annotations

import io
from email import policy
from email.message import EmailMessage
from pathlib import Path

from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

INBOX = Path(__file__).parent.parent / "examples" / "inbox"
LINE_POINTS = 16
LEFT_POINTS = 64

LETTER = """\
Jonas Albrecht

To Harbor Mutual, Claims
27 June 2026

Damage to my car, policy HM-200002

Dear Sir or Madam,

on Wednesday, 20 May 2026, at about half past seven in the morning, I drove
along the ring road when the van in front of me braked because of a
pedestrian. I could not stop in time on the wet road and ran into the rear of
the van. Nobody was hurt. The front wing, the bumper and one headlamp of my
car are damaged; the van has a scratch only.

I had the car towed to Karosserie Brandt, whose people had to wait for parts
and have now repaired it. Their invoice INV-300002 comes to 3,240.00 EUR. You
have received a copy of it directly from the workshop.

My policy covers collision, so I ask you to pay for the repair. Please use
the account that you have on record for me. I have kept the photographs from
the place of the accident and can send them if they help.

Yours faithfully,
Jonas Albrecht
"""

INVOICE = """\
Rohrdienst Nord

INVOICE INV-300001
26 June 2026

Customer: Marta Lindqvist
Policy: HM-200001

Emergency call-out on 12 May 2026                     95.00 EUR
Repair of the burst pipe in the kitchen               41.00 EUR
Drying of the kitchen floor, four days               350.00 EUR

Total, value added tax included                      486.00 EUR

Payable within 30 days.
"""

MAIL = """\
Dear team,

on Tuesday, 12 May 2026, a pipe burst under the sink in our kitchen while we
were at work. When I came home the water stood a finger deep on the floor. I
turned off the main tap and called a plumber, who came within the hour, repaired
the pipe and set up dryers for four days. His bill has only come now.

I attach the invoice INV-300001 over 486.00 EUR and would be glad if you could
pay it under my home insurance, policy HM-200001. The cupboards and the floor
are fine again, so there is nothing else to come.

Kind regards
Marta Lindqvist
"""


def main() -> None:
    """Write the documents into the inbox."""
    INBOX.joinpath("01-plain-claim.eml").write_bytes(_mail())
    INBOX.joinpath("02-large-claim.pdf").write_bytes(_pdf("Claim", LETTER))


def _pdf(title: str, text: str) -> bytes:
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=A4, invariant=True)
    canvas.setTitle(title)
    canvas.setFont("Helvetica", 11)
    height = A4[1]
    for number, line in enumerate(text.splitlines()):
        canvas.drawString(LEFT_POINTS, height - LEFT_POINTS - number * LINE_POINTS, line)
    canvas.showPage()
    canvas.save()
    return file.getvalue()


def _mail() -> bytes:
    message = EmailMessage(policy=policy.SMTP)
    message["Authentication-Results"] = (
        "mx.harbor-mutual.example; dkim=pass header.d=example.org header.s=mail; "
        "spf=pass smtp.mailfrom=marta.lindqvist@example.org"
    )
    message["From"] = "Marta Lindqvist <marta.lindqvist@example.org>"
    message["To"] = "claims@harbor-mutual.example"
    message["Subject"] = "Water damage in our kitchen, policy HM-200001"
    message["Date"] = "Sat, 27 Jun 2026 09:12:44 +0200"
    message["Message-ID"] = "<20260627091244.7c1@example.org>"
    message.set_content(MAIL)
    invoice = _pdf("Invoice INV-300001", INVOICE)
    message.add_attachment(invoice, maintype="application", subtype="pdf", filename="INV-300001.pdf")
    message.set_boundary("harbor-example-01")
    return message.as_bytes()


if __name__ == "__main__":
    main()
