"""Runner: cases of many suites, at work in several processes, become the rows of one experiment."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from evals.agents import is_of
from evals.cache import Cache
from evals.datasets import sha256
from evals.rows import Experiment, Row, home
from evals.sinks import untraced
from evals.suites import Item, Setting, Suite, Unjudged, bench
from evals.versions import MODEL_OF, experiment, models, policy_version, versions
from evals.workers import processes
from governance.errors import InvalidInput
from graphs.domain import domain

Notify = Callable[[Row, int, int], None]
"""Told of each row, how many there are by now, and how many there will be."""

CONFIGURES = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "TOWER_LOCAL_GGUF", "TOWER_MODEL")
SPLITS = ("dev", "held_out")
OTHERS = {"offline": CONFIGURES, "local": ("OPENAI_API_KEY", "OPENAI_BASE_URL", "TOWER_MODEL")}


@dataclass(frozen=True)
class Plan:
    """What to run.

    Attributes:
        repeat: How often each case is run.
        graph: The graph that cases of the output layer start; the suite's own if empty.
        model: `offline`, `local`, or the name of a model at the configured endpoint; as configured if
            empty.
        max_concurrency: Cases at work at once, each in a process of its own; 1 is this process.
        cache: Whether rows of earlier runs count.
        split: Only `dev` or `held_out`.
        cases: Only cases of these ids.
        agents: Only cases of these agents, as `evals.agents` names them.
        warm: Whether a process loads first what its first case would otherwise be timed with.
    """

    suites: Sequence[Suite]
    repeat: int = 1
    graph: str = ""
    model: str = ""
    max_concurrency: int = 2
    cache: bool = True
    split: str = ""
    cases: Sequence[str] = ()
    agents: Sequence[str] = ()
    warm: bool = True

    def items(self) -> list[Item]:
        """The cases, in the order of their suites."""
        return [
            item
            for suite in self.suites
            for item in suite.cases()
            if self.split in ("", item.split)
            and (not self.cases or item.id in self.cases)
            and (not self.agents or is_of(item, self.agents))
        ]


@dataclass(frozen=True)
class Job:
    """One case, once, as a process is told of it."""

    suite: str
    case: str
    setting: Setting


def evaluate(plan: Plan, notify: Notify = lambda _row, _done, _total: None) -> Experiment:
    """Run what isn't known yet; what was judged is kept at once, so that a killed run can be gone on with.

    Blocks; call it from no event loop.

    Raises:
        InvalidInput: There is no such case, split, graph or model, or nothing is left to run.
    """
    items = plan.items()
    if problem := _problem(plan, items):
        raise InvalidInput(problem)
    with _model(plan.model), untraced():
        answering = models()
        model = answering["worker"]
        known = dict(versions()) | ({"graph": plan.graph} if plan.graph else {})
        known |= {f"{MODEL_OF}{role}": name for role, name in answering.items()}
        depends = {"code": known["code"], "model": model, "graph": plan.graph}
        rows_of = Cache(home() / "cache.db", depends, reads=plan.cache)
        folder = home() / "stage"
        asyncio.run(bench().prepare(folder))
        if not plan.warm:
            _warm.add(folder)
        wanted = [(item, n) for item in items for n in range(plan.repeat)]
        rows: dict[tuple[str, str, int], Row] = {}
        for item, row in _rows(wanted, plan, rows_of, folder):
            rows[item.suite, item.id, row.repetition] = row
            notify(row, len(rows), len(wanted))
        datasets = {suite.name: sha256(suite.dataset) for suite in plan.suites}
        ordered = [rows[item.suite, item.id, n] for item, n in wanted]
        return experiment(ordered, datasets, model, policy=policy_version(), known=known)


def _problem(plan: Plan, items: Sequence[Item]) -> str:
    """Why a plan would run something else than it says, or nothing; empty if it wouldn't."""
    known = {item.id for suite in plan.suites for item in suite.cases()}
    unknown = ", ".join(case for case in plan.cases if case not in known)
    names, graphs = ", ".join(suite.name for suite in plan.suites), domain().graphs
    endpoint = any(map(os.environ.get, CONFIGURES[:2]))
    problems = {
        "--model local needs a model: set TOWER_LOCAL_GGUF to a GGUF file": plan.model == "local"
        and not Path(os.environ.get("TOWER_LOCAL_GGUF", "")).is_file(),
        f"--model {plan.model} needs an endpoint: set OPENAI_API_KEY or OPENAI_BASE_URL; "
        "without one there are offline and local": plan.model not in {"", *OTHERS} and not endpoint,
        f"there is no split {plan.split}; there are {', '.join(SPLITS)}": plan.split not in {"", *SPLITS},
        f"there is no graph {plan.graph}; there are {', '.join(graphs)}": plan.graph not in {"", *graphs},
        f"--graph is for suites of the output layer, and {names} isn't one": plan.graph
        and not any(suite.layer == "output" for suite in plan.suites),
        f"there is no case {unknown} in {names}": unknown,
        f"no case of {names} is of that split, case and agent at once": not items,
    }
    return next((said for said, true in problems.items() if true), "")


def _rows(
    wanted: Iterable[tuple[Item, int]], plan: Plan, known: Cache, folder: Path
) -> Iterator[tuple[Item, Row]]:
    """Rows as they come: first those that are known, then the others."""
    todo: list[tuple[Item, Job]] = []
    for item, n in wanted:
        row = known.get(item, n)
        if row is not None:
            yield item, row
        else:
            todo.append((item, Job(item.suite, item.id, Setting(folder, n, plan.graph))))
    if plan.max_concurrency <= 1:
        with asyncio.Runner() as runner:
            for item, job in todo:
                yield item, _kept(known, item, runner.run(_judged(job)))
        return
    # Threads and databases don't survive a fork.
    with processes(plan.max_concurrency, multiprocessing.get_context("spawn")) as pool:
        futures = {pool.submit(_work, job): item for item, job in todo}
        try:
            for future in as_completed(futures):
                yield futures[future], _kept(known, futures[future], future.result())
        except BaseException:
            _drop(pool, futures)
            raise


def _kept(known: Cache, item: Item, row: Row) -> Row:
    if not row.error:
        known.put(item, row)
    return row


def _drop(pool: Executor, futures: Mapping[Future[Row], Item]) -> None:
    for future in futures:
        future.cancel()
    pool.shutdown(wait=False, cancel_futures=True)


def _work(job: Job) -> Row:
    with untraced():
        return _loop().run(_judged(job))


@cache
def _loop() -> asyncio.Runner:
    """One event loop for all cases of a process."""
    return asyncio.Runner()


async def _judged(job: Job) -> Row:
    """A case's row; one that can't be judged says why and scores 0."""
    suite, item = _found()[job.suite, job.case]
    await _warmed(job.setting.folder)
    started = time.perf_counter()
    try:
        return await suite.evaluate(item, job.setting)
    except Exception as error:  # noqa: BLE001 - whatever it is, the others are judged
        return item.row(
            job.setting,
            suite.layer,
            scores=dict.fromkeys(suite.metrics, 0.0),
            expected=None,
            got=None,
            seconds=time.perf_counter() - started,
            error=f"{type(error).__name__}: {error}",
            run=error.run if isinstance(error, Unjudged) else "",
        )


_warm: set[Path] = set()


async def _warmed(folder: Path) -> None:
    """Do once in a process what would otherwise count as the first case's time."""
    if folder not in _warm:
        _warm.add(folder)
        # Whatever is wrong, a model that is away or what it says, is for the cases to say.
        with suppress(Exception):
            await bench().warm(folder)


@cache
def _found() -> dict[tuple[str, str], tuple[Suite, Item]]:
    return {(suite.name, item.id): (suite, item) for suite in bench().suites for item in suite.cases()}


@contextmanager
def _model(name: str) -> Iterator[None]:
    """Let this model answer, here and in the processes that are started meanwhile."""
    before = {each: os.environ.get(each) for each in CONFIGURES}
    for each in OTHERS.get(name, ()):
        os.environ.pop(each, None)
    if name and name not in OTHERS:
        os.environ["TOWER_MODEL"] = name
    try:
        yield
    finally:
        for each, value in before.items():
            os.environ.pop(each, None)
            if value is not None:
                os.environ[each] = value
