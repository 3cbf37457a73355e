"""Service requests: one agent with the customer's records."""

from graphs.single import single
from nodes.desk.agents import SERVICE
from nodes.desk.grounds import borne_out

graph = single(SERVICE, grounds=borne_out).compile(name="single")
