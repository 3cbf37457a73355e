"""Runner: cases of many suites, at work in several processes, become the rows of one experiment."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from evals.agents import is_of
from evals.cache import Cache
from evals.datasets import sha256
from evals.rows import Experiment, Row, home
from evals.sinks import untraced
from evals.suites import Item, Setting, Suite, bench
from evals.versions import MODEL_OF, experiment, model_name, policy_version, versions
from evals.workers import processes
from models.door import choices, roles

Notify = Callable[[Row, int, int], None]
"""Told of each row, how many there are by now, and how many there will be."""

CONFIGURES = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "TOWER_LOCAL_GGUF", "TOWER_MODEL")
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
    """
    with _model(plan.model), untraced():
        # One that stands in where the first fails answers too.
        models = {role: ", ".join(map(model_name, choices(role))) for role in roles()}
        model = models["worker"]
        known = dict(versions()) | ({"graph": plan.graph} if plan.graph else {})
        known |= {f"{MODEL_OF}{role}": name for role, name in models.items()}
        depends = {"code": known["code"], "model": model, "graph": plan.graph}
        rows_of = Cache(home() / "cache.db", depends, reads=plan.cache)
        folder = home() / "stage"
        asyncio.run(bench().prepare(folder))
        if not plan.warm:
            _warm.add(folder)
        wanted = [(item, n) for item in plan.items() for n in range(plan.repeat)]
        rows: dict[tuple[str, str, int], Row] = {}
        for item, row in _rows(wanted, plan, rows_of, folder):
            rows[item.suite, item.id, row.repetition] = row
            notify(row, len(rows), len(wanted))
        datasets = {suite.name: sha256(suite.dataset) for suite in plan.suites}
        ordered = [rows[item.suite, item.id, n] for item, n in wanted]
        return experiment(ordered, datasets, model, policy=policy_version(), known=known)


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
        )


_warm: set[Path] = set()


async def _warmed(folder: Path) -> None:
    """Do once in a process what would otherwise count as the first case's time."""
    if folder not in _warm:
        _warm.add(folder)
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
