"""Aggregation: what the desk's join makes of verdicts that agree, differ or are missing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from evals.datasets import Frozen, Labelled
from evals.desk.stage import users, world
from evals.rows import Row
from evals.suites import Item, Setting
from governance.outcome import Status, worst
from graphs.domain import domain
from nodes.admission import Request
from nodes.desk.assessment import SENIOR_ADJUSTER
from nodes.place import RUN_KEY
from nodes.reconcile import RECONCILED, Panel, reconcile_node, reconciled
from nodes.resolve import Arbiter, AskHuman, HighestAuthority, Resolution, Vote, Weighted

ASKED = {SENIOR_ADJUSTER.name: "arbiter", "ask_human": "human"}
CHOICES = ("pay", "review", "decline")


class Settled(Frozen):
    """What must come of the verdicts; `status` is `asks` where somebody is asked first."""

    choice: str
    by: str
    asks: str
    status: str
    dissent: list[str]


NOTHING = Settled(choice="", by="", asks="", status="", dissent=[])


class VerdictSet(Labelled):
    """Verdicts (`choice confidence`), absences (`status error`) and how the team settles conflicts."""

    team: list[str]
    resolve: list[str]
    quorum: int
    said: dict[str, str]
    absent: dict[str, str]
    expected: Settled
    note: str


async def evaluate(item: Item, setting: Setting) -> Row:
    """Put the verdicts before the join that the desk's graph has, and see where it goes on to."""
    case: VerdictSet = item.data
    panel = Panel(case.team, CHOICES, [_resolution(each) for each in case.resolve], case.quorum)
    async with world(setting.folder):
        request = Request("Please assess claim CL-400001.")
        admitted = await domain().admission.admit(users()["hanna"], "concurrent", request, uuid4().hex)
        config: Any = {"configurable": {"thread_id": admitted.run.thread_id, RUN_KEY: admitted.run.id}}
        started = time.perf_counter()
        went = await reconcile_node(panel)(_state(case), config)
        seconds = time.perf_counter() - started
    got = _settled(str(went.goto), went.update)
    return item.row(
        setting,
        "component",
        scores={
            "aggregation_correctness_ref": float(got == case.expected),
            "aggregation_correctness_ref__null": float(case.expected.status == Status.FAILED),
            "aggregation_correctness_ref__majority": float(_majority(case) == case.expected),
        },
        expected=case.expected.model_dump(),
        got=got.model_dump(),
        run=admitted.run.id,
        seconds=seconds,
    )


def _state(case: VerdictSet) -> Any:
    given = {name: said.split() for name, said in case.said.items()}
    absent = {name: said.split() for name, said in case.absent.items()}
    return {
        "verdicts": {
            name: {"choice": choice, "confidence": int(sure), "reason": "as the records say", "evidence": []}
            for name, (choice, sure) in given.items()
        },
        "absences": {
            name: {"branch": name, "status": status, "error": error, "reason": "it is missing"}
            for name, (status, error) in absent.items()
        },
    }


def _settled(went_to: str, update: Mapping[str, Any]) -> Settled:
    found = update.get("results", {})
    if went_to in ASKED:
        return NOTHING.model_copy(update={"asks": ASKED[went_to], "status": "asks"})
    result, outcome = found.get(RECONCILED, {}), reconciled(found)
    faults = [Status(fault["status"]) for fault in update.get("faults", ())]
    return Settled(
        asks="",
        choice=result.get("choice", ""),
        by=result.get("settled_by", ""),
        status=worst([*faults, outcome["status"]]).value,
        dissent=[each["branch"] for each in outcome["dissent"]],
    )


def _majority(case: VerdictSet) -> Settled:
    """What counting heads alone would do: no quorum, no authority, nobody to ask."""
    heads = Counter(said.split()[0] for said in case.said.values())
    ((choice, most),) = heads.most_common(1) or [("", 0)]
    if 2 * most <= len(case.said):
        return NOTHING.model_copy(update={"status": Status.ESCALATED.value})
    against = [name for name in case.team if name in case.said and not case.said[name].startswith(choice)]
    by = "vote" if against else "unanimous"
    return Settled(choice=choice, by=by, asks="", status="completed", dissent=against)


def _resolution(said: str) -> Resolution:
    """Read `vote`, `weighted [branch=weight …]`, `authority branch … [only choice]`, `arbiter` or `human`."""
    kind, *words = said.split()
    match kind:
        case "vote":
            return Vote()
        case "weighted":
            pairs = (word.partition("=") for word in words)
            return Weighted({branch: int(weight) for branch, _, weight in pairs} or None)
        case "authority" if "only" in words:
            return HighestAuthority(words[: words.index("only")], only=words[-1])
        case "authority":
            return HighestAuthority(words)
        case "arbiter":
            return Arbiter(SENIOR_ADJUSTER)
    return AskHuman(role="claims-lead")
