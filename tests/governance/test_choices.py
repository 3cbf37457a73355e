"""What patterns came to: recorded once, by tenant, with what it took, on both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from governance import choices
from governance.acts import Cost, Seam
from governance.choices import Effort, Traces, Trial
from governance.control import ControlPlane
from governance.errors import ApprovalRequired, ControlUnavailable
from governance.principals import Actor, User
from tests.governance.conftest import CLAIMS, CONTRACT, OfficePolicy, act

TRIAL = Trial("claim", "sequential", "completed", 100, 4, 1200, 30, 900)


class Knowing(OfficePolicy):
    """Knows which tools only read."""

    def writes(self, action: str) -> bool:
        return action != "read_claim"


@pytest.fixture
def policy() -> Knowing:
    return Knowing()


async def test_a_trial_is_recorded_once_and_logged_once(plane: ControlPlane, run):
    await choices.record(plane, run, "sequential/0", TRIAL)
    await choices.record(plane, run, "sequential/0", replace(TRIAL, quality=0))

    assert await choices.trials(plane, "harbor", "claim") == [TRIAL]
    [entry] = plane.audit.entries(kind="pattern_judged")
    assert entry["body"]["quality"] == 100


async def test_trials_come_newest_first_and_stay_in_their_tenant(plane: ControlPlane, run, clock):
    for number in range(3):
        await choices.record(plane, run, f"sequential/{number}", replace(TRIAL, tokens=number))
        clock.forward(minutes=1)
    noah = User("noah", "lakeside", frozenset())
    theirs = await plane.open_run(graph="g", user=noah, contract=CONTRACT, input={})
    await choices.record(plane, theirs, "sequential/0", replace(TRIAL, tokens=99))

    assert [trial.tokens for trial in await choices.trials(plane, "harbor", "claim")] == [2, 1, 0]
    assert [trial.tokens for trial in await choices.trials(plane, "lakeside", "claim")] == [99]
    assert await choices.trials(plane, "harbor", "letter") == []


async def test_effort_is_what_was_settled_below_a_position(plane: ControlPlane, run, clock):
    async def ask(position: str, sequence: int, used: Cost) -> None:
        model = act(run, "call_model", sequence, seam=Seam.MODEL, resource=("Model", "worker"), args={})
        model = replace(model, actor=Actor(CLAIMS, run, position), cost=Cost(model_calls=1, tokens=5000))
        cleared = await plane.clear(model)
        clock.forward(seconds=2)
        await plane.settle(cleared, {}, used)

    await ask("choose/0", 1, Cost(model_calls=1, tokens=10))
    await ask("direct/0/answer/0", 1, Cost(model_calls=1, tokens=100, micros=7))
    await ask("direct/0/answer/0", 2, Cost(model_calls=1, tokens=200))
    await ask("direct/01/answer/0", 1, Cost(model_calls=1, tokens=4000))
    clock.forward(hours=2)  # a person thinks

    assert await choices.effort(plane, run, "direct/0") == Effort(2, 300, 7, 4000)


async def test_what_may_have_acted_counts_as_an_effect(plane: ControlPlane, run):
    async def traces() -> Traces:
        return await choices.traces(plane, run)

    read = await plane.clear(act(run, "read_claim", args={}))
    await plane.settle(read, {}, Cost())
    assert await traces() == Traces((), asked=False)

    begun = await plane.clear(act(run, args={"claim_id": "CL-400001", "amount": 100}))
    assert await traces() == Traces(("pay_claim",), asked=False)

    await plane.fail(begun, "timed out", Cost(), retry=True)
    assert await traces() == Traces(("pay_claim",), asked=False), "it has perhaps acted"

    with pytest.raises(ApprovalRequired):
        await plane.clear(act(run, sequence=2, args={"claim_id": "CL-400001", "amount": 60_000}))
    assert (await traces()).asked


async def test_without_its_store_nothing_is_learned_and_nothing_is_guessed(plane: ControlPlane, run):
    plane.store.close()

    with pytest.raises(ControlUnavailable):
        await choices.record(plane, run, "direct/0", TRIAL)
    with pytest.raises((ControlUnavailable, RuntimeError)):
        await choices.trials(plane, "harbor", "claim")


async def test_a_run_without_choices_has_nothing_to_explain(plane: ControlPlane):
    assert await choices.explanations(plane, "run-none") == []
