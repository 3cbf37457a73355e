"""Service requests: one agent with the customer's records."""

from graphs.single import single
from nodes.desk.agents import SERVICE

graph = single(SERVICE).compile(name="single")
