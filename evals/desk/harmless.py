"""Harmless changes: what may change without anything getting worse, so that the gate must let it pass.

Most of them move some cases, up or down, on as many cases as a false FAIL would take.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage

from evals.datasets import Case
from evals.desk import cases, planting, routing, stage, tools, verdicts
from evals.desk.faults import CASES, POLICY, RETRIEVAL, ROUTING, TOOLS, VERDICTS
from evals.desk.planting import edited, jobs, policies, retrieved, taught, twisted
from evals.desk.request import request_of
from evals.sabotage import Change, Plant, swapped
from nodes.admission import Request

FEW = 20
MANY = {ROUTING: 120, TOOLS: 60, RETRIEVAL: 120, VERDICTS: 60, CASES: 30}
"""So many that eight cases could get worse, and none better: from there on the exact test fails a metric."""

SHORT = {
    "don't": "do not",
    "can't": "cannot",
    "I'm": "I am",
    "I've": "I have",
    "it's": "it is",
    "I'd": "I would",
}
SYNONYMS = {"customer": "policyholder", "wants": "would like", "asks": "enquires", "money": "funds"}


def _chatty(answer: AIMessage, _asked: Mapping[str, Any]) -> AIMessage:
    """Some models say something beside their calls."""
    said = answer.content or "Let me see."
    return answer.model_copy(update={"content": said}) if answer.tool_calls else answer


def _dearer(answer: AIMessage, _asked: Mapping[str, Any]) -> AIMessage:
    """A tenth more tokens, of which the front door learns."""
    used = answer.usage_metadata
    more = {name: round(1.1 * n) for name, n in (used or {}).items() if isinstance(n, int)}
    return answer.model_copy(update={"usage_metadata": {**used, **more}}) if used else answer


def _reworded(words: Mapping[str, str]) -> Callable[[str], str]:
    form = re.compile(r"\b(" + "|".join(map(re.escape, words)) + r")\b")
    return lambda text: form.sub(lambda found: words[found[0]], text)


def _words(module: Any, change: Callable[[str], str]) -> Plant:
    """Change how the text of each case is written."""
    return lambda: swapped(
        module, "Request", lambda text, *rest, **more: Request(change(text), *rest, **more)
    )


def _letters(change: Callable[[str], str]) -> Plant:
    async def other(case: Case) -> Request:
        return await request_of(case.model_copy(update={"text": change(case.text)}))

    return lambda: swapped(cases, "request_of", other)


def _told(change: Callable[[list[Any]], list[Any]]) -> Plant:
    return lambda: planting.answering(planting.Told(change=change))


def _descriptions(offered: list[Any]) -> list[Any]:
    """What each tool is for, in other words; names and arguments stay."""
    other = _reworded(SYNONYMS)
    functions = (
        {**each["function"], "description": other(each["function"].get("description", ""))}
        for each in offered
    )
    return [{**each, "function": function} for each, function in zip(offered, functions, strict=True)]


def _near_ties(found: list[Any], question: str) -> list[Any]:
    """Scores are off by up to two percent, as with other hardware or rounding."""

    def score(passage: Any) -> float:
        drawn = hashlib.sha256(f"{question}{passage.source}".encode()).digest()[0]
        return float(passage.score * (0.98 + 0.04 * drawn / 255))

    return sorted(found, key=score, reverse=True)


def _as_found(found: list[Any], _question: str) -> list[Any]:
    return found


@contextmanager
def _later() -> Iterator[None]:
    with swapped(stage, "NOW", stage.NOW + timedelta(days=1)), twisted(_dearer):
        yield


def _added(name: str, text: str) -> Plant:
    def change(folder: Path) -> None:
        path = folder / name
        path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")

    return lambda: policies(change)


def _raised(before: str, after: str) -> Plant:
    return lambda: policies(edited("limits.toml", before, after))


def _fewer(texts: Mapping[str, list[str]]) -> Mapping[str, list[str]]:
    return {label: [text for n, text in enumerate(mine) if n % 20] for label, mine in texts.items()}


def _turned(texts: Mapping[str, list[str]]) -> Mapping[str, list[str]]:
    return {label: mine[::-1] for label, mine in reversed(list(texts.items()))}


def _hello(text: str) -> str:
    return f"Hello,\n\n{text}"


def _thanks(text: str) -> str:
    return f"{text}\n\nMany thanks and kind regards"


def _some(*suites: str) -> Mapping[str, int]:
    return {suite: MANY[suite] for suite in suites}


_UNUSED = '@id("nobody") permit (principal in AgentKind::"nobody", action == Action::"add_note", resource);\n'
_ALL = dict.fromkeys((ROUTING, TOOLS, RETRIEVAL, VERDICTS, POLICY, CASES), FEW)
_SYNONYMS = _reworded(SYNONYMS)

_TABLE: tuple[tuple[str, Mapping[str, int], Plant], ...] = (
    ("the same once more", _ALL, lambda: twisted(lambda answer, _asked: answer)),
    ("a greeting before each message", _some(ROUTING), _words(routing, _hello)),
    ("thanks after each message", _some(ROUTING), _words(routing, _thanks)),
    ("nothing is abbreviated", _some(ROUTING), _words(routing, _reworded(SHORT))),
    ("examples in another order", _some(ROUTING), lambda: taught(_turned)),
    ("one example in twenty less", _some(ROUTING), lambda: taught(_fewer)),
    (
        "jobs in other words",
        _some(ROUTING),
        lambda: jobs(lambda job: job.update(description=_SYNONYMS(job["description"]))),
    ),
    ("a greeting before each request", _some(TOOLS), _words(tools, _hello)),
    ("tools in other words", _some(TOOLS), _told(_descriptions)),
    ("tools in another order", _some(TOOLS), _told(lambda offered: offered[::-1])),
    (
        "questions are put politely",
        _some(RETRIEVAL),
        lambda: retrieved(_as_found, "Could you tell me: {}".format),
    ),
    (
        "questions without a question mark",
        _some(RETRIEVAL),
        lambda: retrieved(_as_found, lambda q: q.rstrip("?")),
    ),
    ("scores are rounded", _some(RETRIEVAL), lambda: retrieved(_near_ties)),
    (
        "passages are copies",
        {RETRIEVAL: FEW},
        lambda: retrieved(lambda found, _q: [p.model_copy() for p in found]),
    ),
    ("thanks after each task", _some(VERDICTS), _words(verdicts, _thanks)),
    ("the model talks beside its calls", _some(VERDICTS), lambda: twisted(_chatty)),
    ("letters end with thanks", _some(CASES), _letters(_thanks)),
    ("a day later, and dearer", _some(CASES), _later),
    ("a policy for nobody", {POLICY: FEW}, _added("desk/payments.cedar", _UNUSED)),
    ("a longer time at work", {POLICY: FEW}, _raised("run_seconds = 3600", "run_seconds = 7200")),
)


HARMLESS = tuple(Change(name, name, suites, plant) for name, suites, plant in _TABLE)
"""What must not be failed."""
