"""Sabotage: faults are planted on purpose and have to be found where they are; harmless changes pass."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from evals.baselines import Baseline, Source
from evals.gate import decide
from evals.rows import Experiment, Row
from evals.runner import Plan, evaluate
from evals.suites import bench
from evals.thresholds import Thresholds, read_thresholds
from evals.verdict import State
from evals.workers import processes
from governance.errors import InvalidInput
from governance.settings import Settings

SPLIT = "dev"
DATA = "data"
"""Found by what checks files, before anything runs."""

Plant = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True)
class Change:
    """Something that is changed on purpose.

    Attributes:
        suites: What is run under it: suite → how many cases, or the ids of those that it is about.
        plant: Makes the change while it is entered.
        found_by: The layer that must find it, or `data`; empty if it does no harm and must pass.
        probe: For a fault in files: what is found wrong.
    """

    name: str
    about: str
    suites: Mapping[str, int | Sequence[str]]
    plant: Plant = nullcontext
    found_by: str = ""
    probe: Callable[[], Sequence[str]] | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What the gate made of a change.

    Attributes:
        layers: That found something.
        moved, cases: How many cases' scores aren't what they were, and how many were run.
        good: A fault was found where it should be, or a harmless change wasn't failed.
    """

    change: Change
    state: State
    layers: tuple[str, ...]
    said: tuple[str, ...]
    good: bool = field(default=False)
    moved: int = 0
    cases: int = 0


@contextmanager
def swapped(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Let an attribute have another value for a while."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def campaign(
    changes: Sequence[Change], find: Callable[[str], Change], *, workers: int = 2
) -> Iterator[Result]:
    """Run the suites as they are, then under each change, and hold one against the other.

    Args:
        find: A change by its name; a module's function, since it is asked for in other processes.
    """
    all_of = defaultdict[str, list[str]](list)
    for change in changes:
        for suite, ids in _cases(change).items():
            all_of[suite] += [each for each in ids if each not in all_of[suite]]
    # A process for each, so that nothing that was planted outlives its change; libraries are loaded once.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([find.__module__, "models.offline.chat", "models.vectors"])
    vectors = str(Settings.from_env().vectors)
    with processes(workers, context, tasks_each=1) as pool:
        honest = [pool.submit(_run, None, "", {suite: ids}, vectors) for suite, ids in all_of.items()]
        as_is = _joined([each.result() for each in honest])
        limits = read_thresholds()
        futures = {
            pool.submit(_run, find, change.name, _cases(change), vectors): change
            for change in changes
            if change.probe is None
        }
        yield from (_probed(change) for change in changes if change.probe)
        for future in as_completed(futures):
            change = futures[future]
            yield judge(change, future.result(), as_is, limits)


def judge(change: Change, now: Experiment, as_is: Experiment, limits: Thresholds) -> Result:
    """Hold the results under a change against those without it."""
    ids = {(row.suite, row.case) for row in now.rows}
    before = tuple(row for row in as_is.rows if (row.suite, row.case) in ids)
    source = Source("as-is", as_is.created, as_is.git_sha, as_is.model, as_is.policy, "", "", "", "")
    baseline = Baseline(dict.fromkeys(change.suites, source), before)
    known = _reachable(limits.only(set(change.suites)), replace(as_is, rows=before))
    verdict = decide(replace(now, datasets={}), baseline, known)
    layer_of = {row.suite: row.layer for row in as_is.rows}
    failed = verdict.of(State.FAIL)
    layers = tuple(sorted({layer_of[f.metric.suite] for f in failed}))
    said = tuple(f"{f.key}: {'; '.join(f.reasons)}" for f in failed)
    good = change.found_by in layers if change.found_by else verdict.state is not State.FAIL
    scores = {(row.suite, row.case): _scores(row) for row in before}
    moved = sum(_scores(row) != scores.get((row.suite, row.case)) for row in now.rows)
    return Result(change, verdict.state, layers, said, good, moved, len(now.rows))


def _scores(row: Row) -> dict[str, float]:
    """A row's scores but for its times, which are never the same."""
    return {name: value for name, value in row.scores.items() if not name.endswith("seconds")}


def _probed(change: Change) -> Result:
    said = tuple(change.probe()) if change.probe else ()
    state = State.FAIL if said else State.PASS
    return Result(change, state, (DATA,) if said else (), said, bool(said))


def _reachable(limits: Thresholds, as_is: Experiment) -> Thresholds:
    """Thresholds without what these few cases don't measure, and the floors that they miss as they are."""
    wide = replace(limits, metric=tuple(replace(m, split=None) for m in limits.metric))
    missed = {f.key for f in decide(as_is, Baseline({}), wide).of(State.FAIL)}
    measured = {f"{row.suite}/{name}" for row in as_is.rows for name in row.scores}
    kept = [replace(m, floor=None) if m.key in missed else m for m in wide.metric]
    kept = [m for m in kept if m.key not in missed or (m.primary and m.key in measured)]
    return replace(wide, metric=tuple(kept), safety=tuple(s for s in wide.safety if s.key in measured))


def _cases(change: Change) -> dict[str, list[str]]:
    """Suite → ids of the cases that are run."""
    found = {}
    for name, wanted in change.suites.items():
        (suite,) = bench().chosen(names=[name])
        dev = [item.id for item in suite.cases() if item.split == SPLIT]
        found[name] = dev[:wanted] if isinstance(wanted, int) else [each for each in dev if each in wanted]
        if not isinstance(wanted, int) and len(found[name]) < len(wanted):
            msg = f"{change.name!r} needs {', '.join(wanted)} among the {SPLIT} cases of {name}"
            raise InvalidInput(msg)
    return found


def _run(
    find: Callable[[str], Change] | None, name: str, suites: Mapping[str, Sequence[str]], vectors: str
) -> Experiment:
    """Run some cases of some suites under a change, in a home of its own."""
    os.environ |= {"TOWER_VECTORS": vectors, "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory(prefix="tower-sabotage-") as folder:
        os.environ["TOWER_HOME"] = folder
        with find(name).plant() if find else nullcontext():
            return _joined(_suite(suite, ids) for suite, ids in suites.items())


def _suite(name: str, ids: Sequence[str]) -> Experiment:
    chosen = bench().chosen(names=[name])
    return evaluate(Plan(chosen, max_concurrency=1, cache=False, cases=ids, warm=False))


def _joined(parts: Iterable[Experiment]) -> Experiment:
    listed = list(parts)
    rows: list[Row] = [row for part in listed for row in part.rows]
    return replace(listed[0], rows=tuple(rows))
