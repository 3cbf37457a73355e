"""Service desk: triage hands over to billing, claims, technical or compliance."""

from graphs.handoff import handoff
from nodes.desk.agents import BILLING, CLAIMS_SERVICE, COMPLIANCE, TECHNICAL, TRIAGE

SPECIALISTS = [BILLING, CLAIMS_SERVICE, TECHNICAL, COMPLIANCE]

graph = handoff(
    [TRIAGE, *SPECIALISTS],
    edges={
        "triage": [agent.name for agent in SPECIALISTS],
        "billing": ["compliance", "claims_service"],
        "claims_service": ["billing", "compliance"],
        "technical": ["billing", "compliance"],
        "compliance": ["billing", "claims_service"],
    },
).compile(name="handoff")
