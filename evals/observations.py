"""Observations: what the audit log says of real runs, as streams that a drift monitor can follow."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from typing import Any

from evals.rows import Experiment, Row, aggregate
from evals.versions import MODEL_OF
from governance.outcome import Status

_SURE = 0.99
"""The highest pass rate that is due; at 1 a single failure would be proof."""


@dataclass(slots=True)
class Observed:
    """Streams, oldest first; each value with the time at which it became known.

    Attributes:
        labels: Stream → 1 where the work was right, 0 where a person or a canary says it wasn't.
        mixes: What is counted → category, such as the tool that was called.
        values: What is measured → number.
        rates: Stream of labels → the pass rate that is due, where that isn't the one of `[drift]`.
    """

    labels: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    mixes: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    values: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    completed: dict[str, str] = field(default_factory=dict)
    """Runs that completed, undos aside → when they ended."""
    deployed: str = ""
    """When policies, files or the model of a role changed last; empty if they never did."""
    what: str = ""
    """What changed then."""


@dataclass(slots=True)
class _Run:
    opened: str
    undoes: str
    ended: str = ""
    status: str = ""
    wrote: bool = False
    undone: bool = False
    asked: bool = False
    keys: set[str] = field(default_factory=set)
    """Of calls of models; what is asked later under the same one stands in for what failed."""
    tools: list[tuple[str, str]] = field(default_factory=list)


def observe(entries: Iterable[Mapping[str, Any]], writes: Callable[[str], bool]) -> Observed:
    """Fold a tenant's audit log into streams.

    Labels come from people: `decisions` has each approval that was given as asked (1), or corrected or
    refused (0); `effects` each run that changed something, 0 if a step of that was undone. A run of which
    nobody said anything is in neither, and what people say of the steps of an undo is no word on agents.
    A run whose opening isn't in the log, as an evaluation's that `topology --feed` has put there, is in none.

    Args:
        writes: Whether a tool changes anything.
    """
    seen, runs, running = Observed(), dict[str, _Run](), dict[str, str]()
    for entry in entries:
        kind, time, run, body = entry["kind"], entry["time"], entry.get("run", ""), entry.get("body", {})
        if kind == "run_opened":
            runs[run] = _Run(time, str(body.get("undoes", "")))
        if run not in runs:
            continue
        for what, version in _versions(runs[run], entry).items():
            if running.setdefault(what, version) != version:
                seen.deployed, seen.what, running[what] = time, what, version
        if kind == "approval_decided" and not runs[run].undoes:
            # What a person edited is as much of a correction as what they refused.
            right = float(entry.get("decision") == "approve")
            seen.labels.setdefault("decisions", []).append((time, right))
        elif kind == "cleared" and entry.get("seam") == "tool":
            runs[run].tools.append((time, entry["action"]))
        elif kind == "pattern_judged":
            seen.mixes.setdefault("intents", []).append((time, body["job"]))
            seen.mixes.setdefault("patterns", []).append((time, body["pattern"]))
            seen.values.setdefault("score", []).append((time, body["quality"] / 100))
        _note(runs, entry, writes)
    _of_runs(seen, runs)
    return seen


def add_canary(
    seen: Observed,
    experiments: Iterable[tuple[str, Iterable[Row]]],
    metric: str,
    accepted: Iterable[Row] = (),
) -> None:
    """Add the labels of a scheduled suite; what came from the cache is no new observation.

    All rows of an experiment have one time, so a hash orders them: whether a case passed must not.

    Args:
        experiments: When each was run, and its rows; oldest first.
        metric: The score that says whether a case passed.
        accepted: The suite's baseline; its mean over the cases that were run is the rate that is due.
    """
    labels: dict[str, tuple[str, str, float]] = {}
    cases = set()
    for created, rows in experiments:
        for row in rows:
            if metric in row.scores or row.error:
                place = hashlib.sha256(f"{created}/{row.case}/{row.repetition}".encode()).hexdigest()
                labels.setdefault(row.run or place, (created, place, row.scores.get(metric, 0.0)))
                cases.add(row.case)
    if labels:
        seen.labels["canary"] = [(created, score) for created, _, score in sorted(labels.values())]
    rate, n = aggregate((row for row in accepted if row.case in cases), metric)
    if n:
        seen.rates["canary"] = min(max(rate, 1 - _SURE), _SURE)


def of_deployed(experiments: Iterable[Experiment], models: Mapping[str, str]) -> list[Experiment]:
    """The experiments of what is deployed: these models, the front door, since code or policies changed.

    Args:
        experiments: Oldest first.
        models: Role → the model that is configured, as `evals.versions.models` has it.
    """

    def version(one: Experiment) -> tuple[str, str]:
        return one.versions.get("code", ""), one.policy

    kept = [
        one
        for one in experiments
        if "graph" not in one.versions
        and one.model == models["worker"]
        and all(one.versions.get(f"{MODEL_OF}{role}", name) == name for role, name in models.items())
    ]
    return list(takewhile(lambda one: version(one) == version(kept[-1]), reversed(kept)))[::-1]


def _versions(run: _Run, entry: Mapping[str, Any]) -> Mapping[str, str]:
    """What an entry says about the version of what runs; a model that stands in for another says nothing."""
    found: dict[str, Any] = {}
    if entry["kind"] == "run_opened":
        found = {"policies": entry.get("policy_version"), "files": entry.get("body", {}).get("manifest")}
    elif entry.get("seam") == "model" and entry.get("key") not in run.keys:
        run.keys.add(str(entry.get("key")))
        found = {f"the model of {str(entry.get('resource')).rpartition('::')[2]}": entry.get("model")}
    return {what: str(version) for what, version in found.items() if version}


def _note(runs: Mapping[str, _Run], entry: Mapping[str, Any], writes: Callable[[str], bool]) -> None:
    kind, run = entry["kind"], runs[entry["run"]]
    if kind == "run_ended":
        run.ended, run.status = entry["time"], entry.get("body", {}).get("status", "")
        run.keys.clear()
    elif kind == "settled" and entry.get("seam") == "tool":
        run.wrote = run.wrote or writes(entry["action"])
        if run.undoes in runs:
            runs[run.undoes].undone = True
    elif kind == "approval_requested":
        run.asked = True


def _of_runs(seen: Observed, runs: Mapping[str, _Run]) -> None:
    ended = {name: r for name, r in runs.items() if r.ended and not r.undoes}
    seen.completed = {name: r.ended for name, r in ended.items() if r.status == Status.COMPLETED}
    over = sorted(ended.values(), key=lambda r: r.ended)
    # One call of each run, by a hash: calls of one run go together, and χ² counts on draws that don't.
    tools = sorted(r.tools[_place(name) % len(r.tools)] for name, r in runs.items() if r.tools)
    wrote = [(r.ended, float(not r.undone)) for r in over if r.wrote]
    # Waiting for a person is no latency of ours.
    took = [(r.ended, _seconds(r)) for r in over if not r.asked]
    if tools:
        seen.mixes["tools"] = tools
    if wrote:
        seen.labels["effects"] = wrote
    if took:
        seen.values["latency"] = took


def _place(name: str) -> int:
    return int(hashlib.sha256(name.encode()).hexdigest()[:12], 16)


def _seconds(run: _Run) -> float:
    return (datetime.fromisoformat(run.ended) - datetime.fromisoformat(run.opened)).total_seconds()
