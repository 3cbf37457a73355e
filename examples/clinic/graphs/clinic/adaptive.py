"""The front door: the simplest pattern that can do the job, with the reason."""

from graphs.adaptive import adaptive
from graphs.clinic import direct, sequential, single
from nodes.clinic.agents import DOOR, JOBS

PATTERNS = {"direct": direct.graph, "single": single.graph, "sequential": sequential.graph}

graph = adaptive(DOOR, JOBS, PATTERNS).compile(name="adaptive")
