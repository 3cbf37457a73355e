"""A reviewer says what is right before anything on the screen does."""

from __future__ import annotations

from typer.testing import CliRunner

from cli.evals import app
from evals.datasets import SETS, Labelled
from evals.desk.suites import forms
from evals.review import GOLD, unlabelled
from evals.rows import write
from evals.suites import bench
from governance.control import control, use_control
from tests.evals.making import experiment, row

SHOWN = {
    "id", "split", "text", "role", "customer_id", "verified", "request", "given", "question", "channel",
    "user", "sender", "authenticated", "vouched", "subject", "html", "headers", "attachments", "approvals",
    "about", "sources", "answer_a", "answer_b", "agent", "letter", "records", "state", "kind", "graph",
    "tool", "args", "sure", "team", "resolve", "quorum", "said", "absent",
}  # fmt: skip


def test_every_field_of_every_case_is_shown_or_hidden_on_purpose():
    types: list[type[Labelled]] = [*SETS.values(), *(form for form, _ in forms().values())]

    fields = {name for each in types for name in each.model_fields}

    assert fields == SHOWN | GOLD
    assert not SHOWN & GOLD


def test_a_pair_is_shown_without_who_is_preferred_and_a_case_without_who_must_be_refused():
    pair = {"question": "How much?", "answer_a": "5", "preferred": "a", "label_a": {"faithfulness": "pass"}}
    case = {"text": "Pay me.", "expected": {}, "approvals": [{"by": "hanna", "refused": True}]}

    assert unlabelled(pair) == {"question": "How much?", "answer_a": "5"}
    assert unlabelled(case) == {"text": "Pay me.", "approvals": [{"by": "hanna"}]}
    assert unlabelled(None) is None


def test_what_is_expected_and_what_measures_say_comes_after_the_answer():
    case = next(item for item in bench().chosen(names=["routing"])[0].cases() if item.split == "dev")
    doubted = {"scores": {"good_ref": 1.0, "good_judge": 0.0}, "expected": {"gold": case.data.intent}}
    write(experiment([row(case.id, got={"intent": "gossip"}, **doubted)], id="disputed"))

    use_control(None)
    said = CliRunner().invoke(app, ["review", "disputed", "--as", "hanna"], input="y\n\n").output
    control().close()
    use_control(None)

    before, _, after = said.partition("Is it right?")
    assert "gossip" in before
    assert case.data.intent not in before
    assert "the reference says" not in before
    assert f'"gold": "{case.data.intent}"' in after
    assert "the reference says 1.00, the judge 0.00" in after
