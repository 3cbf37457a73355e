"""The control plane's dealings with people: what they may do, what they are asked, what they answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from governance import approvals, decisions, delegation, grounds, runs
from governance.act_json import act_from_json
from governance.acts import Act, Decision, Effect, Json, Seam
from governance.answers import parse
from governance.approval_rules import ApprovalRules
from governance.approvals import Approval
from governance.audit import Entry
from governance.connections import ReadOnly
from governance.decisions import Rules
from governance.errors import ControlUnavailable, Denied, TowerError
from governance.gate import REVIEW
from governance.grounds import Grounds
from governance.plane_runs import RunBook
from governance.principals import User
from governance.store import Tx


class Hearing(RunBook):
    """Questions to people and their answers, each in the audit log."""

    async def permit(
        self, user: User, action: str, *, tenant: str, owner: str | None = None, **facts: Json
    ) -> None:
        """Ask policy whether a person may do something.

        Args:
            facts: What else policy sees, such as the `graph` of a run to start.

        Raises:
            Denied: They may not; the refusal is in the audit log.
        """
        decision = self.policy.permit(user, action, tenant=tenant, owner=owner, **facts)
        if decision.effect is not Effect.ALLOW:
            await self.note_refusal(
                user, action, {"tenant": tenant, "owner": owner, **facts}, decision.policies
            )
            raise Denied(decision.reason or f"{user.id} may not {action}", decision.policies)

    async def note_refusal(
        self, user: User, action: str, body: dict[str, Json], policies: tuple[str, ...] = ()
    ) -> None:
        """Write down that a person was refused something, with the policies that refused it, if any did."""
        entry = Entry(
            "refused",
            tenant=user.tenant,
            user=user.id,
            action=action,
            decision=Effect.DENY.value,
            policies=policies,
            policy_version=self.version,
            body=body,
        )
        with suppress(ReadOnly):  # refused all the same
            await self.store.transact(lambda tx: self.audit.append(tx, entry))

    async def grounds(self, approval: Approval) -> Grounds:
        """What a question rests on, personal values as tokens."""
        return await self.store.read(lambda tx: grounds.of(tx, approval))

    async def shown_to(self, user: User, approval: Approval) -> tuple[Approval, Grounds]:
        """A question and its grounds as a person may see them.

        Real values where policy lets them and the look can be logged, as each is.
        """
        rests_on = await self.grounds(approval)
        decision = self.policy.permit(user, "see_personal", tenant=approval.tenant, owner=approval.requester)
        if decision.effect is not Effect.ALLOW:
            return approval, rests_on
        args, given = dict(approval.args), rests_on.to_json()
        real, clear = await self.vault.reveal_known(approval.tenant, [args, given])
        seen = sorted(name for name in args if real[name] != args[name]) + ["grounds"] * (clear != given)
        if not seen:
            return approval, rests_on
        entry = Entry(
            "personal_seen",
            tenant=approval.tenant,
            run=approval.run,
            user=user.id,
            action="see_personal",
            decision=decision.effect.value,
            policies=decision.policies,
            policy_version=self.version,
            body={"approval": approval.id, "values": seen},
        )
        try:
            await self.store.transact(lambda tx: self.audit.append(tx, entry))
        except ReadOnly:  # nobody would find the look in the log
            return approval, rests_on
        return replace(approval, args=real), Grounds(**clear)

    async def request_approval(
        self,
        act: Act,
        description: str,
        allowed: tuple[str, ...] = REVIEW,
        rules: ApprovalRules | None = None,
    ) -> Approval:
        """Ask a person about an act before it is tried; the same question is asked once.

        Args:
            rules: Who may answer and by when; the deployment's rules by default.

        Raises:
            Denied: The run is over.
        """
        act = await self.own(act)

        def work(tx: Tx) -> Approval:
            if runs.state(tx, act.actor.run.id) == runs.ENDED:
                raise runs.over(tx, act.actor.run.id)
            asked = self.gate.ask(tx, act, description, allowed, rules)
            if asked.state == approvals.PENDING:
                self.gate.hold(tx, asked.run)
            return asked

        return await self.store.transact(work)

    async def approval(self, approval_id: str) -> Approval:
        """An approval as it stands now."""
        found = await self.store.read(lambda tx: approvals.get(tx, approval_id))
        return approvals.as_of(found, self.clock())

    async def pending(self, tenant: str, role: str | None = None) -> list[Approval]:
        """What waits for an answer in a tenant, oldest first."""
        return await self.store.read(
            lambda tx: approvals.pending(tx, tenant=tenant, now=self.clock(), role=role)
        )

    async def decide(self, user: User, answer: Json) -> Approval:
        """Record what an authenticated person answered, in any form that `answers.parse` knows.

        Raises:
            Denied: They may not answer it, or policy forbids what they edited.
            InvalidInput: The answer can't be understood or used.
        """

        def work(tx: Tx) -> Approval | TowerError:
            try:
                return self._decide(tx, user, answer)
            except ControlUnavailable:
                raise
            except TowerError as refusal:
                asked = answer.get("approval_id") if isinstance(answer, dict) else None
                body = {"reason": str(refusal), "approval": asked if isinstance(asked, str) else None}
                entry = Entry("answer_refused", tenant=user.tenant, user=user.id, body=body)
                self.audit.append(tx, entry)
                return refusal

        answer = await self.vault.tokenise_json(user.tenant, answer, {})
        result = await self.store.transact(work)
        if isinstance(result, TowerError):
            raise result
        return result

    async def delegate(self, giver: User, receiver_id: str, *, roles: Iterable[str], until: datetime) -> None:
        """Let another person answer in the giver's place until then.

        Raises:
            Denied: The giver doesn't have these roles.
        """
        given = sorted(roles)

        def work(tx: Tx) -> None:
            delegation.delegate(tx, giver, receiver_id, roles=given, until=until)
            body = {"to": receiver_id, "roles": given, "until": until.isoformat()}
            self.audit.append(tx, Entry("delegated", tenant=giver.tenant, user=giver.id, body=body))

        await self.store.transact(work)

    def _decide(self, tx: Tx, user: User, answer: Json) -> Approval:
        def recheck(approval: Approval, args: Mapping[str, Json]) -> Decision:
            act = act_from_json(approval.act, runs.get(tx, approval.run).run, args)
            if act.seam is Seam.TOOL:
                act = replace(act, facts={**act.facts, "asked": dict(approval.args)})
            return self.gate.judge(tx, act, approved=True)

        def permit(person: User, approval: Approval) -> Decision:
            return self.policy.permit(
                person, "decide_approval", tenant=approval.tenant, owner=approval.requester
            )

        rules = Rules(self.version, permit, recheck)
        decided, anew = decisions.decide(tx, user, parse(answer), rules=rules, now=self.clock())
        if not anew:
            return decided  # no second decision, in the log as in what people had to do
        body = {"approval": decided.id, "args": dict(decided.args), "message": decided.message}
        entry = Entry(
            "approval_decided",
            tenant=user.tenant,
            run=decided.run,
            user=user.id,
            action=decided.action,
            decision=decided.decision,
            policy_version=decided.policy_version,
            body=body | {"on_behalf_of": decided.on_behalf_of, "requester": decided.requester},
        )
        self.audit.append(tx, entry)
        return decided
