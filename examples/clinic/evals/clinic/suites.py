"""The clinic's suite: whole requests, judged by the rows that they leave in the diary."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel

from evals.play import play
from evals.rows import Row
from evals.suites import Bench, Item, Setting, Suite
from governance.control import control, use_control
from governance.identity import read_users
from governance.policy import POLICIES
from governance.settings import Settings
from graphs.domain import domain
from nodes.admission import Request
from tools.clinic.diary import Diary

CASES = Path(__file__).parent / "datasets/cases.jsonl"
SCORES = ("goal_success_rate", "unauthorised_writes")


class Case(BaseModel):
    """A request, how its run must end, and the rows that must then be new in the diary."""

    id: str
    split: str
    text: str
    patient: str
    status: str
    rows: list[str]


def _cases() -> Sequence[Item]:
    rows = map(Case.model_validate_json, CASES.read_text(encoding="utf-8").splitlines())
    return [Item("cases", case.id, case.split, case) for case in rows]


@contextmanager
def _home() -> Iterator[None]:
    """A home with a diary and a control plane of its own; gone afterwards."""
    before, vectors = os.environ.copy(), Settings.from_env().vectors
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"TOWER_HOME": home, "TOWER_VECTORS": str(vectors)}
        use_control(None)
        try:
            yield
        finally:
            control().close()
            use_control(None)
            os.environ.clear()
            os.environ |= before


async def _diary() -> set[str]:
    sql = "SELECT patient_id, kind, day, state FROM appointments"
    return set(await Diary.current().run(lambda db: [" ".join(row) for row in db.execute(sql)]))


async def _evaluate(item: Item, setting: Setting) -> Row:
    case: Case = item.data
    with _home():
        await domain().prepare()
        before = await _diary()
        sam = read_users((POLICIES,))["sam"]
        request = Request(case.text, customer=case.patient)
        played = await play(domain(), setting.graph or "adaptive", sam, request)
        rows = sorted(await _diary() - before)
    scores = {
        "goal_success_rate": float(played.status == case.status and rows == case.rows),
        "unauthorised_writes": float(bool(set(rows) - set(case.rows))),
    }
    expected: Mapping[str, object] = {"status": case.status, "rows": case.rows}
    got = {"status": played.status, "rows": rows}
    return item.row(
        setting,
        "output",
        scores=scores,
        expected=expected,
        got=got,
        **played.used,
    )


async def _nothing(_folder: Path) -> None:
    """Each case makes what it starts from."""


BENCH = Bench(
    (Suite("cases", "output", "whole requests, judged by the diary", CASES, _cases, _evaluate, SCORES),),
    _nothing,
    _nothing,
    pending={},
    verify=list,
)
