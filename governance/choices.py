"""Choices: how each pattern did on each class of task, kept so that the front door can learn."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from governance.acts import Json
from governance.audit import Entry
from governance.clock import moment, stamp
from governance.plane_parts import Parts
from governance.principals import Run
from governance.store import Tx

_KEPT = 200
"""So many of the latest records are read; with forgetting, what is older counts for next to nothing."""
_UNITS = ("model_calls", "tokens", "micros")


@dataclass(frozen=True, slots=True)
class Effort:
    """What a part of a run took.

    Attributes:
        millis: Time at work, each act's own; waiting for a person doesn't count.
    """

    model_calls: int
    tokens: int
    micros: int
    millis: int


@dataclass(frozen=True, slots=True)
class Traces:
    """What a run has left behind so far.

    Attributes:
        effects: Tools that changed something, or may have.
        asked: Whether a person was asked anything.
    """

    effects: tuple[str, ...]
    asked: bool


@dataclass(frozen=True, slots=True)
class Trial:
    """How one pattern did on one request.

    Attributes:
        job: The class of task.
        quality: Percent.
    """

    job: str
    pattern: str
    status: str
    quality: int
    model_calls: int
    tokens: int
    micros: int
    millis: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a run went where it went, as it was decided at the time.

    Attributes:
        entry: Number of the audit entry that holds its hash.
        unaltered: It still has that hash.
    """

    body: Mapping[str, Any]
    entry: int | None
    unaltered: bool


async def effort(plane: Parts, run: Run, position: str) -> Effort:
    """What the acts below a position of a run took."""
    return await plane.store.read(lambda tx: _effort(tx, run, position))


async def traces(plane: Parts, run: Run, position: str = "") -> Traces:
    """What a run, or what works below a position of it, has left behind so far, by the journal."""
    return await plane.store.read(lambda tx: _traces(plane, tx, run, position))


async def record(plane: Parts, run: Run, position: str, trial: Trial) -> None:
    """Keep how a pattern did, once for each position of a run, and log it."""

    def work(tx: Tx) -> None:
        new = tx.execute(
            "INSERT INTO choices (run, position, tenant, job, pattern, status, quality, model_calls, tokens,"
            " micros, millis, ended) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (run, position) DO NOTHING RETURNING 1",
            (
                run.id, position, run.user.tenant, trial.job, trial.pattern, trial.status, trial.quality,
                trial.model_calls, trial.tokens, trial.micros, trial.millis, stamp(plane.clock()),
            ),
        )  # fmt: skip
        if new:
            body: dict[str, Json] = {"job": trial.job, "pattern": trial.pattern, "status": trial.status}
            body |= {"quality": trial.quality, "tokens": trial.tokens, "millis": trial.millis}
            plane.audit.append(tx, replace(Entry.of_run("pattern_judged", run), body=body))

    await plane.store.transact(work)


async def trials(plane: Parts, tenant: str, job: str) -> list[Trial]:
    """How patterns did on a class of task in a tenant, newest first."""
    rows = await plane.store.read(
        lambda tx: tx.all(
            "SELECT job, pattern, status, quality, model_calls, tokens, micros, millis FROM choices"
            " WHERE tenant = ? AND job = ? ORDER BY ended DESC, run, position LIMIT ?",
            (tenant, job, _KEPT),
        )
    )
    return [Trial(*row) for row in rows]


async def explanations(plane: Parts, run_id: str) -> list[Explanation]:
    """Each choice of a pattern in a run, oldest first, out of the journal; held against the audit log."""
    return await plane.store.read(lambda tx: _explanations(tx, run_id))


def _effort(tx: Tx, run: Run, position: str) -> Effort:
    below = f"{run.id}/{position}/"
    acts = tx.all("SELECT key, begun, ended FROM journal WHERE run = ? AND ended IS NOT NULL", (run.id,))
    costs = tx.all("SELECT key, cost FROM audit WHERE run = ? AND kind IN ('settled', 'failed')", (run.id,))
    used = [json.loads(cost) for key, cost in costs if key and key.startswith(below)]
    times = [moment(ended) - moment(begun) for key, begun, ended in acts if key.startswith(below)]
    spent = {unit: sum(cost.get(unit, 0) for cost in used) for unit in _UNITS}
    return Effort(**spent, millis=sum(round(time.total_seconds() * 1000) for time in times))


def _traces(plane: Parts, tx: Tx, run: Run, position: str) -> Traces:
    below = f"{run.id}/{position}/" if position else f"{run.id}/"
    # Failed ones as well: a tool that may be repeated and timed out has perhaps acted.
    acts = tx.all("SELECT key, action FROM journal WHERE run = ? AND seam = 'tool'", (run.id,))
    asked = tx.all("SELECT asked_key FROM approvals WHERE run = ?", (run.id,))
    tools = {name for key, name in acts if key.startswith(below) and plane.policy.writes(name)}
    return Traces(tuple(sorted(tools)), any(key.startswith(below) for (key,) in asked))


def _explanations(tx: Tx, run_id: str) -> list[Explanation]:
    made = tx.all(
        "SELECT key, result FROM journal WHERE run = ? AND seam = 'route' AND result IS NOT NULL"
        " ORDER BY begun, key",
        (run_id,),
    )
    logged = dict[str, tuple[int, Json]]()
    for seq, key, body in tx.all(
        "SELECT seq, key, body FROM audit WHERE run = ? AND kind = 'settled' AND seam = 'route'", (run_id,)
    ):
        logged[key] = (seq, json.loads(body).get("result"))
    found = []
    for key, result in made:
        body = json.loads(result)
        if "ladder" in body:
            entry, digest = logged.get(key, (None, None))
            same = digest == hashlib.sha256(result.encode()).hexdigest()
            found.append(Explanation(body, entry, same))
    return found
