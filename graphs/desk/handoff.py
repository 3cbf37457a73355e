"""Service desk: triage hands over to billing, claims, technical or compliance."""

from graphs.handoff import Edge, handoff
from nodes.conversation import only_words
from nodes.desk.agents import BILLING, CLAIMS_SERVICE, COMPLIANCE, TECHNICAL, TRIAGE
from nodes.desk.grounds import borne_out

SPECIALISTS = [BILLING, CLAIMS_SERVICE, TECHNICAL, COMPLIANCE]

# Whoever looks into a complaint about us doesn't need the accounts that others looked up.
TO_COMPLIANCE = Edge("compliance", sees=only_words)

graph = handoff(
    [TRIAGE, *SPECIALISTS],
    edges={
        "triage": [agent.name for agent in SPECIALISTS],
        "billing": [TO_COMPLIANCE, "claims_service"],
        "claims_service": ["billing", TO_COMPLIANCE],
        "technical": ["billing", TO_COMPLIANCE],
        "compliance": ["billing", "claims_service"],
    },
    owner="triage",
    return_to_previous=True,
    grounds=borne_out,
    many="each specialist reads records that the others may not, and only one has the request at a time",
).compile(name="handoff")
