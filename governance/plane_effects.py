"""The control plane's dealings with effects: those that nobody knows the end of, and those taken back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from governance import breakers, effects, journal, runs, spent
from governance.acts import Json
from governance.audit import Entry
from governance.effects import Recorded
from governance.errors import InvalidInput
from governance.journal import State
from governance.plane_undo import UNDO, Undoing
from governance.principals import AgentIdentity, User
from governance.store import Tx


class Effects(Undoing):
    """What was done, what may have been done, and what is done about it."""

    async def effect(self, key: str) -> Recorded:
        """One tool call as it stands."""
        return await self.store.read(lambda tx: effects.get(tx, key))

    async def effects(self, run_id: str) -> list[Recorded]:
        """All tool calls of a run, in order."""
        return await self.store.read(lambda tx: effects.of_run(tx, run_id))

    async def args_of(self, effect: Recorded) -> dict[str, Json]:
        """The arguments of a tool call, personal values as tokens."""
        return await self.store.read(lambda tx: effects.args_of(tx, effect))

    async def unsettled(self, tenant: str) -> list[Recorded]:
        """Effects of a tenant that a person must settle: in doubt, or not taken back."""
        states = [State.UNKNOWN.value, State.FAILED.value]
        found = await self.store.read(lambda tx: effects.in_state(tx, tenant, states))
        return [each for each in found if each.state == State.UNKNOWN or each.graph == UNDO]

    async def resolve(
        self,
        key: str,
        *,
        attempt: int,
        result: Json | None,
        by: str,
        reason: str = "",
        trusts: Mapping[str, Collection[str]] | None = None,
        states: Sequence[State] = (State.UNKNOWN,),
    ) -> bool:
        """Write what became of an act that nobody knew the end of.

        Args:
            attempt: The one that was looked into.
            result: What it would have returned, personal values as tokens; None: it did not happen.
            by: Whoever found out: a tool's own query, or a person.
            trusts: What it adds to the run's trusted sets, as in `settle`.

        Returns:
            False if it was settled otherwise meanwhile; nothing was changed.
        """
        stored = None if result is None else journal.encode(result)

        def work(tx: Tx) -> bool:
            if not effects.resolve(tx, key, stored, attempt=attempt, states=states, now=self.clock()):
                return False
            found = effects.get(tx, key)
            runs.add_trust(tx, found.run, trusts or {})
            body = {"happened": result is not None, "by": by, "reason": reason}
            entry = Entry(
                "resolved",
                tenant=found.tenant,
                run=found.run,
                seam="tool",
                actor=found.agent,
                user=by,
                action=found.action,
                resource=f"Tool::{found.action}",
                key=key,
                body=body,
            )
            self.audit.append(tx, entry)
            return True

        return await self.store.transact(work)

    async def settle_effect(
        self,
        user: User,
        key: str,
        *,
        result: Json | None,
        reason: str,
        trusts: Mapping[str, Collection[str]] | None = None,
    ) -> Recorded:
        """Take a person's word for what became of an effect.

        Args:
            result: What it would have returned; None: it did not happen, and may be tried again.

        Raises:
            Denied: They may not say so.
            InvalidInput: No such effect in their tenant, no reason given, or it isn't in doubt.
        """
        found = await self.effect(key)
        if found.tenant != user.tenant:
            msg = f"there is no effect {key!r}; `tower effects list` shows them"
            raise InvalidInput(msg)
        await self.permit(user, "settle_effect", tenant=found.tenant, owner=found.owner)
        if not reason.strip():
            msg = "say how you know: --reason"
            raise InvalidInput(msg)
        reason = await self.vault.tokenise_json(user.tenant, reason, {})
        # What a compensation failed to do, a person may have done by hand.
        states = (State.UNKNOWN, State.FAILED) if found.graph == UNDO else (State.UNKNOWN,)
        settled = await self.resolve(
            key, attempt=found.attempt, result=result, by=user.id, reason=reason, trusts=trusts, states=states
        )
        if not settled:
            msg = f"{key} is {found.state}, so there is nothing to settle"
            raise InvalidInput(msg)
        return await self.effect(key)

    async def under_way(self, effect: Recorded) -> bool:
        """Whether a worker that may be alive is at an effect."""
        alive = effect.lease > self.clock() and not self.worker.died(effect.worker)
        return effect.state == State.OPEN and alive

    async def doubt(self, effect: Recorded) -> Recorded:
        """Mark an effect as unknown that was begun by somebody who is gone."""
        if effect.state == State.OPEN and not await self.under_way(effect):
            await self.store.transact(lambda tx: journal.give_up(tx, effect.key, now=self.clock()))
            return await self.effect(effect.key)
        return effect

    async def spent(self, tenant: str, run_id: str | None = None) -> dict[str, Any]:
        """What a tenant has used today (UTC), or a run in all, and of that who used what.

        Returns:
            `scope`; `units` with what is spent, reserved and allowed; `by_run`, `by_agent`, `by_user`,
            `by_model` and `by_tool`; for a run its `times`.
        """
        now = self.clock()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        scope = f"run:{run_id}" if run_id else f"tenant:{tenant}/{now:%Y-%m-%d}"
        limit = self.limits.run if run_id else self.limits.tenant

        def work(tx: Tx) -> dict[str, Any]:
            found = spent.uses(tx, tenant, run=run_id, since=midnight)
            units = spent.purse(tx, scope, limit)
            told = {"scope": scope, "units": units, **spent.grouped(found)}
            return told | ({"times": self._times(tx, run_id)} if run_id else {})

        return await self.store.read(work)

    async def breakers(self) -> list[breakers.Breaker]:
        """What has failed of late, by name."""
        return await self.store.read(breakers.listed)

    async def blame_agent(self, agent: AgentIdentity) -> None:
        """Count that an agent gave no valid result."""
        name = f"agent:{agent.name}"
        await self.store.transact(lambda tx: self.gate.switchboard.blame(tx, name))

    async def trust_agent(self, agent: AgentIdentity) -> None:
        """Forget an agent's failures, since it gave a valid result; costs nothing where it has none."""
        name = f"agent:{agent.name}"
        if name in self.gate.switchboard.ailing_agents:
            await self.store.transact(lambda tx: self.gate.switchboard.forgive(tx, [name]))
