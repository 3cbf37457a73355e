"""Strings: identifiers, labelled lines, names and addresses that a field means."""

from __future__ import annotations

import re
from collections.abc import Sequence

from models.offline.dates import find_dates
from models.offline.facts import Facts
from models.offline.found import Found
from models.offline.schema import Field
from models.offline.text import near, stem, words

MAX_CHARACTERS = 200_000

_UPPER = r"[^\W\d_a-z]"
_STREET_START = "rue|avenue|boulevard|place|quai|chemin|all\u00e9e"
_TIMES = "From|On|In|At|Until|Since|By|Before|After"
_STREET_END = "Street|St|Road|Rd|Avenue|Ave|Lane|Way|Square|Drive|Close|Court|Quay|Row|Place"
FORMS: list[tuple[frozenset[str], re.Pattern[str]]] = [
    (frozenset(words("email e-mail mail")), re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")),
    (frozenset(words("url website link")), re.compile(r"https?://[^\s<>\"')]+")),
    (frozenset(words("phone telephone mobile")), re.compile(r"(?<![\w.])\+?\d[\d ()/-]{6,18}\d(?!\w)")),
    (
        frozenset(words("postcode zip city town")),
        re.compile(rf"(?<!\w)(?:\d{{3}}\s\d{{2}}|\d{{4,5}})\s{_UPPER}[\w-]+(?:\s{_UPPER}[\w-]+)?"),
    ),
    (
        frozenset(words("street")),
        re.compile(
            rf"(?<!\w)\d{{1,4}}[a-z]?\s(?:{_UPPER}[\w'\u2019-]+\s){{1,3}}(?:{_STREET_END})\b"
            rf"|(?<!\w)\d{{1,4}}[a-z]?,?\s(?:{_STREET_START})\s(?:(?:de|du|des|la|le)\s)*{_UPPER}[\w'\u2019-]+"
            rf"|(?<!\w)(?!(?:{_TIMES})\b){_UPPER}[\w'\u2019.-]+(?:\s{_UPPER}[\w'\u2019.-]+){{0,3}}"
            # A number that may be a year is no house's.
            r"\s(?!(?:19|20)\d\d\b)\d{1,4}(?:\s?[a-z])?(?!\w)"
        ),
    ),
]
_TOKEN = re.compile(r"<([a-z]+):[0-9a-f]{6,}>")
_QUOTED = re.compile(
    r"(?<!\w)(?:'([^'\n]{1,200})'|\"([^\"\n]{1,200})\"|\u201c([^\u201d\n]{1,200})\u201d"
    r"|\u201e([^\u201c\u201d\n]{1,200})[\u201c\u201d]|`([^`\n]{1,200})`)(?!\w)"
)
_NAMED = re.compile(
    rf"\b(?:named|called|name is)\s+({_UPPER}[\w'\u2019-]*(?:\s{_UPPER}[\w'\u2019-]*){{0,3}})"
)


_MEANT = re.compile(r"\bunder (?:\w+ ){0,3}\W?$", re.IGNORECASE)
"""Before the number that something is wanted under."""


def identifier(field: Field, texts: Sequence[str]) -> Found | None:
    """Find what fits the field's pattern; of several the one that stands beside the field's words."""
    for text in (text[:MAX_CHARACTERS] for text in texts):
        matches = [m for m in re.finditer(field.pattern or r"(?!)", text) if field.takes(m[0])]
        if matches:
            scores = [
                near(text, match.start(), match.end(), field.label)
                + 1.5 * bool(_MEANT.search(text, max(0, match.start() - 40), match.start()))
                for match in matches
            ]
            best = max(range(len(matches)), key=lambda i: (scores[i], -i))
            unique = len({match[0] for match in matches}) == 1
            return Found(matches[best][0], 0.95 if unique else 0.65)
    return None


def value(field: Field, facts: Facts) -> Found | None:
    """Find a short string: a labelled line, a value of a known form, a token, a quotation or a name."""
    for text in (text[:MAX_CHARACTERS] for text in facts.texts):
        found = _labelled(field, text) or _formed(field, text) or _token(field, text) or _quoted(field, text)
        if found:
            return found
    return None


def _labelled(field: Field, text: str) -> Found | None:
    name = set(words(field.name))
    for line in re.finditer(r"^[ \t>*-]*([^\W\d_][\w /-]{0,40}?)\s*[:=]\s*(\S.*?)\s*$", text, re.MULTILINE):
        label = set(words(line[1]))
        if label and (label == name or (name and name < label <= set(field.label))) and field.takes(line[2]):
            return Found(line[2], 0.9, line[0].strip())
    return None


def _formed(field: Field, text: str) -> Found | None:
    for names, form in FORMS:
        if not names & set(field.label):
            continue
        dated = [(day.start, day.end) for day in find_dates(text)]
        matches = [
            match
            for match in form.finditer(text)
            if field.takes(match[0]) and not any(a < match.end() and match.start() < b for a, b in dated)
        ]
        if matches:
            best = max(matches, key=lambda m: (near(text, m.start(), m.end(), field.label), -m.start()))
            return Found(best[0].strip(), 0.8 if len(matches) == 1 else 0.6)
        return None
    return None


def _token(field: Field, text: str) -> Found | None:
    matches = [m for m in _TOKEN.finditer(text) if stem(m[1]) in field.label and field.takes(m[0])]
    return Found(matches[0][0], 0.9 if len({m[0] for m in matches}) == 1 else 0.6) if matches else None


def _quoted(field: Field, text: str) -> Found | None:
    for match in _QUOTED.finditer(text):
        span = next(group for group in match.groups() if group)
        before = words(text[max(0, match.start() - 60) : match.start()])
        if field.takes(span) and (set(before) & set(field.label)):
            return Found(span, 0.85, match[0])
    if "name" in field.name.split("_") and (named := _NAMED.search(text)) and field.takes(named[1]):
        return Found(named[1], 0.7, named[0])
    return None


def rest(field: Field, facts: Facts, about: str) -> Found | None:
    """What the request says beyond what a tool is about: "a *Viking* farewell", "in *San Juan*"."""
    known = set(words(about))
    for sentence in facts.request:
        runs = re.findall(
            rf"(?<!^)(?<![.!?] )\b{_UPPER}[\w'\u2019-]*(?:,?\s{_UPPER}[\w'\u2019-]*)*", sentence
        )
        fresh = [run for run in runs if not set(words(run)) & known and words(run)]
        if fresh and field.takes(fresh[0]):
            return Found(fresh[0], 0.6, sentence)
        after = re.search(r"\b(?:in|for|at|to|near|of|about)\s+(?:the\s+)?([^,.?!]+)[.?!]?$", sentence)
        if after and not set(words(after[1])) <= known and field.takes(after[1]):
            return Found(after[1], 0.45, sentence)
    return None
