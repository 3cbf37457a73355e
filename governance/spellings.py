"""Spellings: the one form of a personal value, and all the ways in which people write it."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from governance.detect import Finding

COUNTRY_CODE = "49"
"""What a phone number without a country code belongs to."""

# Of the codes that begin with these two digits, all have three.
_THREE_DIGIT_CODES = re.compile(r"2[1-69]|3[578]|42|5[09]|6[789]|8[0578]|9[679]")
_BLANKS = r"\s+"
_GAP = r"[\s./()-]*"
_PARTICLES = {"al", "da", "de", "del", "den", "der", "di", "du", "el", "la", "le", "van", "von", "zu"}
_DIGRAPHS = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "å": "aa"}
_WRITTEN_OUT = {"ae": "ä", "oe": "ö", "ue": "ü", "ss": "ß"}
_APOSTROPHES = "'`\u00b4\u2019"
_HYPHENS = "-\u2010\u2011\u2013 "
_DATE_FORMS = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y", "%d %B %Y", "%d. %B %Y", "%B %d, %Y")


def canonical(kind: str, value: str) -> str:
    """The one form of a value: what is stored, and what a tool is given."""
    value = " ".join(unicodedata.normalize("NFC", value).split())
    return _CANONICAL.get(kind, str)(value)


def identity(kind: str, value: str) -> str:
    """What two spellings of the same value have in common; a token is made from it."""
    return canonical(kind, value).casefold()


def find_seeds(text: str, seeds: Mapping[str, str]) -> list[Finding]:
    """Every place where a known value stands, in any usual spelling, overlapping ones included.

    Args:
        seeds: Known value → its kind.
    """
    found = []
    for pattern, kind, value in _patterns(frozenset(seeds.items())):
        found += [Finding(match.start(), match.end(), kind, value) for match in pattern.finditer(text)]
    return found


@lru_cache(maxsize=256)
def _patterns(seeds: frozenset[tuple[str, str]]) -> tuple[tuple[re.Pattern[str], str, str], ...]:
    made = []
    for value, kind in sorted(seeds, key=lambda seed: (-len(seed[0]), seed)):
        one = canonical(kind, value)
        if not any(map(str.isalnum, one)):
            continue
        for expression, meant in _spellings(kind, one):
            made.append((re.compile(expression), kind, meant))
    return tuple(made)


def _spellings(kind: str, value: str) -> Iterator[tuple[str, str]]:
    """Regular expressions, each with the value that it stands for."""
    match kind:
        case "iban" | "card":
            yield _bounded(r"[\s.-]?".join(map(re.escape, value))), value
        case "phone":
            code, number = _phone(value)
            digits = _GAP.join(number)
            abroad = rf"(?:\+|00)\s?{_GAP.join(code)}{_GAP}(?:0{_GAP})?"
            yield rf"(?<![\w+])(?:{abroad}|\(?0{_GAP}){digits}(?!\d)", value
        case "birthdate" if date := _date(value):
            day, month, year = f"0?{date.day}", f"0?{date.month}", str(date.year)
            name = f"(?:{date:%B}|{date:%b})"
            numbers = rf"{day}[./-]\s?{month}[./-]\s?(?:{year}|{year[2:]})|{year}[-./]{month}[-./]{day}"
            ordinal = rf"{day}(?:\.|st|nd|rd|th)?"
            words = rf"{ordinal}\s+{name}\.?,?\s+{year}|{name}\.?\s+{ordinal},?\s+{year}"
            yield _bounded(f"(?:{numbers}|{words})"), value
        case "person":
            yield from _names(value)
        case "address":
            yield from _addresses(value)
        case _:
            yield _bounded(_BLANKS.join(_letters(word) for word in value.split())), value


def _names(value: str) -> Iterator[tuple[str, str]]:
    words = value.split()
    letters = [_letters(word) for word in words]
    forms = [_BLANKS.join(letters)]
    # Where the family name begins is not said: Anna van den Berg is also van den Berg, Anna.
    for place in range(1, len(words)):
        given, family = _BLANKS.join(letters[:place]), _BLANKS.join(letters[place:])
        forms.append(rf"{family}(?:\s*,\s*|\s+){given}")
    yield _bounded(f"(?:{'|'.join(forms)})"), value
    if len(words) == 1:
        return
    for word in words:
        if word.casefold() not in _PARTICLES and len(word) > 1:
            yield _capitalised(word), word


def _capitalised(word: str) -> str:
    """A part of a name by itself counts only with a capital: Weber is a name, a weber is not."""
    titled, upper = word[:1].upper() + word[1:], word.upper()
    either = "|".join({_letters(titled, fold=False), _letters(upper, fold=False)})
    return rf"(?<!\w)(?:{either})(?!\w)"


def _addresses(value: str) -> Iterator[tuple[str, str]]:
    parts = [part.strip() for part in value.split(",") if part.strip()]
    separator = r"\s*[,;]\s*|\s+"
    expressions = [_BLANKS.join(map(_street_word, part.split())) for part in parts]
    yield _bounded(f"(?:{separator})".join(expressions)), value
    if len(parts) > 1 and any(map(str.isdigit, parts[0])):
        yield _bounded(expressions[0]), parts[0]


def _street_word(word: str) -> str:
    """`Lindenstraße`, `Lindenstrasse` and `Lindenstr.` are one street."""
    stem = re.sub(r"(?i)str(?:aße|asse|\.)$", "", word)
    return _letters(word) if stem == word else rf"{_letters(stem)}(?i:str(?:aße|asse|\.))"


def _letters(word: str, *, fold: bool = True) -> str:
    """Each letter with or without its accent, ä also as ae; with `fold` in any case."""
    made, position = [], 0
    while position < len(word):
        pair, letter = word[position : position + 2], word[position]
        umlaut = _WRITTEN_OUT.get(pair.casefold())
        if umlaut:
            options = {pair, *_forms(umlaut.upper() if letter.isupper() else umlaut)}
        else:
            options = _forms(letter)
        if fold:
            options |= {form for option in options for form in (option.lower(), option.upper())}
        made.append("(?:" + "|".join(sorted(map(re.escape, options), key=lambda o: (-len(o), o))) + ")")
        position += 2 if umlaut else 1
    return "".join(made)


def _forms(letter: str) -> set[str]:
    if letter in _APOSTROPHES:
        return set(_APOSTROPHES)
    if letter in _HYPHENS:
        return set(_HYPHENS)
    decomposed = unicodedata.normalize("NFD", letter)
    plain = "".join(c for c in decomposed if not unicodedata.combining(c)) or letter
    forms = {letter, decomposed, plain}
    if digraph := _DIGRAPHS.get(letter.lower()):
        forms |= {digraph.capitalize(), digraph.upper()} if letter.isupper() else {digraph}
    return forms


def _bounded(expression: str) -> str:
    return rf"(?<!\w){expression}(?!\w)"


def _phone(value: str) -> tuple[str, str]:
    """Country code and national number without its leading zero."""
    digits = re.sub(r"\D", "", value.replace("(0)", ""))
    if not value.lstrip(" (").startswith("+"):
        if not digits.startswith("00"):
            return COUNTRY_CODE, digits.removeprefix("0")
        digits = digits.removeprefix("00")
    length = 1 if digits[:1] in {"1", "7"} else 3 if _THREE_DIGIT_CODES.match(digits) else 2
    return digits[:length], digits[length:].removeprefix("0")


def _date(value: str) -> dt.date | None:
    for form in _DATE_FORMS:
        try:
            return dt.datetime.strptime(value, form).replace(tzinfo=dt.UTC).date()
        except ValueError:
            continue
    return None


def _canonical_phone(value: str) -> str:
    return "+" + "".join(_phone(value))


def _canonical_date(value: str) -> str:
    date = _date(value)
    return date.isoformat() if date else value


def _first_name_first(value: str) -> str:
    last, comma, first = value.partition(",")
    return f"{first.strip()} {last.strip()}" if comma and "," not in first else value


_CANONICAL: Mapping[str, Callable[[str], str]] = {
    "iban": lambda value: re.sub(r"[^A-Za-z0-9]", "", value).upper(),
    "card": lambda value: re.sub(r"\D", "", value),
    "email": str.lower,
    "phone": _canonical_phone,
    "birthdate": _canonical_date,
    "person": _first_name_first,
}
