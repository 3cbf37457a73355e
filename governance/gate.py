"""Gate: what happens in the one transaction before an act, and in the one after it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from governance import agents, approvals, confidence, journal, rates, runs, situation, timers
from governance.acts import Act, Clearance, Cost, Decision, Effect, Json, Seam
from governance.approval_rules import ApprovalRules
from governance.approvals import CONSUMED, EXPIRED, REJECTED, Approval
from governance.audit import AuditLog, Entry
from governance.clock import Clock
from governance.errors import (
    ApprovalRejected,
    ApprovalRequired,
    ControlUnavailable,
    Denied,
    EffectUnknown,
    TowerError,
)
from governance.journal import Found, Standing
from governance.judge import Judge
from governance.limits import Limits
from governance.refusals import denied, refusal_entry
from governance.situation import Situation
from governance.spending import NOTHING, Spending
from governance.store import Tx
from governance.switchboard import Switchboard
from governance.timers import Standing as RunStanding
from governance.workers import Worker

_LEASE_MARGIN = timedelta(seconds=30)  # beyond an attempt's timeout, for what is slow around it
REVIEW = ("approve", "edit", "reject")


class Wait:
    """Another worker is at this act; ask again."""


@dataclass(frozen=True, slots=True)
class Gate:
    """The order of checks before an act; the first that objects decides."""

    policy: Judge
    limits: Limits
    audit: AuditLog
    worker: Worker
    clock: Clock
    spending: Spending
    switchboard: Switchboard
    version: str  # of policies and limits together

    def clear(self, tx: Tx, act: Act) -> Clearance | TowerError | Wait:
        """Clear an act; a refusal is returned, not raised, so that its audit entry is committed.

        Raises:
            ControlUnavailable: Something that decides can't be read; nothing was written.
        """
        now = self.clock()
        about = situation.read(tx, act)
        found = journal.found(about.journal, now=now, died=self.worker.died)
        if found.standing is Standing.REPLAY and found.decision:
            return Clearance(
                act, act.key, found.decision, found.result, True, found.attempts, found.approved_by
            )
        if found.standing is Standing.HELD:
            return Wait()
        try:
            return self._begin(tx, act, about, found, now)
        except ControlUnavailable:
            raise
        except TowerError as refusal:
            self.refuse(tx, act, refusal)
            return refusal

    def assess(self, tx: Tx, act: Act) -> Decision:
        """What contract and policy say to an act; nothing is written."""
        try:
            self._check_contract(tx, act)
        except Denied as refusal:
            return Decision(Effect.DENY, refusal.policies, self.version, refusal.reason)
        return self.judge(tx, act, approved=False)

    def judge(self, tx: Tx, act: Act, *, approved: bool) -> Decision:
        """Policy's decision, with what the run's own effects have added to its trusted sets."""
        added = runs.added_trust(tx, act.actor.run.id) if act.seam is Seam.TOOL else {}
        decision = replace(
            self.policy.decide(act, approved=approved, also_trusted=added), version=self.version
        )
        return decision if approved else confidence.held(decision, act, self.limits.confidence)

    def settle(
        self, tx: Tx, clearance: Clearance, result: str, used: Cost, trusts: Mapping[str, Collection[str]]
    ) -> None:
        """Write the result, what it cost and the audit entry; a result that comes too late is discarded."""
        act = clearance.act
        first = journal.finish(tx, clearance.key, result, attempt=clearance.attempt, now=self.clock())
        if first:
            self.spending.pay(tx, act, used)
            runs.add_trust(tx, act.actor.run.id, trusts)
        body: dict[str, Json] = {"result": hashlib.sha256(result.encode()).hexdigest()}
        if trusts:
            body["trusts"] = {name: sorted(values) for name, values in trusts.items()}
        self.audit.append(tx, Entry.of_act("settled" if first else "discarded", act, cost=used, **body))
        if clearance.ailing:
            self.switchboard.forgive(tx, clearance.ailing)

    def fail(
        self, tx: Tx, clearance: Clearance, error: str, used: Cost, *, retry: bool, blame: bool = True
    ) -> None:
        """Write that an attempt ended without a result.

        Args:
            blame: It counts against the model or tool, which would have done it if all were well.
        """
        act = clearance.act
        first = journal.fail(
            tx, clearance.key, error, attempt=clearance.attempt, retry=retry, now=self.clock()
        )
        if first:
            self.spending.pay(tx, act, used)
        kind = ("failed" if retry else "unknown") if first else "discarded"
        self.audit.append(tx, Entry.of_act(kind, act, cost=used, error=error, attempt=clearance.attempt))
        if blame and first:
            self.switchboard.blame_act(tx, act)

    def release(self, tx: Tx, clearance: Clearance) -> None:
        """Take back a clearance that nobody received, so nobody acted."""
        self.fail(tx, clearance, "cancelled before it was begun", NOTHING, retry=True, blame=False)

    def ask(
        self,
        tx: Tx,
        act: Act,
        description: str,
        allowed: tuple[str, ...],
        rules: ApprovalRules | None = None,
        requester: str | None = None,
    ) -> Approval:
        """Find the question for this act, or ask it; by the deployment's rules unless others are given."""
        found = approvals.existing(tx, act, self.version, self.clock())
        rules, requester = rules or self.limits.approvals, requester or act.actor.run.user.id
        return found or self._create(tx, act, description, allowed, rules, requester)

    def _begin(self, tx: Tx, act: Act, about: Situation, found: Found, now: datetime) -> Clearance | Wait:
        if found.standing is Standing.IN_DOUBT:
            journal.give_up(tx, act.key, now=now)
            self.spending.abandon(tx, act, found)
            self.hold(tx, act.actor.run.id)
            raise EffectUnknown(act.key, found.attempts)
        standing = self._check_run(tx, act, about, now)
        objection = agents.objection(tx, act.actor.agent, about.agent, now)
        if objection:
            raise Denied(objection)
        lease = self._lease(act)
        self._check_contract(tx, act)
        decision, grant = self._decide(tx, act)
        ailing = self.switchboard.check(tx, act, now, lease) if standing.troubled else frozenset()
        if self.limits.rates and not rates.take(tx, act, self.limits.rates, now):
            return Wait()
        self.spending.reserve(tx, act, found, now)
        if grant:
            approvals.consume(tx, grant, act)
        approver = grant.decided_by if grant else None
        body: dict[str, Json] = {"args": dict(act.args)} | confidence.stated(act)
        if grant:
            body |= {"approval": grant.id, "approved_by": approver}
        self.audit.append(tx, Entry.of_act("cleared", act, decision, act.cost, **body))
        attempt = journal.begin(
            tx, act, decision, worker=self.worker.id, now=now, lease=lease, approved_by=approver
        )
        return Clearance(act, act.key, decision, attempt=attempt, approved_by=approver, ailing=ailing)

    def hold(self, tx: Tx, run_id: str) -> None:
        """Let a run wait for a person, which costs it no time."""
        runs.mark(tx, run_id, runs.WAITING)
        timers.pause(tx, run_id, self.clock())

    def _check_run(self, tx: Tx, act: Act, about: Situation, now: datetime) -> RunStanding:
        run_id = act.actor.run.id
        if about.run[0] in (None, runs.ENDED):
            raise runs.over(tx, run_id)
        found = timers.standing(about.run)
        if found.state != runs.RUNNING:
            runs.mark(tx, run_id, runs.RUNNING)
        longest = max(self.limits.timeouts.model, self.limits.timeouts.tool)
        found = timers.proceed(tx, run_id, found, now, longest=longest)
        self.spending.check_time(act, found, now)
        return found

    def _check_contract(self, tx: Tx, act: Act) -> None:
        called = journal.calls(tx, act) if act.seam is Seam.TOOL else 0
        if act.seam is Seam.TOOL and (msg := act.actor.run.contract.objection(act.action, called)):
            raise Denied(msg, ("task-contract",))

    def _decide(self, tx: Tx, act: Act) -> tuple[Decision, Approval | None]:
        decision = self.judge(tx, act, approved=False)
        if decision.effect is Effect.ALLOW:
            return decision, None
        if decision.effect is Effect.DENY:
            raise denied(act, decision)
        grant = approvals.grant_for(tx, act, decision.version)
        if grant is None:
            raise self._missing(tx, act, decision.reason)
        approved = self.judge(tx, act, approved=True)
        if approved.effect is not Effect.ALLOW:
            raise denied(act, approved)
        return approved, grant

    def _missing(self, tx: Tx, act: Act, why: str) -> TowerError:
        """Ask a person, or say what the person said."""
        found = approvals.existing(tx, act, self.version, self.clock())
        if found is None or (found.state == CONSUMED and not found.edited):
            description = f"{act.actor.agent.name} asks to {act.action}. {why}"
            found = self._create(tx, act, description, REVIEW, self.limits.approvals, act.actor.run.user.id)
        if found.state in {REJECTED, EXPIRED}:
            return ApprovalRejected(found.id, found.reason)
        self.hold(tx, act.actor.run.id)
        return ApprovalRequired(found.id)

    def _create(
        self, tx: Tx, act: Act, about: str, allowed: tuple[str, ...], rules: ApprovalRules, requester: str
    ) -> Approval:
        approval = approvals.create(
            tx,
            act,
            policy_version=self.version,
            rules=rules,
            description=about,
            allowed=allowed,
            requester=requester,
            now=self.clock(),
        )
        why = self.judge(tx, act, approved=False)
        asked: dict[str, Json] = {"roles": list(approval.roles), "args": dict(act.args)}
        body = asked | {"later": dict(approval.later), "why": why.reason, "by": list(why.policies)}
        entry = Entry.of_act("approval_requested", act, approval=approval.id, **body)
        self.audit.append(tx, replace(entry, policy_version=approval.policy_version))
        return approval

    def _lease(self, act: Act) -> timedelta:
        timeouts = self.limits.timeouts
        return timedelta(seconds=timeouts.model if act.seam is Seam.MODEL else timeouts.tool) + _LEASE_MARGIN

    def refuse(self, tx: Tx, act: Act, refusal: TowerError) -> None:
        """Write down that an act was refused, and why."""
        self.audit.append(tx, refusal_entry(act, refusal, self.version))
