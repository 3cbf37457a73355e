"""The drift monitor is quiet while nothing changes and speaks up when something does."""

from __future__ import annotations

import itertools
import json
import random
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

from cli.evals_drift import _post
from evals.drift import check
from evals.eprocess import EProcess, simulate, watch
from evals.observations import Observed, add_canary, observe, of_deployed
from evals.thresholds import Drift
from governance.errors import TowerError
from tests.evals.making import experiment, row

LIMITS = Drift(alpha=0.05, pass_rate=0.9, window=100, horizon=2000, judged=0.5)


def test_the_capital_is_fair_at_the_rate_itself():
    # Exactly: the mean of the capital over all 2^10 streams, each with its own chance.
    total = 0.0
    for labels in itertools.product((0.0, 1.0), repeat=10):
        process = EProcess(0.9, horizon=20)
        capital = [float(process.observe(label)[0]) for label in labels][-1]
        total += capital * np.prod([0.9 if label else 0.1 for label in labels])

    assert total == pytest.approx(1.0)


def test_false_alarms_are_rarer_than_promised_and_a_drop_is_found_soon():
    found = simulate(0.9, 0.8, alpha=0.05, horizon=2000, streams=400)

    assert found.false_alarms <= 0.05
    assert found.delays[0][0] < 150
    assert found.delays[500][0] < 250
    assert max(missed for _, missed in found.delays.values()) == 0


def test_an_alarm_stays_even_if_things_get_better_afterwards():
    found = watch([0.0] * 30 + [1.0] * 500, 0.9, alpha=0.05, horizon=2000)

    assert found.alarm is not None
    assert found.alarm < 15


def stream(n, of, start=0):
    return [(f"2026-01-01T{start + i:06}", of(i)) for i in range(n)]


def test_it_starts_again_at_each_deploy():
    bad_before = stream(200, lambda _: 0.0) + stream(200, lambda _: 1.0, start=1000)

    assert check(Observed(labels={"canary": bad_before}), LIMITS)[0].alarm
    assert not check(Observed(labels={"canary": bad_before}), LIMITS, since="2026-01-01T001000")[0].alarm


def test_another_mix_of_tools_and_slower_answers_are_found():
    chance = random.Random(1)
    before = stream(300, lambda _: chance.choice("aaab"))
    after = stream(300, lambda _: chance.choice("abbb"), start=1000)
    quick = stream(300, lambda _: chance.gauss(1, 0.2))
    slow = stream(300, lambda _: chance.gauss(1.2, 0.2), start=1000)
    seen = Observed(mixes={"tools": before + after}, values={"latency": quick + slow})

    assert [s.alarm for s in check(seen, LIMITS, since="2026-01-01T001000")] == [True, True]


def test_the_same_mix_raises_no_alarm_however_often_one_looks():
    alarms = 0
    for seed in range(60):
        chance = random.Random(seed)
        seen = Observed(
            mixes={"tools": stream(1100, lambda _, c=chance: c.choice("aabc"))},
            values={"latency": stream(1100, lambda _, c=chance: c.gauss(1, 0.2))},
        )
        alarms += any(s.alarm for s in check(seen, LIMITS, since="2026-01-01T000100"))

    assert alarms <= 5


def entry(seq, kind, run="", **more):
    return {
        "seq": seq,
        "time": f"2026-11-21T10:00:{seq:02}+00:00",
        "kind": kind,
        "run": run,
        "body": {},
    } | more


LOG = [
    entry(1, "run_opened", "r1", policy_version="p1", body={"graph": "single"}),
    entry(2, "cleared", "r1", seam="tool", action="add_note"),
    entry(3, "settled", "r1", seam="tool", action="add_note"),
    entry(5, "run_ended", "r1"),
    entry(6, "run_opened", "r2", policy_version="p2", body={"graph": "adaptive"}),
    entry(7, "approval_requested", "r2", seam="tool", action="pay_claim"),
    entry(8, "approval_decided", "r2", action="pay_claim", decision="edit"),
    entry(9, "settled", "r2", seam="tool", action="pay_claim"),
    entry(10, "pattern_judged", "r2", body={"job": "claim_new", "pattern": "sequential", "quality": 80}),
    entry(11, "run_ended", "r2"),
    entry(12, "undo_opened", "r2"),
    entry(13, "run_opened", "u2", policy_version="p2", body={"graph": "undo", "undoes": "r2"}),
    entry(14, "approval_decided", "u2", action="recall_payment", decision="approve"),
    entry(15, "settled", "u2", seam="tool", action="recall_payment"),
    entry(16, "run_ended", "u2"),
]


def test_calls_that_go_together_in_a_run_raise_no_alarm():
    """Six calls a run that are all alike would be six times as sure as they are."""
    alarms = 0
    for seed in range(60):
        chance, log = random.Random(seed), []
        for n in range(900):
            moment = f"2026-01-{1 + n // 60 % 28:02}T{n // 1680:02}:{n % 60:02}:00+00:00"
            action = chance.choice("aabc")
            calls = [entry(0, "cleared", f"r{seed}-{n}", time=moment, seam="tool", action=action)] * 6
            log += [entry(0, "run_opened", f"r{seed}-{n}", time=moment, policy_version="p1"), *calls]
        log.sort(key=lambda each: each["time"])
        seen = observe(log, lambda _: False)
        assert len(seen.mixes["tools"]) == 900
        alarms += any(s.alarm for s in check(seen, LIMITS))

    assert alarms <= 5


def test_the_audit_log_becomes_streams():
    seen = observe(LOG, lambda tool: tool in {"add_note", "pay_claim"})

    assert [value for _, value in seen.labels["decisions"]] == [0.0]  # edited: corrected
    assert [value for _, value in seen.labels["effects"]] == [1.0, 0.0]  # the second was undone
    assert [value for _, value in seen.mixes["tools"]] == ["add_note"]
    assert [value for _, value in seen.mixes["intents"]] == ["claim_new"]
    assert seen.values["score"][0][1] == pytest.approx(0.8)
    assert [value for _, value in seen.values["latency"]] == [4.0]  # r2 waited for a person
    assert seen.deployed == "2026-11-21T10:00:06+00:00"


UNDO = [
    *LOG[4:-4],
    entry(12, "run_opened", "u2", policy_version="p2", body={"graph": "undo", "undoes": "r2"}),
    entry(13, "undo_opened", "r2"),
]


@pytest.mark.parametrize("answer", ["reject", "approve"])
def test_what_people_say_of_an_undo_is_no_word_on_the_agents(answer):
    decided = entry(14, "approval_decided", "u2", action="recall_payment", decision=answer)
    before, after = (observe(log, {"pay_claim"}.__contains__) for log in (UNDO[:-2], [*UNDO, decided]))

    # All of its steps were refused, or none was done yet: the work stands.
    assert after.labels == before.labels
    settled = entry(15, "settled", "u2", seam="tool", action="recall_payment")
    undone = observe([*UNDO, decided, settled], {"pay_claim"}.__contains__)
    assert undone.labels["effects"] == [("2026-11-21T10:00:11+00:00", 0.0)]


def opened(seq, run, files="m1", policy="p1"):
    return entry(seq, "run_opened", run, policy_version=policy, body={"manifest": files})


def asked(seq, run, model, key):
    return entry(seq, "cleared", run, seam="model", resource="Model::worker", model=model, key=key)


@pytest.mark.parametrize(
    ("log", "at", "what"),
    [
        ([opened(1, "a"), opened(2, "b")], None, ""),
        ([opened(1, "a"), opened(2, "b", policy="p2")], 2, "policies"),
        ([opened(1, "a"), opened(2, "b", files="m2"), opened(3, "c", files="m2")], 2, "files"),
        ([opened(1, "a"), opened(2, "b", files=None), opened(3, "c")], None, ""),  # an undo has none
        ([opened(1, "a"), asked(2, "a", "x", "k"), asked(3, "a", "y", "l")], 3, "the model of worker"),
        # What is asked under the same key stands in for what failed.
        (
            [opened(1, "a"), asked(2, "a", "x", "k"), asked(3, "a", "y", "k"), asked(4, "a", "x", "l")],
            None,
            "",
        ),
    ],
)
def test_the_log_tells_a_deploy(log, at, what):
    seen = observe(log, lambda _: False)

    assert (seen.deployed, seen.what) == (f"2026-11-21T10:00:{at:02}+00:00" if at else "", what)


def test_only_experiments_of_what_is_deployed_count():
    models = {"worker": "small", "judge": "large"}

    def ran(name, model="small", code="c2", policy="p1", **more):
        versions = {"code": code, "model of worker": model, "model of judge": "large"}
        return experiment([], id=name, model=model, policy=policy, versions=versions | more)

    kept = [
        ran("old code", code="c1"), ran("old policies", policy="p0"), ran("good"), ran("other", model="big"),
        ran("pattern", graph="single"), ran("judge", **{"model of judge": "small"}), ran("too"),
    ]  # fmt: skip

    assert [e.id for e in of_deployed(kept, models)] == ["good", "too"]
    assert of_deployed(kept, models | {"worker": "none"}) == []


def canary(nights, scores, accepted=()):
    """What the check says of a suite that is run every night: all rows of a night have one time."""
    seen = Observed()
    experiments = [(f"2026-11-{night:02}", [*map(scored, enumerate(scores))]) for night in nights]
    add_canary(seen, experiments, "goal", [*map(scored, enumerate(accepted))])
    return check(seen, LIMITS)[0]


def scored(case):
    return row(f"K-{case[0]:03}", scores={"goal": case[1]})


def test_a_healthy_canary_raises_no_alarm_and_a_bad_one_does():
    healthy, bad = [0.0] * 6 + [1.0] * 114, [1.0] * 84 + [0.0] * 36

    assert (canary([1], healthy).alarm, canary(range(1, 29), healthy).alarm) == (False, False)
    assert canary([1], healthy[::-1]).alarm is False
    assert (canary([1], bad).alarm, canary([1], bad[::-1]).alarm) == (True, True)


def test_a_canary_is_due_what_was_accepted():
    accepted, worse = [1.0] * 87 + [0.0] * 33, [1.0] * 60 + [0.0] * 60
    perfect, one_less = [1.0] * 120, [0.0] + [1.0] * 119

    assert canary(range(1, 29), accepted, accepted).alarm is False
    assert canary([1, 2], worse, accepted).alarm is True
    assert "0.725 is due" in canary([1], worse, accepted).said
    assert canary([1], one_less, perfect).alarm is False
    assert canary([1, 2], [0.0] * 12 + [1.0] * 108, perfect).alarm is True
    # Only the easy cases are run: they are due what they reached.
    assert "1.000 passed, 0.990 is due" in canary([1], perfect[:80], accepted).said


def test_what_comes_from_the_cache_is_no_new_observation():
    rows = [row("K-1", scores={"goal": 0.0}, run="run-1")]
    seen = Observed()
    add_canary(seen, [("2026-11-20", rows), ("2026-11-21", rows)], "goal")

    assert seen.labels["canary"] == [("2026-11-20", 0.0)]


def test_canaries_that_could_not_be_judged_did_not_pass():
    seen = Observed()
    rows = [row("K-1", scores={"goal": 1.0}), row("K-2", scores={}, error="Boom")]
    add_canary(seen, [("2026-11-21", rows), ("2026-11-20", [])], "goal")

    assert sorted(value for _, value in seen.labels["canary"]) == [0.0, 1.0]


def test_an_alarm_is_posted_and_a_dead_webhook_is_an_error():
    posted = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            posted.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        url = f"http://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        _post(url, {"alarms": [1]})
        thread.join()

    assert posted == [{"alarms": [1]}]
    with pytest.raises(TowerError, match="couldn't be posted"):
        _post(url, {"alarms": [1]})
