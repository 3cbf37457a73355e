"""Policy: Cedar says allow, approve or deny to each act of an agent and each act of a person."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from cedarpy import AuthzResult, Entities, is_authorized

from governance.acts import Act, Decision, Effect, Json, Seam
from governance.cedar_schema import SEAM_ACTIONS, PolicyError, ToolSurface
from governance.mentions import mentioned
from governance.policy_files import POLICIES, PolicyFiles, read_policies
from governance.principals import User

__all__ = ["POLICIES", "PolicyEngine", "PolicyError", "ToolSurface", "declare_tools", "load_policy"]

_LARGEST = 2**63
_KEPT_ANSWERS = 1024
_UNFIT = "failed to build request"  # what follows shows the context, which may be more than the asker knows
_declared: dict[str, ToolSurface] = {}


def declare_tools(tools: Iterable[ToolSurface]) -> None:
    """Make tools known to policy; whoever registers a tool does this before policies are loaded."""
    _declared.update((tool.name, tool) for tool in tools)


def load_policy(
    folders: Sequence[Path] = (POLICIES,), tools: Iterable[ToolSurface] | None = None
) -> PolicyEngine:
    """Load and check all policies under the folders.

    Args:
        tools: What policies may speak of; by default what was declared.

    Raises:
        PolicyError: Anything at all is wrong with them; nothing may act then.
    """
    known = tuple(_declared.values() if tools is None else tools)
    return PolicyEngine(read_policies(folders, known), known)


class Undecidable(Exception):
    """The act can't be put to policy as it is."""


class PolicyEngine:
    """Answers from one policy set; anything but a clean `Allow` is a no."""

    def __init__(self, files: PolicyFiles, tools: Iterable[ToolSurface]) -> None:
        self.version = files.version
        self.trusted_sets = files.trusted
        self.owners = files.owners
        self.files = files
        self._tools = frozenset(tool.name for tool in tools)
        self._reading = frozenset(tool.name for tool in tools if not tool.writes)
        self._base = Entities.from_json_str(json.dumps([_tool(tool) for tool in tools]), files.schema)
        self._agent = lru_cache(maxsize=1024)(self._with_agent)
        # The same question has the same answer for as long as the policy set, which never changes.
        self._mentions = lru_cache(maxsize=1024)(lambda action: mentioned(self._about(action), files.trusted))
        self._decided = lru_cache(maxsize=_KEPT_ANSWERS)(self._decide)
        self._permitted = lru_cache(maxsize=_KEPT_ANSWERS)(self._permit)
        self._about = lru_cache(maxsize=1024)(lambda action: files.about(action, self._tools | SEAM_ACTIONS))

    def decide(
        self, act: Act, *, approved: bool, also_trusted: Mapping[str, Collection[str]] | None = None
    ) -> Decision:
        """Say whether an agent may act.

        Args:
            approved: A person's approval of exactly this act is at hand.
            also_trusted: What the run's own recorded effects add to the contract's trusted sets,
                such as the id of a claim that it opened.
        """
        try:
            context = self._context(act, also_trusted or {})
        except Undecidable as problem:
            return self._deny(str(problem))
        agent = act.actor.agent
        # As text, since to Python 1 and True are the same and to Cedar they aren't.
        asked = json.dumps(context)
        return self._decided(agent.name, agent.kind, act.action, act.resource, asked, approved=approved)

    def permit(
        self, user: User, action: str, *, tenant: str, owner: str | None = None, **facts: Json
    ) -> Decision:
        """Say whether a person may act on a run (or on a tenant's runs, with no owner).

        Args:
            action: `start_run`, `read_run`, `decide_approval`, `cancel_run` or `read_audit`.
            tenant: Whose run it is.
            owner: Id of the user who started the run.
        """
        try:
            context = json.dumps(_clean(facts))
        except Undecidable as problem:
            return self._deny(str(problem))
        return self._permitted(user, action, tenant, owner, context)

    def writes(self, action: str) -> bool:
        """Whether a tool may change something; of one that isn't known nobody can say that it doesn't."""
        return action not in self._reading

    def _decide(
        self, name: str, kind: str, action: str, resource: tuple[str, str], context: str, *, approved: bool
    ) -> Decision:
        request = _ask_for(("Agent", name), action, resource) | {"context": json.loads(context)}
        entities = self._agent(name, kind)
        first = self._ask(request, entities, approved=approved)
        if first.allowed:
            return Decision(Effect.ALLOW, self._ids(first), self.version)
        who = f"{kind} agents"
        if approved or first.diagnostics.errors:
            return self._refused(first, who, action)
        second = self._ask(request, entities, approved=True)
        if not second.allowed:
            return self._refused(second, who, action)
        ids = self._ids(first) + self._ids(second)
        reason = self._reason(ids) or f"{action} needs a person's approval"
        return Decision(Effect.APPROVE, ids, self.version, reason)

    def _permit(self, user: User, action: str, tenant: str, owner: str | None, context: str) -> Decision:
        run: dict[str, Json] = {"tenant": tenant}
        if owner is not None:
            run["owner"] = {"__entity": {"type": "User", "id": owner}}
        roles = [_uid("Role", role) for role in sorted(user.roles)]
        graph = [_entity("User", user.id, {"tenant": user.tenant}, roles), _entity("Run", "run", run)]
        try:
            entities = Entities.from_json_str(json.dumps(graph), self.files.schema)
        except ValueError as problem:
            return self._deny(str(problem))
        request = _ask_for(("User", user.id), action, ("Run", "run")) | {"context": context}
        answer = self._authorize(request, entities)
        if answer.allowed:
            return Decision(Effect.ALLOW, self._ids(answer), self.version)
        return self._refused(answer, user.id, action)

    def _context(self, act: Act, also_trusted: Mapping[str, Collection[str]]) -> dict[str, Any]:
        run, agent = act.actor.run, act.actor.agent
        facts = dict(act.facts)
        if act.seam is Seam.TOOL and (act.action not in self._tools or act.resource != ("Tool", act.action)):
            msg = f"no policy permits {act.action}: there is no such tool"
            raise Undecidable(msg)
        if act.seam is not Seam.TOOL and act.action in self._tools:
            msg = f"{act.action} is a tool; it is called at the tool seam"
            raise Undecidable(msg)
        if act.seam is Seam.ROUTE and act.action == "route":
            facts["from"] = agent.kind
        if act.seam is Seam.TOOL or act.args:
            facts["args"] = act.args
        trusted = {
            name: run.contract.trusted.get(name, frozenset()) | frozenset(also_trusted.get(name, ()))
            for name in self._mentions(act.action)
        }
        # What the control plane knows comes last: no fact can take its place.
        return {
            **_clean(facts),
            "trusted": {name: sorted(trusted.get(name, ())) for name in self.trusted_sets},
            "verified": run.verified,
            "tenant": run.user.tenant,
            "user_roles": sorted(run.user.roles),
        }

    def _with_agent(self, name: str, kind: str) -> Entities:
        agent = _entity("Agent", name, {}, [_uid("AgentKind", kind)])
        return self._base.with_added_json_str(json.dumps([agent]), self.files.schema)

    def _ask(self, request: Mapping[str, Any], entities: Entities, *, approved: bool) -> AuthzResult:
        context = request["context"] | {"approved": approved}
        return self._authorize({**request, "context": context}, entities)

    def _authorize(self, request: dict[str, Any], entities: Entities) -> AuthzResult:
        policies = self._about(request["action"]["id"])
        answer = is_authorized(request, policies, entities, self.files.schema)
        if answer.diagnostics.errors and answer.allowed:
            # A forbid that fails to evaluate is skipped by Cedar, so its Allow is worth nothing.
            errors = {"diagnostics": {"errors": answer.diagnostics.errors}}
            return AuthzResult({"decision": "Deny", **errors})
        return answer

    def _refused(self, answer: AuthzResult, who: str, action: str) -> Decision:
        if answer.diagnostics.errors:
            error = answer.diagnostics.errors[0]
            if error.startswith(_UNFIT):
                error = "its arguments or facts don't fit its schema; give each by its name, as its type"
            return self._deny(f"policy can't be asked about this {action}: {error}")
        ids = self._ids(answer)
        if not ids:
            return self._deny(f"no policy permits {who} to {action}")
        reason = self._reason(ids) or f"{action} is forbidden by {', '.join(ids)}"
        return Decision(Effect.DENY, ids, self.version, reason)

    def _deny(self, reason: str) -> Decision:
        return Decision(Effect.DENY, (), self.version, reason)

    def _ids(self, answer: AuthzResult) -> tuple[str, ...]:
        return tuple(sorted(self.files.ids[key] for key in answer.diagnostics.reasons))

    def _reason(self, ids: Iterable[str]) -> str:
        return " ".join(reason for name in ids if (reason := self.files.reasons.get(name)))


def _ask_for(principal: tuple[str, str], action: str, resource: tuple[str, str]) -> dict[str, Any]:
    return {"principal": _uid(*principal), "action": _uid("Action", action), "resource": _uid(*resource)}


def _tool(tool: ToolSurface) -> dict[str, Any]:
    facts = {"risk": tool.risk, "writes": tool.writes, "reversible": tool.undo is not None}
    return _entity("Tool", tool.name, facts)


def _entity(kind: str, name: str, facts: Mapping[str, Json], parents: Iterable[Json] = ()) -> dict[str, Any]:
    return {"uid": _uid(kind, name), "attrs": facts, "parents": list(parents)}


def _uid(kind: str, name: str) -> dict[str, str]:
    return {"type": kind, "id": name}


def _clean(value: Any) -> Any:
    """The value as Cedar takes it: no nulls, no floats, sets as lists.

    Raises:
        Undecidable: Cedar has no such value, or would take it for something else.
    """
    match value:
        case bool() | str():
            return value
        case int() if -_LARGEST <= value < _LARGEST:
            return value
        case Mapping():
            # Cedar reads {"__entity": …} and {"__extn": …} as more than data.
            if any(not isinstance(key, str) or key.startswith("__") for key in value):
                msg = "argument names that start with two underscores are refused"
                raise Undecidable(msg)
            return {key: _clean(item) for key, item in value.items() if item is not None}
        case frozenset() | set():
            return sorted(_clean(item) for item in value)
        case list() | tuple():
            return [_clean(item) for item in value]
        case _:
            msg = f"policy can't weigh {value!r}; use strings, 64-bit integers and booleans (money in cents)"
            raise Undecidable(msg)
