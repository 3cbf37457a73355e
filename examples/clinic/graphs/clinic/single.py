"""Appointments that a patient has: one agent with the diary."""

from graphs.single import single
from nodes.clinic.agents import RECEPTION

graph = single(RECEPTION).compile(name="single")
