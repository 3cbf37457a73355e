"""Answers: what a customer who asks a question is told, held against the sections that answer it."""

from __future__ import annotations

import re

from evals.datasets import Question
from evals.desk.data import DOCUMENTS
from evals.desk.judging import by_judge
from evals.desk.stage import users, world
from evals.grounding import borne, unborne
from evals.lexical import closest
from evals.play import play
from evals.rows import Row
from evals.suites import Item, Setting
from evals.verification import sections
from graphs.domain import domain
from nodes.admission import Request

GRAPH = "direct"


async def evaluate(item: Item, setting: Setting) -> Row:
    """Ask the graph that answers from the documents; it cites, or hands over to a person."""
    case: Question = item.data
    known = sections(DOCUMENTS)
    async with world(setting.folder):
        played = await play(domain(), setting.graph or GRAPH, users()["sam"], Request(case.question))
        answer = str(played.outcome.get("answer", "")) if played.status == "completed" else ""
        cited = list(dict.fromkeys(each["source"] for each in played.outcome.get("evidence", ())))
        sources = [{"source": name, "text": known[name]} for name in cited if name in known]
        graded = await by_judge(case.question, answer, sources)
    body = re.sub(r"\[[^\]]*\]|\([^)]*§[^)]*\)", " ", answer)  # the citation itself states nothing
    texts = [each["text"] for each in sources]
    quoted = closest(case.question, known)  # the baseline quotes this section, whatever is asked
    scores = graded | {
        "refusal_ref": float(bool(answer) == case.answerable),
        "refusal_ref__null": float(not case.answerable),
        "refusal_ref__keyword": float(case.answerable),
        "escalation_rate": float(played.handed_over),
        "escalation_rate__keyword": 0.0,
    }
    if answer and (share := borne(body, texts)) is not None:
        scores |= {"faithfulness_ref": share, "faithfulness_ref__keyword": 1.0}
    if case.answerable:
        scores["relevance_ref"] = float(bool(answer) and not set(cited).isdisjoint(case.relevant))
        scores["relevance_ref__keyword"] = float(quoted in case.relevant)
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
        **played.used,
    )
