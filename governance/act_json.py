"""Acts as JSON: how a question to a person keeps what was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from governance.acts import Act, Cost, Json, Seam
from governance.principals import Actor, AgentIdentity, Run


def act_to_json(act: Act) -> dict[str, Json]:
    """The act without its run, which is recorded elsewhere."""
    return {
        "seam": act.seam.value,
        "agent": asdict(act.actor.agent),
        "position": act.actor.position,
        "action": act.action,
        "resource": list(act.resource),
        "args": dict(act.args),
        "request_hash": act.request_hash,
        "sequence": act.sequence,
        "cost": asdict(act.cost),
        "repeatable": act.repeatable,
        "facts": dict(act.facts),
    }


def act_from_json(data: Mapping[str, Any], run: Run, args: Mapping[str, Json]) -> Act:
    """The act again, with other arguments."""
    return Act(
        seam=Seam(data["seam"]),
        actor=Actor(AgentIdentity(**data["agent"]), run, data["position"]),
        action=data["action"],
        resource=(data["resource"][0], data["resource"][1]),
        args=args,
        request_hash=data["request_hash"],
        sequence=data["sequence"],
        cost=Cost(**data["cost"]),
        repeatable=data["repeatable"],
        facts=data["facts"],
    )
