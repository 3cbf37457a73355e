"""Policy files: read, checked against the schema as a whole, and known by their content's hash."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from cedarpy import PolicySet, Schema, policies_to_json_str, pst, validate_policies

from governance.cedar_schema import PolicyError, ToolSurface, schema_text
from governance.owners import OWNERS, Owners

POLICIES = Path(__file__).parent / "policies"
GENERAL_SETS = ("channels",)
_UNKNOWN_ACTION = re.compile(r'unrecognized action `Action::"(\w+)"`')


@dataclass(frozen=True, slots=True)
class PolicyFiles:
    """A policy set that passed every check.

    Attributes:
        text: All policies, one after the other.
        version: First 12 hex digits of the SHA-256 over schema and policies.
        ids: The engine's positional id of a policy → its `@id`.
        reasons: `@id` → `@reason`, where a policy has one.
        trusted: Names of the sets that a contract may carry.
        owners: `@id` → the team that answers for it.
    """

    text: str
    parsed: pst.PolicySet
    schema: Schema
    version: str
    ids: Mapping[str, str]
    reasons: Mapping[str, str]
    trusted: tuple[str, ...]
    owners: Mapping[str, str]

    def about(self, action: str, others: AbstractSet[str]) -> PolicySet:
        """The policies that may matter to an action; Cedar would look at each of them every time.

        Args:
            others: Actions that aren't groups; a policy for some of these alone is left out.
        """
        kept = {
            key: policy
            for key, policy in self.parsed.static_policies.items()
            if not (named := _named(policy)) or action in named or named - others
        }
        return PolicySet.from_pst(replace(self.parsed, static_policies=kept))

    def permits(self) -> list[tuple[set[str], set[str]]]:
        """Actions or groups of each permit, and agents or kinds it is confined to; empty means any."""
        rules = self.parsed.static_policies
        forms = json.loads(policies_to_json_str(self.text))["staticPolicies"]
        return [(_named(rule), _agents(forms[key])) for key, rule in rules.items() if rule.effect == "permit"]


def read_policies(folders: Sequence[Path], tools: Iterable[ToolSurface]) -> PolicyFiles:
    """Read all `*.cedar` under the folders and check them strictly.

    Raises:
        PolicyError: Nothing there, unreadable, broken, or at odds with the schema or the tools.
    """
    texts = {name: read_text(path) for name, path in find_files(folders, "*.cedar")}
    if not texts:
        msg = f"there are no policies under {', '.join(map(str, folders))}; without them nothing may act"
        raise PolicyError(msg)
    trusted = _trusted(folders)
    base = "\n".join(read_text(path) for _, path in find_files(folders, "*.cedarschema"))
    source = schema_text(base, tools, trusted)
    try:
        schema = _schema(source)
    except ValueError as error:
        msg = f"the policy schema (tower.cedarschema and the tools' arguments) is broken: {error}"
        raise PolicyError(msg) from error
    owned = Owners({name: read_text(path) for name, path in find_files(folders, OWNERS)})
    annotations: dict[str, dict[str, str]] = {}
    owners: dict[str, str] = {}
    for path, text in texts.items():
        for name, marks in _check(path, text, source).items():
            if name in annotations:
                msg = f"{path}: there is already a policy {name}; ids are unique"
                raise PolicyError(msg)
            annotations[name] = marks
            owners[name] = owned.of(path, name, marks)
    parsed = _parsed(text := "\n".join(texts.values()))
    return PolicyFiles(
        text=text,
        parsed=parsed,
        schema=schema,
        version=_version(source, texts),
        ids={key: policy.annotations["id"] for key, policy in parsed.static_policies.items()},
        reasons={name: marks["reason"] for name, marks in annotations.items() if "reason" in marks},
        trusted=trusted,
        owners=owners,
    )


def _named(policy: pst.Template) -> set[str]:
    """The actions and groups in a policy's head; none where it is about all."""
    match policy.action:
        case pst.ActionEq(entity):
            return {entity.id}
        case pst.ActionIn(entities):
            return {entity.id for entity in entities}
        case _:
            return set()


def _agents(policy: Mapping[str, Any]) -> set[str]:
    """Names and kinds to which a permit, in Cedar's JSON, is confined; none where it isn't."""
    whens = [clause["body"] for clause in policy["conditions"] if clause["kind"] == "when"]
    return set(_said_to_be([policy["principal"], whens]))


def _said_to_be(part: Any) -> Iterator[str]:
    match part:
        case {"type": "Agent" | "AgentKind", "id": str(name)}:
            yield name
        case dict():
            for operator, inner in part.items():
                if operator not in ("!", "!="):  # whom it is not for
                    yield from _said_to_be(inner)
        case list():
            for inner in part:
                yield from _said_to_be(inner)


def find_files(folders: Sequence[Path], pattern: str) -> list[tuple[str, Path]]:
    """Files with their names from the folder on, in a fixed order."""
    found = ((folder, path) for folder in folders for path in folder.rglob(pattern))
    return sorted((path.relative_to(folder.parent).as_posix(), path) for folder, path in found)


def read_text(path: Path) -> str:
    """A policy file's text.

    Raises:
        PolicyError: It can't be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path} can't be read: {error}"
        raise PolicyError(msg) from error


def _trusted(folders: Sequence[Path]) -> tuple[str, ...]:
    names = set(GENERAL_SETS)
    for name, path in find_files(folders, "trusted.toml"):
        try:
            names |= set(tomllib.loads(read_text(path)))
        except tomllib.TOMLDecodeError as error:
            msg = f"{name}: {error}"
            raise PolicyError(msg) from error
    return tuple(sorted(names))


# What was parsed and checked is known by its whole text: a process that reads the same files again,
# for another control plane, needn't wait for that again.
@lru_cache(maxsize=16)
def _schema(source: str) -> Schema:
    return Schema.from_str(source)


@lru_cache(maxsize=256)
def _parsed(text: str) -> pst.PolicySet:
    return PolicySet.from_str(text).to_pst()


@lru_cache(maxsize=256)
def _check(path: str, text: str, source: str) -> dict[str, dict[str, str]]:
    """Annotations of each policy of a file, by `@id`."""
    try:
        parsed = _parsed(text)
    except ValueError as error:
        msg = f"{path}: {error}, in the policy that begins at line {_broken_at(text)}, or before its `;`"
        raise PolicyError(msg) from error
    if parsed.templates:
        msg = f"{path}: templates (?principal, ?resource) are not used here; write the policy out"
        raise PolicyError(msg)
    found: dict[str, dict[str, str]] = {}
    for key, policy in parsed.static_policies.items():
        marks = {name: value or "" for name, value in policy.annotations.items()}
        if not marks.get("id") or marks["id"] in found:
            msg = f'{path}: {key} needs an @id("…") of its own; decisions are explained by it'
            raise PolicyError(msg)
        found[marks["id"]] = marks
    result = validate_policies(text, _schema(source))
    if not result.validation_passed:
        problem = result.errors[0]
        name = result.id_annotations_by_policy_id.get(problem.policy_id, problem.policy_id)
        msg = f"{path}: policy {name}: {_explained(problem.error)}"
        raise PolicyError(msg)
    return found


def _broken_at(text: str) -> int:
    """The line after the last policy up to which the text can be read; Cedar names none."""
    good = 0
    for end in (match.end() for match in re.finditer(";", text)):
        with suppress(ValueError):
            PolicySet.from_str(text[:end])
            good = end
    return text.count("\n", 0, len(text) - len(text[good:].lstrip())) + 1


def _explained(error: str) -> str:
    unknown = _UNKNOWN_ACTION.search(error)
    if unknown:
        return (
            f"there is no tool or action {unknown[1]}; declare the tool before policies are loaded, "
            "or take its name out of the policy"
        )
    return re.sub(r"^for policy `\w+`, ", "", error)


def _version(schema: str, texts: Mapping[str, str]) -> str:
    content = hashlib.sha256()
    for name, text in (("schema", schema), *texts.items()):
        content.update(f"{name}\0{len(text)}\0{text}".encode())
    return content.hexdigest()[:12]
