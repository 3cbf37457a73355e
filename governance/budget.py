"""Budget: what is reserved and spent per scope, so that nobody overspends, whoever runs beside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter

from governance.acts import Cost
from governance.errors import BudgetExhausted
from governance.limits import UNITS, Budget
from governance.store import Tx

_RESERVED = [f"reserved_{unit}" for unit in UNITS]
_SPENT = [f"spent_{unit}" for unit in UNITS]
_NONE = (0,) * len(UNITS)
_COLUMNS = [*_RESERVED, *_SPENT]
units = attrgetter(*UNITS)
"""A cost as a tuple, in the order of `UNITS`."""
_TOTALS = ", ".join(f"budget.reserved_{unit} + budget.spent_{unit}" for unit in UNITS)


@dataclass(frozen=True, slots=True)
class Scope:
    """Who pays, and how much at most.

    Attributes:
        name: `tenant:harbor/2026-11-21`, `run:run-7f3a9c2b41` or `agent:run-7f3a9c2b41/coverage`.
    """

    name: str
    limit: Budget


def reserve(tx: Tx, key: str, scopes: Sequence[Scope], cost: Cost) -> dict[str, tuple[int, ...]]:
    """Reserve `cost` for the act `key` in every scope, or in none.

    An act that has a reservation open keeps it and reserves nothing more.

    Returns:
        What each scope has reserved and spent now, by name and in the order of `UNITS`; empty where
        nothing was reserved.

    Raises:
        BudgetExhausted: A scope has less left; nothing was reserved.
    """
    new = tx.one(
        "INSERT INTO reservations (key, scopes, cost) VALUES (?, ?, ?)"
        " ON CONFLICT (key) DO NOTHING RETURNING 1",
        (key, json.dumps([scope.name for scope in scopes]), json.dumps(units(cost))),
    )
    if not new:
        return {}
    names = [scope.name for scope in scopes]
    asked_of_all = units(cost)
    totals = _add(tx, names, asked_of_all, _NONE)
    for scope in scopes:
        for unit, asked, total in zip(UNITS, asked_of_all, totals[scope.name], strict=True):
            limit = getattr(scope.limit, unit)
            if asked and limit is not None and total > limit:
                _add(tx, names, _negative(asked_of_all), _NONE)
                tx.execute("DELETE FROM reservations WHERE key = ?", (key,))
                raise BudgetExhausted(scope.name, unit, limit, left=limit - total + asked, asked=asked)
    return totals


def settle(tx: Tx, key: str, used: Cost | None = None) -> bool:
    """Turn the reservation of `key` into what was used; by default all of it, since nobody knows better.

    Returns:
        False if no reservation was open: it is settled once.
    """
    row = tx.one("DELETE FROM reservations WHERE key = ? RETURNING scopes, cost", (key,))
    if row is None:
        return False
    reserved = json.loads(row[1])
    spent = units(used) if used is not None else reserved
    _add(tx, json.loads(row[0]), _negative(reserved), spent)
    return True


def charge(tx: Tx, scopes: Sequence[Scope], used: Cost) -> None:
    """Count what was used without a reservation."""
    _add(tx, [scope.name for scope in scopes], _NONE, units(used))


def left_open(tx: Tx, run_id: str) -> dict[str, Cost]:
    """A run's reservations that nobody settled, by key."""
    rows = tx.all(
        "SELECT key, cost FROM reservations WHERE key > ? AND key < ?", (f"{run_id}/", f"{run_id}0")
    )
    return {key: Cost(*json.loads(cost)) for key, cost in rows}


def minus(total: Cost, part: Cost) -> Cost:
    """What is left of a cost without a part of it."""
    return Cost(*(t - p for t, p in zip(units(total), units(part), strict=True)))


def by_unit(cost: Cost) -> dict[str, int]:
    """A cost as a JSON object."""
    return dict(zip(UNITS, units(cost), strict=True))


def share(used: Cost, limit: Budget) -> float:
    """How much of a budget is used: the share (0 to 1 and above) of the scarcest unit."""
    shares = [
        (spent_ / most if most else 1.0)
        for spent_, most in zip(units(used), (getattr(limit, unit) for unit in UNITS), strict=True)
        if most is not None
    ]
    return max(shares, default=0.0)


def spent(tx: Tx, scope: str) -> Cost:
    """What a scope has used."""
    return _read(tx, scope, _SPENT)


def reserved(tx: Tx, scope: str) -> Cost:
    """What a scope has reserved for acts under way."""
    return _read(tx, scope, _RESERVED)


def spent_by_agent(tx: Tx, run_id: str) -> dict[str, Cost]:
    """What each agent of a run has used, by name."""
    within = f"agent:{run_id}"
    rows = tx.all(f"SELECT scope, {', '.join(_SPENT)} FROM budget WHERE within = ? ORDER BY scope", (within,))
    return {scope.removeprefix(f"{within}/"): Cost(*units) for scope, *units in rows}


def _read(tx: Tx, scope: str, columns: list[str]) -> Cost:
    row = tx.one(f"SELECT {', '.join(columns)} FROM budget WHERE scope = ?", (scope,))
    return Cost(*row) if row else Cost()


def _add(
    tx: Tx, scopes: Sequence[str], reserved_: Sequence[int], spent_: Sequence[int]
) -> dict[str, tuple[int, ...]]:
    """Add to several scopes in one statement, in the order given; return their new totals."""
    rows = tx.execute(
        _add_to(len(scopes)),
        [v for scope in scopes for v in (scope, scope.partition("/")[0], *reserved_, *spent_)],
    )
    return {scope: tuple(totals) for scope, *totals in rows}


@lru_cache
def _add_to(count: int) -> str:
    row = f"({', '.join('?' * (2 + len(_COLUMNS)))})"
    changes = ", ".join(f"{column} = budget.{column} + excluded.{column}" for column in _COLUMNS)
    return (
        f"INSERT INTO budget (scope, within, {', '.join(_COLUMNS)}) VALUES {', '.join([row] * count)}"
        f" ON CONFLICT (scope) DO UPDATE SET {changes} RETURNING scope, {_TOTALS}"
    )


def _negative(units: Sequence[int]) -> tuple[int, ...]:
    return tuple(-unit for unit in units)
