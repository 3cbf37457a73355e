"""Answers: what people send back to a request for approval, in the three forms in use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from governance.acts import Json
from governance.errors import InvalidInput

if TYPE_CHECKING:
    from governance.approvals import Approval
    from governance.effects import Recorded
    from governance.grounds import Grounds

DECISIONS = ("approve", "edit", "reject", "respond")
NEEDED = "`values` needs:"
SCHEMA = "`values` is JSON with "
"""What a question says that is answered by values: what is missing, line by line, then the whole schema."""
_OLD_NAMES = {"accept": "approve", "response": "respond", "ignore": "reject", "edit": "edit"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision on one approval.

    Attributes:
        decision: `approve`, `edit`, `reject` or `respond`.
        tool: With `edit`: the tool that the edited arguments are for.
        args: With `edit`: the arguments instead of those that were asked about.
        message: Why, or with `respond` what to tell the agent instead of acting.
    """

    approval_id: str
    decision: str
    tool: str | None = None
    args: Mapping[str, Json] | None = None
    message: str | None = None


def parse(answer: Json) -> Answer:
    """Understand an answer.

    Forms: `{"approval_id": …, "decisions": [{"type": …}]}` (LangChain's), a single decision
    `{"approval_id": …, "type": …}`, and the older inbox's
    `[{"type": "accept", "args": …, "approval_id": …}]`.
    A decision that is well formed but of no known type is a `reject`.

    Raises:
        InvalidInput: It is none of these; the approval stays pending.
    """
    if isinstance(answer, list):
        return _from_inbox(_only(answer, "the list"))
    if not isinstance(answer, dict):
        _refuse(f"it is {type(answer).__name__} and not an object with an approval_id")
    if "decisions" not in answer:
        return _decision(answer, _approval_id(answer))
    return _decision(_only(answer["decisions"], "decisions"), _approval_id(answer))


def hitl_request(approval: Approval, grounds: Grounds | None = None) -> dict[str, Any]:
    """The request in LangChain's form, with the id that the answer must carry and the asking step's path.

    Args:
        grounds: What a person must see before they answer; personal values stay tokens.
    """
    rows = grounds.rows(approval.args) if grounds else ()
    told = "\n\n".join([approval.description, *(f"{label}: {text}" for label, text in rows)])
    action = {"name": approval.action, "args": dict(approval.args), "description": told}
    return {
        "approval_id": approval.id,
        "path": approval.act["position"],
        "action_requests": [action],
        "review_configs": [{"action_name": approval.action, "allowed_decisions": list(approval.allowed)}],
    }


def on_screen(description: str) -> tuple[str, list[str]]:
    """What a question asks, without the schema that machines fill in, and the fields that it needs."""
    short = description.rpartition(SCHEMA)[0].strip() or description
    needed = short.rpartition(NEEDED)[2].splitlines() if NEEDED in short else ()
    return short, [line[2:].partition(":")[0] for line in needed if line.startswith("- ")]


def doubt_request(effect: Recorded) -> dict[str, Json]:
    """What a run shows that waits for an effect to be settled; it is settled past the graph, as any."""
    said = f"nobody knows whether this happened; `tower effects settle {effect.key}`, then resume"
    action = {"name": effect.action, "args": {}, "description": said}
    return {
        "effect": effect.key,
        "action_requests": [action],
        "review_configs": [{"action_name": effect.action, "allowed_decisions": []}],
    }


def _decision(decision: Mapping[str, Json], approval_id: str) -> Answer:
    kind = decision.get("type")
    if not isinstance(kind, str):
        _refuse(f"type is missing or not a text; it is one of {', '.join(DECISIONS)}")
    message = decision.get("message")
    if message is not None and not isinstance(message, str):
        _refuse("message is not a text")
    if kind not in DECISIONS:
        return Answer(approval_id, "reject", message=f"unknown decision {kind!r}, taken as a rejection")
    if kind == "respond" and not message:
        _refuse("respond needs a message for the agent")
    if kind != "edit":
        return Answer(approval_id, kind, message=message)
    edited = decision.get("edited_action")
    if not isinstance(edited, dict) or not isinstance(edited.get("name"), str):
        _refuse("edit needs edited_action with the tool's name and its args")
    if not isinstance(edited.get("args"), dict):
        _refuse("edited_action.args is not an object")
    return Answer(approval_id, "edit", tool=edited["name"], args=edited["args"], message=message)


def _from_inbox(item: Mapping[str, Json]) -> Answer:
    """The older inbox's form: `args` is a text, an action request or nothing, as the type has it."""
    kind, args = item.get("type"), item.get("args")
    if not isinstance(kind, str):
        _refuse("type is missing or not a text")
    decision: dict[str, Json] = {"type": _OLD_NAMES.get(kind, kind)}
    if kind == "edit":
        if not isinstance(args, dict):
            _refuse("edit needs args with the action and its args")
        decision["edited_action"] = {"name": args.get("action"), "args": args.get("args")}
    elif isinstance(args, str):
        decision["message"] = args
    return _decision(decision, _approval_id(item))


def _approval_id(answer: Mapping[str, Json]) -> str:
    approval_id = answer.get("approval_id")
    if not isinstance(approval_id, str) or not approval_id:
        _refuse("approval_id is missing; copy it from the request")
    return approval_id


def _only(items: Json, name: str) -> Mapping[str, Json]:
    if not isinstance(items, list) or len(items) != 1 or not isinstance(items[0], dict):
        _refuse(f"{name} must hold exactly one decision, since one action was asked about")
    return items[0]


def _refuse(why: str) -> NoReturn:
    msg = f"the answer can't be understood and the approval is still pending: {why}"
    raise InvalidInput(msg)
