"""Names in policy files and limits: Cedar takes any, and a rule about one that nobody has never applies."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import chain
from pathlib import Path

from governance.approval_rules import ANY
from governance.limits import Limits
from governance.policy_files import find_files, read_text

WORDS = {
    "AgentKind": "no agent is of the kind",
    "Agent": "no agent or pattern is called",
    "Role": "nobody in users.toml has the role",
    "User": "nobody in users.toml is called",
    "Tenant": "nobody in users.toml is of the tenant",
    "Tool": "there is no tool",
    "action": "there is no tool or action",
    "Graph": "there is no graph",
    "Person": "no person has a place in a team as",
}
"""What is said of an unknown name, by what it should name."""
_FACTS = {"tenant": "Tenant", "to": "AgentKind", "from": "AgentKind", "graph": "Graph", "user_roles": "Role"}
_FACT = rf"\b(?:context|resource|principal)\.({'|'.join(_FACTS)})\b"
_NAMES = r'(\[?(?:\s*"[^"]*"\s*,?)+)'
_ENTITY = re.compile(r'\b(\w+)::"([^"]*)"')
_FACT_FIRST = re.compile(rf"{_FACT}\s*(?:[!=]=|\.contains\w*\()\s*{_NAMES}")
_FACT_LAST = re.compile(rf"{_NAMES}\s*(?:\]\s*\.contains\w*\(|[!=]=)\s*{_FACT}")
_REMARK = re.compile(r'("[^"\n]*")|(?://|#)[^\n]*')


def unknown_names(folders: Sequence[Path], limits: Limits, known: Mapping[str, Collection[str]]) -> list[str]:
    """What policies and limits speak of and nobody is called, with file, line and the nearest name.

    `known` has the names by the keys of `WORDS`; what isn't among these isn't looked at.
    """
    rules, numbers = (
        {name: _REMARK.sub(r"\1", read_text(path)) for name, path in find_files(folders, pattern)}
        for pattern in ("*.cedar", "limits.toml")
    )
    found = [(file, text, *said) for file, text in rules.items() for said in _in_policy(text)]
    for kind, name in _in_limits(limits):
        word = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")
        at = [(file, text, match.start()) for file, text in numbers.items() if (match := word.search(text))]
        found.append((*(at or [("limits.toml", "", 0)])[-1], kind, name))
    unknown = []
    for file, text, start, kind, name in found:
        if name not in known.get(kind, (name,)):
            near = get_close_matches(name, known[kind], 1, 0) or ["none at all"]
            line = text.count("\n", 0, start) + 1
            unknown.append(f"{file}, line {line}: {WORDS[kind]} {name}; the nearest is {near[0]}")
    return unknown


def _in_policy(text: str) -> Iterator[tuple[int, str, str]]:
    for entity in _ENTITY.finditer(text):
        yield entity.start(), entity[1], entity[2]
    for fact in chain(_FACT_FIRST.finditer(text), _FACT_LAST.finditer(text)):
        kind, names = (1, 2) if fact[1] in _FACTS else (2, 1)
        for name in re.finditer(r'"([^"]*)"', fact[names]):
            yield fact.start(names) + name.start(), _FACTS[fact[kind]], name[1]


def _in_limits(limits: Limits) -> Iterator[tuple[str, str]]:
    rules, people = limits.approvals, limits.people.values()
    asked = (*rules.actions.values(), *rules.escalate.values(), *(p.roles + p.deputy for p in people))
    actions = (*rules.actions, *(rules.escalate.keys() - {ANY}))
    named = {"Role": chain(rules.roles, *asked), "action": actions, "Tool": limits.confidence}
    named |= {"Person": limits.people, "Agent": limits.workers}
    yield from ((kind, name) for kind, names in named.items() for name in names)
    rated = (rate.partition(":") for rate in limits.rates)
    yield from ((kind.capitalize(), name) for kind, _, name in rated if name != "*")
