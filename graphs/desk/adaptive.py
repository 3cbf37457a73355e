"""The front door: the simplest pattern that can do the job, with the reason."""

from graphs.adaptive import adaptive
from graphs.desk import direct, handoff, sequential, single
from nodes.desk.front_door import FRONT_DOOR, JOBS

graph = adaptive(
    FRONT_DOOR,
    JOBS,
    {
        "direct": direct.graph,
        "single": single.graph,
        "sequential": sequential.graph,
        "handoff": handoff.graph,
    },
).compile(name="adaptive")
