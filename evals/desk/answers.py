"""Answers: what a customer who asks a question is told, held against the sections that answer it."""

from __future__ import annotations

import re

from evals.datasets import Question
from evals.desk.data import DOCUMENTS
from evals.desk.stage import asked
from evals.grounding import borne, unborne
from evals.rows import Row
from evals.suites import Item, Setting
from evals.verification import sections
from nodes.admission import Request

GRAPH = "direct"


async def evaluate(item: Item, setting: Setting) -> Row:
    """Ask the graph that answers from the documents; it cites, or hands over to a person."""
    case: Question = item.data
    played, seconds = await asked(setting.folder, setting.graph or GRAPH, Request(case.question))
    answer = str(played.outcome.get("answer", "")) if played.status == "completed" else ""
    known = sections(DOCUMENTS)
    cited = list(dict.fromkeys(each["source"] for each in played.outcome.get("evidence", ())))
    body = re.sub(r"\[[^\]]*\]|\([^)]*§[^)]*\)", " ", answer)  # the citation itself states nothing
    texts = [known[source] for source in cited if source in known]
    scores = {
        "refusal_ref": float(bool(answer) == case.answerable),
        "refusal_ref__null": float(not case.answerable),
        "escalation_rate": float(played.handed_over),
    }
    if answer and (share := borne(body, texts)) is not None:
        scores["faithfulness_ref"] = share
    if case.answerable:
        scores["relevance_ref"] = float(bool(answer) and not set(cited).isdisjoint(case.relevant))
        scores["relevance_ref__null"] = 0.0
    return item.row(
        setting,
        "output",
        scores=scores,
        expected={"sources": case.relevant, "answerable": case.answerable},
        got={
            "answer": answer[:400],
            "sources": cited,
            "status": played.status,
            "unborne": unborne(body, texts) if answer else [],
        },
        run=played.run,
        seconds=seconds,
        **played.used,
    )
