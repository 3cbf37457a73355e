"""What a question rests on, as it is put to people: the sentence that asked for it, however late."""

from __future__ import annotations

from dataclasses import replace

from governance.acts import Cost
from governance.answers import hitl_request
from governance.grounds import FIRST, Grounds
from tests.governance.conftest import act

ACCOUNT = "<iban:2a54eb41e250>"
LETTER = "\n".join([*(f"Line {n}." for n in range(20)), f"Please pay into {ACCOUNT}.", "Yours"])
GROUNDS = Grounds("C-10001", "sender", (("find_customer", {"since": "2021", "gone": None}),), LETTER)


def test_the_line_that_asked_for_it_is_shown_however_late_it_stands() -> None:
    rows = GROUNDS.rows({"iban": ACCOUNT})
    assert rows[:2] == [("customer", "C-10001 (verified: sender)"), ("find_customer", "since 2021")]

    label, wrote = rows[2]
    assert "not verified" in label
    assert wrote.splitlines()[FIRST:] == [f"Please pay into {ACCOUNT}.", "… and 13 more lines"]
    assert GROUNDS.rows({}, lines=None)[2][1] == LETTER


def test_nobody_verified_and_nothing_written_is_said_as_it_is() -> None:
    assert replace(GROUNDS, customer=None, records=(), wrote="").rows({}) == [("customer", "nobody verified")]


async def test_what_waits_over_http_says_what_it_rests_on_in_tokens(plane, run):
    small = await plane.clear(act(run, args={"claim_id": "CL-1", "amount": 100}))
    await plane.settle(small, {"payment": "PAY-1", "iban": ACCOUNT}, Cost(tool_calls=1))
    large = act(run, sequence=2, args={"claim_id": "CL-1", "amount": 60_000})
    asked = await plane.request_approval(large, "service asks to pay.")

    told = hitl_request(asked, await plane.grounds(asked))["action_requests"][0]["description"]

    assert told.startswith("service asks to pay.")
    assert f"pay_claim: payment PAY-1, iban {ACCOUNT}" in told
    assert "customer: " in told
