"""Questions about the wording: one look into the documents, one answer with sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphs.direct import direct
from memory.desk.wordings import WORDINGS
from nodes.desk import checks
from nodes.desk.agents import ANSWERS


def _outcome(results: Mapping[str, Any]) -> dict[str, Any]:
    answer = results.get("answer")
    if not answer:
        return {"result": {}}
    quotes = {passage["source"]: passage["text"] for passage in results["passages"]}
    evidence = [{"source": source, "quote": quotes[source][:300]} for source in answer["sources"]]
    return {"answer": answer["answer"], "evidence": evidence, "result": answer}


graph = direct(ANSWERS, retriever=WORDINGS, least=0.26, check=checks.sources_exist, compose=_outcome).compile(
    name="direct"
)
