"""Undo: what a run did is taken back, last things first, each once, each cleared like any act."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from governance.acts import Act, Effect
from governance.control import control
from governance.effects import Recorded
from governance.errors import (
    ApprovalRejected,
    ApprovalRequired,
    BudgetExhausted,
    Denied,
    EffectUnknown,
    InvalidInput,
    RateLimited,
)
from governance.journal import State
from governance.outcome import Status
from governance.plane_undo import UNDO
from governance.principals import Actor, AgentIdentity, Run, User
from tools.doubt import reconcile
from tools.gateway import InvalidArguments, ToolFailed, act_for, call
from tools.registry import Toolbox
from tools.spec import Tool

TAKES_BACK = AgentIdentity(UNDO, UNDO, "1", "operations")
"""Not a model: the part of the control plane that compensates."""

_FAILURES = (
    ToolFailed, InvalidArguments, Denied, ApprovalRejected, BudgetExhausted, EffectUnknown, RateLimited,
)  # fmt: skip


class Undone(StrEnum):
    """What became of an effect."""

    UNDONE = "undone"
    WAITING = "waiting"
    """A person must say yes to taking it back."""
    FAILED = "failed"
    """It could not be taken back; a person must."""
    IRREVERSIBLE = "irreversible"
    """Nothing takes it back, or not any more."""
    LEFT = "left"
    """Not tried, since one after it waits or failed."""


@dataclass(frozen=True, slots=True)
class Step:
    """One effect of a run and how it is taken back."""

    effect: Recorded
    tool: Tool | None = None
    act: Act | None = None
    state: Undone = Undone.LEFT
    why: str = ""

    @property
    def key(self) -> str:
        """The compensation's key, empty where there is none."""
        return self.act.key if self.act else ""


@dataclass(frozen=True, slots=True)
class Report:
    """How far an undo has come.

    Attributes:
        run: The run in which the compensations are done.
        steps: Last effect first.
    """

    run: Run
    steps: Sequence[Step]

    @property
    def status(self) -> Status | None:
        """How it ended, or None while a person has to do something."""
        states = {step.state for step in self.steps}
        if states & {Undone.WAITING, Undone.FAILED, Undone.LEFT}:
            return None
        return Status.PARTIAL if Undone.IRREVERSIBLE in states else Status.COMPLETED


async def undo(
    toolbox: Toolbox, user: User, run_id: str, *, only: str | None = None, agrees: bool = True
) -> Report:
    """Take back what a run did; called again, it goes on where it was.

    It stops at the first compensation that fails or waits for a person, since those before it may
    rest on it.

    Args:
        only: Take back the calls of this tool alone.
        agrees: By undoing, the person says yes to each step, where they may.

    Raises:
        Denied: The person may not undo this run.
        InvalidInput: Nobody knows yet what the run did, or there is nothing of that name to undo.
    """
    origin = await control().stop_for_undo(user, run_id)
    if origin.graph == UNDO:
        msg = f"{run_id} took another run back; start a new run to do it again"
        raise InvalidInput(msg)
    done = await _done(toolbox, origin)
    planned = [_compensation(toolbox, effect) for effect in reversed(done)]
    needed = Counter(tool.name for _, tool, _ in planned if tool)
    run = await control().open_undo(user, origin, needed)
    steps = [await _step(effect, tool, args, run) for effect, tool, args in planned]
    chosen = [step for step in steps if only in {None, step.effect.action}]
    if only and not chosen:
        msg = (
            f"{run_id} did no {only}; it did {', '.join(dict.fromkeys(e.action for e in done)) or 'nothing'}"
        )
        raise InvalidInput(msg)
    await _ask(chosen, user if agrees else None, origin, run)
    report = Report(run, [step async for step in _take_back(chosen)])
    if report.status and not only:
        await control().conclude(run.id, _outcome(report))
    return report


async def _done(toolbox: Toolbox, origin: Run) -> list[Recorded]:
    """What the run changed, in order.

    Raises:
        InvalidInput: An effect is under way, or in doubt.
    """
    found = []
    for effect in await control().effects(origin.id):
        tool = toolbox[effect.action]
        if not tool.writes:
            continue
        if await control().under_way(effect):
            msg = f"{effect.action} is under way in {origin.id}; try again when it has ended"
            raise InvalidInput(msg)
        known = await control().doubt(effect)
        if known.state == State.UNKNOWN:
            doubt = EffectUnknown(known.key, known.attempt)
            await reconcile(tool, origin, await control().args_of(known), doubt)
            known = await control().effect(known.key)
        if known.state == State.UNKNOWN:
            msg = f"nobody knows whether {known.key} happened; `tower effects settle` it first"
            raise InvalidInput(msg)
        if known.state == State.DONE:
            found.append(known)
    return found


def _compensation(toolbox: Toolbox, effect: Recorded) -> tuple[Recorded, Tool | None, dict[str, object]]:
    """What takes an effect back, from what it returned; None where nothing does any more."""
    window, ended = toolbox[effect.action].window, effect.ended
    if window and ended and control().clock() > ended + window:
        return effect, None, {}
    return effect, *(toolbox.compensation(effect.action, effect.result) or (None, {}))


async def _step(effect: Recorded, tool: Tool | None, args: dict[str, object], run: Run) -> Step:
    if tool is None:
        return Step(effect, state=Undone.IRREVERSIBLE, why=f"nothing takes {effect.action} back now")
    actor = Actor(TAKES_BACK, run, f"{UNDO}/{effect.position}")
    try:
        return Step(effect, tool, await act_for(tool, args, actor, 1))
    except InvalidArguments as error:
        return Step(effect, tool, state=Undone.FAILED, why=str(error))


async def _ask(steps: Sequence[Step], user: User | None, origin: Run, run: Run) -> None:
    """Ask for every yes at once; whoever may give it gives it by running the undo.

    Whoever started the run can't be the one who agrees that it is taken back.
    """
    plane = control()
    done = {effect.key for effect in await plane.effects(run.id) if effect.state == State.DONE}
    for step in steps:
        if step.act and step.act.key not in done and (await plane.assess(step.act)).effect is Effect.APPROVE:
            description = f"Take back {step.effect.action} of {origin.id}"
            await plane.ask_or_agree(step.act, user, requester=origin.user.id, description=description)


async def _take_back(steps: Sequence[Step]) -> AsyncIterator[Step]:
    stopped = False
    for step in steps:
        if stopped or step.tool is None or step.act is None:
            yield step
            stopped = stopped or step.state is Undone.FAILED
            continue
        act = step.act
        try:
            await call(step.tool, act.args, actor=act.actor, sequence=act.sequence)
        except ApprovalRequired as waits:
            stopped = True
            yield replace(step, state=Undone.WAITING, why=str(waits))
        except _FAILURES as error:
            stopped = True
            yield replace(step, state=Undone.FAILED, why=str(error))
        else:
            yield replace(step, state=Undone.UNDONE)


def _outcome(report: Report) -> dict[str, object]:
    status = report.status or Status.FAILED
    undone = [step.effect.action for step in report.steps if step.state is Undone.UNDONE]
    left = [step for step in report.steps if step.state is not Undone.UNDONE]
    return {
        "status": status.value,
        "answer": f"taken back: {', '.join(undone) or 'nothing'}",
        "reasons": [step.why for step in left],
        "evidence": [],
        "dissent": [],
        "undone": [step.effect.action for step in left],
        "result": {},
    }
