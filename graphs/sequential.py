"""Sequential: agents one after another, a schema and a check at every seam, acts in between."""

from __future__ import annotations

from collections.abc import Sequence

from langgraph.graph import END, START

from graphs.pattern import Graph, PatternError, add, check_names, new_graph
from nodes.action import Action, action_node, review_node
from nodes.deliver import Compose, deliver_node, last_answer
from nodes.escalate import escalate
from nodes.nested import Compiled, standing
from nodes.step import Step, step_node
from nodes.team import Agent


def sequential(steps: Sequence[Step | Action | Agent | Compiled], *, compose: Compose = last_answer) -> Graph:
    """Build a chain; each step sees only results that passed the one before.

    An invalid result is repaired, then tried by the step's fallback agent, then put to a person;
    one that contradicts the records goes to a person at once.

    Args:
        steps: Agents' steps and the acts they lead to; an act with `review` gets a node before
            it in which a person decides where policy wants that. A compiled pattern is a step too;
            unless it ends as `completed` the chain ends there, with the pattern's status.
        compose: From the results to the outcome.

    Raises:
        PatternError: No steps, two of one name, or an act that rests on what isn't a step before it.
    """
    chain = [each if isinstance(each, Step | Action) else Step(standing(each)) for each in steps]
    check_names([step.name for step in chain])
    _check_rests(chain)
    thinking = tuple(step.name for step in chain if isinstance(step, Step))
    g = new_graph()
    for at, (step, then) in enumerate(zip(chain, [*map(_entry, chain[1:]), "deliver"], strict=True)):
        if isinstance(step, Step):
            node = step_node(step, then, _leads_to(step, chain[at:]))
            add(g, step.name, node, to=[then, "escalate", "deliver"], runs=step.agent)
            continue
        if step.review:
            add(g, _entry(step), review_node(step), to=[step.name, "deliver"], human=True)
        add(g, step.name, action_node(step, then), to=[then, "deliver"])
    add(g, "escalate", escalate, to=[*thinking, "deliver"], human=True)
    add(g, "deliver", deliver_node(compose))
    g.add_edge(START, _entry(chain[0]))
    g.add_edge("deliver", END)
    return g


def _leads_to(step: Step, later: Sequence[Step | Action]) -> list[str]:
    return [act.name for act in later if isinstance(act, Action) and step.name in act.rests_on]


def _check_rests(steps: Sequence[Step | Action]) -> None:
    for at, act in enumerate(steps):
        before = {step.name for step in steps[:at] if isinstance(step, Step)}
        lacking = [name for name in getattr(act, "rests_on", ()) if name not in before]
        if lacking:
            msg = f"{act.name} rests on {', '.join(lacking)}, and no step before it is called so"
            raise PatternError(msg)


def _entry(step: Step | Action) -> str:
    return f"review_{step.name}" if isinstance(step, Action) and step.review else step.name
