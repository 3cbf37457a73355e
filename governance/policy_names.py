"""Names in policy files and limits: Cedar takes any, and a rule about one that nobody has never applies."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import chain
from pathlib import Path

from governance.limits import Limits
from governance.policy_files import find_files, read_text

WORDS = {
    "AgentKind": "no agent is of the kind",
    "Agent": "no agent or pattern is called",
    "Role": "nobody in users.toml has the role",
    "User": "nobody in users.toml is called",
    "tenant": "nobody in users.toml is of the tenant",
    "Tool": "there is no tool",
    "action": "there is no tool or action",
    "graph": "there is no graph",
    "Model": "models/roles.toml has no role",
    "person": "no person has a place in a team as",
}
"""What is said of an unknown name, by what it should name."""
_FACTS = {"tenant": "tenant", "to": "AgentKind", "from": "AgentKind", "graph": "graph", "user_roles": "Role"}
_FACT = rf"\b(?:context|resource|principal)\.({'|'.join(_FACTS)})\b"
_NAMES = r'(\[?(?:\s*"[^"]*"\s*,?)+)'
_ENTITY = re.compile(r'\b(\w+)::"([^"]*)"')
_FACT_FIRST = re.compile(rf"{_FACT}\s*(?:[!=]=|\.contains\w*\()\s*{_NAMES}")
_FACT_LAST = re.compile(rf"{_NAMES}\s*(?:\]\s*\.contains\w*\(|[!=]=)\s*{_FACT}")
_REMARK = re.compile(r'("[^"\n]*")|(?://|#)[^\n]*')


def unknown_names(folders: Sequence[Path], limits: Limits, known: Mapping[str, Collection[str]]) -> list[str]:
    """What policies and limits speak of and nobody is called, with file, line and the nearest name.

    Args:
        folders: Where `*.cedar` and `limits.toml` lie, at any depth.
        known: By the keys of `WORDS`; what isn't among them isn't looked at.
    """
    rules, numbers = (
        {name: _REMARK.sub(r"\1", read_text(path)) for name, path in find_files(folders, pattern)}
        for pattern in ("*.cedar", "limits.toml")
    )
    found = [
        (_line(file, text, at), kind, name)
        for file, text in rules.items()
        for kind, name, at in _in_policy(text)
    ]
    for kind, name in _in_limits(limits):
        word = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")
        at = [(file, text, match.start()) for file, text in numbers.items() if (match := word.search(text))]
        found += [(_line(*last), kind, name) for last in at[-1:] or [("limits.toml", "", 0)]]
    return [
        f"{where}: {WORDS[kind]} {name}; {_nearest(name, known[kind])}"
        for where, kind, name in found
        if name not in known.get(kind, (name,))
    ]


def _in_policy(text: str) -> Iterator[tuple[str, str, int]]:
    for entity in _ENTITY.finditer(text):
        yield entity[1], entity[2], entity.start()
    for fact in chain(_FACT_FIRST.finditer(text), _FACT_LAST.finditer(text)):
        kind, names = (1, 2) if fact[1] in _FACTS else (2, 1)
        for name in re.findall(r'"([^"]*)"', fact[names]):
            yield _FACTS[fact[kind]], name, fact.start(names) + fact[names].index(f'"{name}"')


def _in_limits(limits: Limits) -> Iterator[tuple[str, str]]:
    rules, people = limits.approvals, limits.people.values()
    for role in chain(rules.roles, *rules.actions.values(), *(p.roles + p.deputy for p in people)):
        yield "Role", role
    rated = {"tool": "Tool", "agent": "Agent", "user": "User", "tenant": "tenant"}
    for rate in limits.rates:
        kind, _, name = rate.partition(":")
        if name != "*":
            yield rated[kind], name
    named = {"action": rules.actions, "person": limits.people, "Agent": limits.workers}
    yield from ((kind, name) for kind, names in named.items() for name in names)


def _line(file: str, text: str, at: int) -> str:
    return f"{file}, line {text.count(chr(10), 0, at) + 1}"


def _nearest(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"do you mean {near[0]}?" if near else f"there are {', '.join(sorted(known)) or 'none'}"
