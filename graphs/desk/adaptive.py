"""The front door: the simplest pattern that can do the job, with the reason."""

from graphs.adaptive import adaptive
from graphs.desk import concurrent, direct, group_chat, handoff, magentic, sequential, single, supervisor
from nodes.desk.front_door import FRONT_DOOR, JOBS

graph = adaptive(
    FRONT_DOOR,
    JOBS,
    {
        "direct": direct.graph,
        "single": single.graph,
        "sequential": sequential.graph,
        "concurrent": concurrent.graph,
        "handoff": handoff.graph,
        "group_chat": group_chat.graph,
        "supervisor": supervisor.graph,
        "magentic": magentic.graph,
    },
).compile(name="adaptive")
