"""What patterns are worth: held-out cases stay out, fed results are no real runs, few cases tell nothing."""

from __future__ import annotations

import asyncio
import json

import pytest
from typer.testing import CliRunner

from cli.evals import app
from evals.observations import Observed, observe
from evals.rows import write
from evals.standing import UNKNOWN, not_worth_it, standings
from evals.traces import keep
from governance.choices import trials
from governance.control import control, use_control
from tests.evals.making import experiment, row

LADDER = ("direct", "single", "sequential")


def case(name, pattern="single", goal=1.0, status="completed", **more):
    got = {"graph": pattern, "status": status}
    scores = {"goal_success_rate": goal}
    return row(name, suite="cases", layer="output", scores=scores, got=got, tokens=70, **more)


@pytest.fixture
def home(tower_home):
    use_control(None)
    yield tower_home
    control().close()
    use_control(None)


def kept(home, *found):
    """An experiment of cases with their class of task, of which the front door said no more than that."""
    write(experiment([each for each, _ in found], id="fed"))
    told = [(each.run, {"job": job}) for each, job in found if job]
    keep(home / "evals" / "stage", [{"kind": "pattern_chosen", "run": r, "body": b} for r, b in told])


def tower(*arguments):
    result = CliRunner().invoke(app, ["topology", "fed", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_what_waits_or_is_denied_counts_as_what_completes_does(home):
    ends = {"completed": 1.0, "waiting": 1.0, "denied": 0.0, "rejected": 0.0}
    found = [case(f"K-{s}", "sequential", goal, s, run=f"run-{s}") for s, goal in ends.items()]
    kept(home, *((each, "claim_new") for each in found))

    (standing,) = json.loads(tower("--json"))["standings"]
    assert (standing["job"], standing["n"], standing["quality"]) == ("claim_new", 4, 0.5)

    assert "4 results are among" in tower("--feed", "--as", "otto")
    records = asyncio.run(trials(control(), "harbor", "claim_new"))
    assert sorted((t.status, t.quality) for t in records) == [
        ("completed", 100), ("denied", 0), ("rejected", 0), ("waiting", 100)
    ]  # fmt: skip


def test_what_is_held_out_and_what_no_pattern_did_teach_the_front_door_nothing(home):
    kept(
        home,
        (case("K-1", run="run-1"), "claim_status"),
        (case("K-2", run="run-2", split="held_out"), "claim_status"),
        (case("K-3", "person", run="run-3"), "claim_status"),
        (case("K-4", run="run-4"), ""),
    )

    assert "1 results are among" in tower("--feed", "--as", "otto")
    assert len(asyncio.run(trials(control(), "harbor", "claim_status"))) == 1


def test_results_that_were_fed_are_no_observations_of_real_runs(home):
    kept(home, *((case(f"K-{n}", run=f"run-{n}"), "claim_status") for n in range(9)))

    tower("--feed", "--as", "otto")

    entries = [*control().audit.entries(tenant="harbor")]
    assert sum(entry["kind"] == "pattern_judged" for entry in entries) == 9
    assert observe(entries, lambda _: True) == Observed()


def test_cases_without_a_class_are_shown_last_and_not_ranked(home):
    found = [case(f"K-{n}", p, g) for n in range(8) for p, g in (("direct", 1.0), ("single", 0.0))]
    jobs = {"K-9": "zebra"}
    made = standings([*found, case("K-9")], LADDER, jobs)

    assert [(s.job, s.said) for s in made] == [("zebra", ""), (UNKNOWN, ""), (UNKNOWN, "")]
    kept(home, *((each, "") for each in found[::2]))
    assert "no kept run got to a choice" in tower()


def test_who_is_no_pattern_is_no_rung_to_be_held_against():
    found = [case(f"K-{n}", p) for n in range(8) for p in ("adaptive", "direct", "single", "person", "none")]

    made = standings(found, ("adaptive", *LADDER), {each.case: "claim_status" for each in found})

    assert [s.pattern for s in made if s.said] == ["single"]
    assert "over direct" in next(s.said for s in made if s.said)


def test_too_few_cases_say_so_whichever_way_they_point():
    def said(n, goal):
        found = [case(f"K-{i}", p, g) for i in range(n) for p, g in (("direct", 0.5), ("single", goal))]
        made = standings(found, LADDER, dict.fromkeys((each.case for each in found), "claim_status"))
        return made[1].said, not_worth_it(made)

    # Six pairs that all differ are the fewest that the exact test can call a difference.
    assert said(5, 0.0) == ("too few to tell: -0.500 over direct on 5 cases", [])
    assert said(5, 1.0)[0].startswith("too few to tell: +0.500")
    assert said(6, 0.0)[0].startswith(
        "doesn't beat direct: -0.500 over direct on 6 cases (p = 0.031, sees 0.96)"
    )
    assert len(said(6, 0.0)[1]) == 1
