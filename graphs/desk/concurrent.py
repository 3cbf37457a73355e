"""Claim assessment: coverage, fraud, cost and history look at the same claim."""

from graphs.concurrent import concurrent
from nodes.desk.assessment import ASSESSORS, SENIOR_ADJUSTER
from nodes.resolve import Arbiter, AskHuman, HighestAuthority, Vote

graph = concurrent(
    ASSESSORS,
    resolve=[
        HighestAuthority(["cost"], only="decline"),  # what isn't payable, no majority makes payable
        Vote(),
        Arbiter(SENIOR_ADJUSTER),
        AskHuman(role="claims-lead"),
    ],
    quorum=3,
).compile(name="concurrent")
