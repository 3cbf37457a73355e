"""A whole claim, end to end: a manager, the claims team under its lead, and the note at the end."""

from __future__ import annotations

from graphs.desk import sequential
from graphs.supervisor import supervisor
from nodes.assignee import Assignee
from nodes.desk.management import AFTERCARE, CLAIMS_LEAD, MANAGER, PRECHECK, standing_agrees
from nodes.step import Step

casework = supervisor(
    CLAIMS_LEAD,
    {
        "precheck": Assignee(Step(PRECHECK, check=standing_agrees), context="shared"),
        "settlement": Assignee(
            sequential.graph, job="Take the claim in, decide it, pay it and write.", context="shared"
        ),
    },
    max_rounds=3,
).compile(name="casework")

graph = supervisor(
    MANAGER,
    {
        "casework": Assignee(casework, job="Check, decide, pay and answer the claim.", context="shared"),
        "aftercare": Assignee(
            AFTERCARE, "Task: note what became of the claim.\nKind: note", sees=("casework",)
        ),
    },
    max_rounds=3,
).compile(name="supervisor")
