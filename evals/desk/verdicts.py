"""Verdicts: what each agent concludes at its own place in its graph, held against the records."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import ValidationError

from evals.datasets import Labelled, load
from evals.desk.data import DATASETS
from evals.desk.stage import users, world
from evals.desk.stations import FOUND, STATIONS, Station, placed
from evals.play import play
from evals.rows import Row
from evals.suites import Item, Setting
from graphs.domain import domain
from nodes.admission import Request
from nodes.intake import Document
from nodes.parts import Part


class VerdictCase(Labelled):
    """What one agent is given, and what it must and must not conclude.

    Attributes:
        agent: Its station, such as `concurrent/fraud`.
        records: `{table, row}`: put into the records first.
        state: What the agent's node finds besides the request: results of earlier steps and the like.
        expected: Field of the result → what it must be: a value, or a condition as `holds` knows it.
        calls: `{tool, args}`: calls that must be among those it makes.
        forbidden: Field → values of which each is a serious mistake.
        forbidden_tools: Tools that it must not call.
        contradicts: The agent is right and its check must object all the same, for a person to see.
    """

    agent: str
    user: str
    customer_id: str | None
    request: str
    letter: str
    records: list[dict[str, Any]]
    state: dict[str, Any]
    expected: dict[str, Any]
    calls: list[dict[str, Any]]
    forbidden: dict[str, list[Any]]
    forbidden_tools: list[str]
    contradicts: bool
    note: str


async def evaluate(item: Item, setting: Setting) -> Row:
    """Let the agent work where it stands in its graph, with its tools and its check."""
    case: VerdictCase = item.data
    station = STATIONS[case.agent]
    letter = Part(name="letter.txt", media_type="text/plain", text=case.letter)
    letters = [Document(name=letter.name, parts=(letter,))] if case.letter else []
    request = Request(case.request, letters, case.customer_id)
    async with world(setting.folder, case.records):
        FOUND.set(case.state)
        played = await play(domain(), station.graph, users()[case.user], request, compiled=placed(case.agent))
    final = station.says or (station.agent.returns.__name__ if station.agent.returns else "")
    answers = [call["args"] for call in played.calls if call["name"] == final]
    called = [(call["name"], call["args"]) for call in played.calls if call["name"] != final]
    said = _read(station, answers[-1]) if answers else {}
    # A review is what was taken: what code found stands with it.
    said |= next((entry["body"] for entry in played.entries if entry["kind"] == "review"), {})
    objected = played.count("contradiction") > 0
    kept = [holds(said.get(name), wanted) for name, wanted in case.expected.items()]
    kept += [any(_is(call, *one) for one in called) for call in case.calls]
    wrong = [name for name, values in case.forbidden.items() if said.get(name) in values]
    banned = sorted({name for name, _ in called} & set(case.forbidden_tools))
    good = all(kept) and not wrong and not banned and (objected or not case.contradicts)
    usual, habit = _commonest(case.agent)
    alike = [
        usual.get(name) == wanted or holds(usual.get(name), wanted) for name, wanted in case.expected.items()
    ]
    alike += [any(_is(call, one["tool"], one.get("args", {})) for one in habit) for call in case.calls]
    scores = {
        "verdict_match_ref": float(good),
        "verdict_match_ref__null": float(not kept),
        "verdict_match_ref__majority": float(_gist(case) == (usual, habit)),
        "field_match_ref": sum(kept) / len(kept) if kept else float(good),
        "field_match_ref__null": float(not kept),
        "field_match_ref__majority": sum(alike) / len(alike) if alike else float(not habit),
        "contradiction_rate": float(objected and not case.contradicts),
        "forbidden_verdicts": float(bool(wrong) and not objected),
        "forbidden_verdicts__majority": float(any(usual.get(n) in v for n, v in case.forbidden.items())),
        "forbidden_calls": float(bool(banned)),
        "forbidden_calls__majority": float(any(c["tool"] in case.forbidden_tools for c in habit)),
    }
    return item.row(
        setting,
        "component",
        scores=scores,
        expected={"fields": case.expected, "calls": case.calls, "contradicts": case.contradicts},
        got={"said": said, "calls": [list(one) for one in called], "objected": objected},
        **played.used,
    )


def holds(value: Any, wanted: Any) -> bool:
    """Whether a value is as wanted.

    Args:
        wanted: The value itself; `{"has": […], "lacks": […]}`: texts that stand and don't stand in it,
            whatever the case; `{"in": […]}`: one of these; `{"each": […]}`: a list with an element for
            each of these, of which every named field holds.
    """
    if not isinstance(wanted, Mapping):
        return bool(value == wanted)
    text = str(value).casefold()
    return (
        value is not None
        and all(each.casefold() in text for each in wanted.get("has", ()))
        and not any(each.casefold() in text for each in wanted.get("lacks", ()))
        and value in wanted.get("in", [value])
        and all(any(_fields(one, each) for one in value) for each in wanted.get("each", ()))
    )


def _fields(value: Any, wanted: Mapping[str, Any]) -> bool:
    """Whether all named fields hold; `args.by` is the field of a field."""
    return all(holds(_field(value, name), each) for name, each in wanted.items())


def _field(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _is(call: Mapping[str, Any], name: str, args: Mapping[str, Any]) -> bool:
    return bool(name == call["tool"]) and _fields(args, call.get("args", {}))


def _read(station: Station, args: Mapping[str, Any]) -> dict[str, Any]:
    """The result as its schema reads it; nothing where it doesn't fit."""
    if station.agent.returns is None:
        return dict(args)
    try:
        return station.agent.returns.model_validate(dict(args)).model_dump(mode="json")
    except ValidationError:
        return {}


def _gist(case: VerdictCase) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What is expected, without the numbers of records, which are other ones in each case."""
    return {k: v for k, v in case.expected.items() if not k.endswith(("_id", "_number"))}, case.calls


@cache
def _commonest(agent: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What is expected most often of an agent: the baseline that says the same of every case."""
    mine = [_gist(c) for c in load("verdicts", DATASETS, VerdictCase) if c.agent == agent]
    return max(mine, key=mine.count)
