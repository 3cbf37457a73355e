"""Routing: what the real front door makes of an utterance, and where it sends it."""

from __future__ import annotations

from typing import Any

from evals.datasets import Utterance
from evals.desk.probes import front_door
from evals.desk.stage import asked
from evals.lexical import closest
from evals.rows import Row
from evals.suites import Item, Setting
from nodes.admission import Request
from nodes.desk.front_door import EXAMPLES, FRONT_DOOR, JOBS
from nodes.selection import NOBODY

OUT_OF_SCOPE = "out_of_scope"
LADDERS = {job.name: job.ladder for job in JOBS}
DESCRIBED = {job: " ".join(texts) for job, texts in EXAMPLES.texts.items()}


async def evaluate(item: Item, setting: Setting) -> Row:
    """Let the front door choose, and hold the choice against intent and pattern."""
    case: Utterance = item.data
    played = await asked(setting.folder, "adaptive", Request(case.text), compiled=front_door())
    choice = played.state.get("results", {}).get(FRONT_DOOR.name, {})
    job, pattern = choice.get("job", ""), choice.get("to", "")
    told = played.calls[0]["args"] if played.calls else {}
    sure = _sure(told.get("confidence", 100)) if job else 0.0
    words = closest(case.text, DESCRIBED)
    outside = case.intent == OUT_OF_SCOPE
    scores = {
        "intent_correctness_ref": float(job == case.intent),
        "intent_correctness_ref__null": float(outside),
        "intent_correctness_ref__keyword": float(words == case.intent),
        "routing_path_match_ref": float(_right(case, pattern)),
        "routing_path_match_ref__null": float(outside),
        "routing_path_match_ref__keyword": float(_right(case, (*LADDERS[words], NOBODY)[0])),
        "out_of_scope_score": (1 + (sure if job == OUT_OF_SCOPE else -sure)) / 2,
        "out_of_scope_score__keyword": float(words == OUT_OF_SCOPE),
    }
    return item.row(
        setting,
        "component",
        scores=scores,
        expected={"intent": case.intent, "pattern": case.pattern},
        got={"intent": job, "pattern": pattern, "faults": played.state.get("faults", [])},
        **played.used,
    )


def _sure(confidence: Any) -> float:
    """How sure the model said it was, from 0 to 1; in a form that nobody asked for it is worth nothing."""
    told = isinstance(confidence, int | float) and not isinstance(confidence, bool)
    return min(max(confidence, 0), 100) / 100 if told else 0.0


def _right(case: Utterance, pattern: str) -> bool:
    """Whether the labelled pattern was chosen; what is nobody's work goes to a person."""
    return pattern == (NOBODY if case.pattern == OUT_OF_SCOPE else case.pattern)
