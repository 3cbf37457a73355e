"""Seed texts: what customers say and what vendors bill, for the seeded records."""

from __future__ import annotations

QUESTIONS = (
    "Asked whether a bicycle in the locked cellar is covered against theft. Referred to the wording.",
    "Wants to know how the deductible works when two things break in one storm.",
    "Asked for a confirmation of cover for the landlord. Sent by post.",
    "Asked when the payment for the last claim will arrive.",
    "Would like to pay the premium monthly instead of twice a year.",
    "Asked whether a rented car abroad is covered. Explained the travel policy.",
    "Is moving in autumn and asked what that changes about the premium.",
    "Asked which papers we need for a claim after a break-in.",
)
COMPLAINTS = (
    "Complains that nobody called back although it was promised twice.",
    "Unhappy with the amount paid: thinks the deductible was taken off twice. Checked, it was not.",
    "Complains about a reminder for a premium that had been paid the day before.",
    "Says the letter about the declined claim is impossible to understand.",
    "Complains that the assessor came an hour late and left after ten minutes.",
    "Angry about the rise of the premium. Explained the reasons, wants it in writing.",
)
NOTES = (
    "Sent the papers that were missing; claim file is complete.",
    "Prefers to be called in the afternoon.",
    "Changed the e-mail address by phone, identity checked by date of birth.",
    "Informed about the new wording that applies from the next renewal.",
    "Offered a pet policy; will think about it.",
)
CALLBACKS = (
    "Please call back about the instalments, best after 17:00.",
    "Wants a call from the claims team about the next steps.",
    "Asked for a call back to go through the covers before renewal.",
)
SLOW = (
    "Complains that the water damage was reported weeks ago and nobody has decided anything.",
    "Complains about the claim: the drying firm is done, and we say that its bill is missing.",
    "Asks why the water damage claim takes so long; feels put off with promises.",
    "Complains that every call about the burst pipe is answered by somebody else.",
)
WATER_DAMAGE = (
    "Reports water damage: the flexible hose under the kitchen sink burst overnight. A FlowLine hose.",
    "Reports water damage in the bathroom. The plumber found a cracked FlowLine connector, two years old.",
    "Water from the flat above came through the ceiling; the neighbour's washing machine hose had burst.",
    "Reports water damage behind the dishwasher. The vendor writes: hose failed at the crimp, make FlowLine.",
    "Cellar under water after a pipe burst. Frost damage according to the plumber.",
    "Asks how quickly a dryer can be sent: parquet is soaked after a hose burst in the kitchen.",
)

REPAIRS: dict[str, tuple[tuple[str, ...], str, int, int]] = {
    "water_damage": (
        ("Rohrdienst Nord", "Loodgieter Maas"),
        "pipe and drying",
        25_000,
        480_000,
    ),
    "fire": (("Brandschutz & Bau", "Rénov Ouest"), "smoke and soot removal", 120_000, 3_800_000),
    "storm": (("Dachdeckerei Ebner", "Toitures Lambert"), "roof and gutter", 40_000, 900_000),
    "theft": (("Schlüssel Voss", "Serrurerie Moreau"), "lock, door and stolen goods", 30_000, 350_000),
    "glass": (("Glaserei Fuchs", "Vidrios Molina"), "glazing", 12_000, 110_000),
    "collision": (("Karosserie Brandt", "Autohuis Visser", "Taller Ortega"), "body work", 60_000, 1_400_000),
    "liability": (("Kanzlei Aigner", "Advocaten Dekker"), "third party's damage", 20_000, 800_000),
    "luggage": (("Koffer Reiter", "Bagages Perrin"), "replacement of luggage", 8_000, 160_000),
    "medical": (("Clínica del Puerto", "Klinik am Graben"), "treatment abroad", 15_000, 600_000),
    "vet": (
        ("Quayside Veterinary Clinic", "Tierarztpraxis Moser"),
        "examination and treatment",
        9_000,
        280_000,
    ),
}
"""By peril: vendors, what they bill, and the range of the bill in cents."""

DECLINED = (
    "The cause of the loss is excluded by the wording.",
    "The amount is within the deductible.",
    "The papers that we asked for were not sent.",
)
