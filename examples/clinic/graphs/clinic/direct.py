"""Questions: one look into the leaflets, one answer with sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphs.direct import direct
from memory.clinic.leaflets import LEAFLETS
from nodes.agent import Lookup
from nodes.clinic.agents import ANSWERS
from nodes.clinic.results import Answer


async def _cited(result: Answer, state: Mapping[str, Any], _lookup: Lookup) -> Sequence[str]:
    """Every source was read, and the question is answered."""
    read = {passage["source"] for passage in state["results"]["passages"]}
    problems = [f"{source} is none of the passages" for source in result.sources if source not in read]
    return problems if result.answered else [*problems, "the leaflets leave the question open"]


def _told(results: Mapping[str, Any]) -> dict[str, Any]:
    answer = results.get(ANSWERS.name)
    if not answer:
        return {"result": {}}
    texts = {passage["source"]: passage["text"] for passage in results["passages"]}
    evidence = [{"source": source, "quote": texts[source]} for source in answer["sources"]]
    return {"answer": answer["answer"], "evidence": evidence, "result": answer}


graph = direct(ANSWERS, retriever=LEAFLETS, least=0.2, check=_cited, compose=_told).compile(name="direct")
