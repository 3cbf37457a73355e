"""Timeline: what happened in a run, from the audit log, in lines that a person can follow."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.terminal import euros, typed, word
from governance.answers import on_screen
from governance.approvals import Approval
from governance.grounds import FIRST, Grounds
from governance.runs import Record

Entry = Mapping[str, Any]
SHORT_VERSION = 12
LABEL = 18
"""Columns of a label; a longer one is wrapped."""
REFUSED = ("refused", "failed", "unknown", "answer_refused", "abandoned", "invalid_output")


@dataclass(frozen=True)
class Moment:
    """One line of a timeline.

    Attributes:
        seconds: Since the run was opened.
        cleared: Policies that allowed or refused it.
        used: Model calls, tokens and money, in words.
    """

    seconds: float
    who: str
    what: str
    kind: str
    cleared: str
    used: str


def moments(entries: Iterable[Entry]) -> list[Moment]:
    """Fold a run's audit entries into a timeline; what was used stands with what was cleared."""
    listed = list(entries)
    if not listed:
        return []
    used = {e["key"]: e.get("cost", {}) for e in listed if e["kind"] == "settled" and "key" in e}
    begun = datetime.fromisoformat(listed[0]["time"])
    return [
        Moment(
            (datetime.fromisoformat(e["time"]) - begun).total_seconds(),
            e.get("actor") or e.get("user_id") or "",
            _what(e),
            e["kind"],
            ", ".join(e.get("policies", [])),
            spent(used.get(e.get("key"), {}) if e["kind"] == "cleared" else {}),
        )
        for e in listed
        if e["kind"] != "settled"
    ]


def _what(entry: Entry) -> str:  # noqa: C901, PLR0911, PLR0912 - a table of wordings
    body = entry.get("body", {})
    match entry["kind"]:
        case "run_opened":
            return f"opens a run of {body.get('graph')} for {body.get('subject') or 'nobody verified'}"
        case "event" if body.get("what") == "again":
            return f"does again what {body.get('digest')} was asked for"
        case "event":
            return f"{'is woken' if body.get('did') == 'woke' else 'starts'}: a {body.get('what')} came"
        case "run_ended":
            return f"ends as {body.get('status')}"
        case "cleared":
            return _act(entry) + (f", approved by {body['approved_by']}" if body.get("approved_by") else "")
        case "refused" | "failed" | "unknown":
            return f"{_act(entry)}: {body.get('reason') or body.get('error', '')}"
        case "approval_requested":
            return f"asks {' or '.join(body.get('roles', []))} about {_act(entry)}"
        case "approval_decided":
            said = f": {body['message']}" if body.get("message") else ""
            return f"{_past(entry.get('decision', ''))} {entry.get('action')}{said}"
        case "invalid_output":
            return f"{body.get('agent')} gave an invalid result: {body.get('problem')}"
        case "model_unavailable":
            return f"no model answers: {body.get('reason')}"
        case "unsure":
            return f"{body.get('agent')} is {body.get('confidence')} % sure: {_doubted(body)}"
        case "reconciled":
            return f"settles on {body.get('choice')}, by {body.get('by')}"
        case "dissent":
            return f"dissent: {_dissent(body)}"
        case "branch_absent":
            return f"no verdict of {body.get('branch')}: {body.get('reason')}"
        case kind:
            return str(kind).replace("_", " ")


def _doubted(said: Mapping[str, Any]) -> str:
    if said.get("then") == "person":
        return "a person decides on what rests on it"
    if said.get("skipped"):
        return f"the {said.get('then')} agent should look once more, and the step has no such fallback"
    found = "to no result" if said.get("found") is None else f"and is {said['found']} % sure"
    changed = f"; {', '.join(said.get('changed', ()))} changed" if said.get("changed") else ""
    return f"the {said.get('then')} agent looks once more, {found}{changed}"


def _dissent(said: Mapping[str, Any]) -> str:
    if "choice" in said:
        return f"{said.get('branch')} says {said['choice']}: {said.get('reason')}"
    return ", ".join(value for value in said.values() if isinstance(value, str))


def _past(decision: str) -> str:
    return {"approve": "approves", "reject": "rejects", "edit": "edits and approves"}.get(decision, decision)


def _act(entry: Entry) -> str:
    target = str(entry.get("resource", "")).split("::")[-1]
    seam, action = entry.get("seam"), str(entry.get("action"))
    words = {
        "model": f"asks {entry.get('model') or target}",
        "tool": action,
        "route": f"goes on to {target}" if action == "route" else "asks a person",
        "memory": f"{'reads' if action == 'read_memory' else 'writes'} {target}",
        "delivery": "delivers",
    }
    return words.get(str(seam), action)


def spent(cost: Mapping[str, Any]) -> str:
    """Tokens and money in words; calls and hand-overs are lines of their own."""
    parts = []
    if cost.get("tokens"):
        parts.append(f"{cost['tokens']:,} tokens")
    if cost.get("micros"):
        parts.append(f"{cost['micros'] / 1_000_000:.4f}")
    return ", ".join(parts)


def timeline(entries: Iterable[Entry]) -> Table:
    """A run's timeline as a table."""
    table = Table(box=None, padding=(0, 1), header_style="dim", pad_edge=False)
    table.add_column("s", justify="right", style="dim", no_wrap=True)
    table.add_column("who", style="cyan", no_wrap=True)
    table.add_column("what", ratio=3)
    table.add_column("policy", style="dim", ratio=2)
    table.add_column("used", justify="right", style="dim", no_wrap=True)
    for m in moments(entries):
        style = "red" if m.kind in REFUSED and "approval" not in m.what else ""
        style = "yellow" if m.kind.startswith("approval") or "is pending" in m.what else style
        table.add_row(f"{m.seconds:.1f}", m.who, Text(m.what, style=style), m.cleared, m.used)
    return table


def heading(record: Record) -> Text:
    """Which run it is, for whom, and how it stands."""
    run = record.run
    status = (record.outcome or {}).get("status", record.state)
    about = f"{run.subject} (verified: {run.verified})" if run.subject else "nobody verified"
    return Text.assemble(
        (run.id, "bold"), "  ", word(status), "  ", run.graph, f"  by {run.user.id} for {about}  ",
        (f"policy {run.policy_version[:SHORT_VERSION]}", "dim"),
    )  # fmt: skip


def outcome(record: Record, masked: Mapping[str, int]) -> RenderableType:
    """How a run ended: answer, reasons, sources, usage, and what was masked."""
    ended = record.outcome or {}
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    if ended:
        table.add_row("outcome", word(ended["status"]))
    for label, value in (
        ("answer", ended.get("answer")),
        ("reasons", "\n".join(ended.get("reasons", []))),
        ("undone", ", ".join(ended.get("undone", []))),
        ("dissent", "\n".join(_dissent(said) for said in ended.get("dissent", []))),
        ("sources", "\n".join(dict.fromkeys(e["source"] for e in ended.get("evidence", [])))),
        ("used", usage(ended.get("usage", {})) if ended else ""),
        ("masked", ", ".join(f"{count} {kind}" for kind, count in sorted(masked.items()))),
    ):
        if value:
            table.add_row(label, typed(str(value)))
    return table


def usage(used: Mapping[str, Any]) -> str:
    """What a run used, in words."""
    calls = f"{used.get('model_calls', 0)} model calls, {used.get('tool_calls', 0)} tool calls"
    cost = f"{used.get('micros', 0) / 1_000_000:.4f}"
    return f"{calls}, {used.get('tokens', 0):,} tokens, cost {cost}"


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")


def request(approval: Approval, grounds: Grounds, *, lines: int | None = FIRST) -> Group:
    """A request for approval: what is asked and what it rests on, by whom, and until when.

    Args:
        lines: How many lines of the request to show; None is all.
    """
    said, _ = on_screen(approval.description)
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", max_width=LABEL)
    table.add_column()
    for name, value in euros(approval.args).items():
        table.add_row(name, value)
    for label, text in grounds.rows(approval.args, lines=lines, words=euros):
        table.add_row(label, text)
    asker = f"{approval.act['agent']['name']}, in {approval.run} of {approval.requester}"
    table.add_row("asked by", asker)
    table.add_row("at", approval.act["position"])
    others = [(role, since) for role, since in approval.later.items() if role not in approval.roles]
    needs = [" or ".join(approval.roles), *(f"{role} too from {_minute(since)}" for role, since in others)]
    table.add_row("needs", ", ".join([*needs, f"by {_minute(approval.expires)} UTC"]))
    title = Text.assemble(
        ("? ", "bold yellow"),
        (approval.action, "bold"),
        f"  {typed(said)}  ",
        (approval.id, "bold"),
    )
    return Group(title, table)


def commands(approval: Approval, who: str) -> list[str]:
    """The decisions that this question allows, each as a line to type; masked values as tokens."""
    name, value = next(reversed(approval.args), "NAME"), "…"
    if "amount" in approval.args:
        name, value = "amount", str(approval.args["amount"])
    if "values" in approval.args:
        needed = on_screen(approval.description)[1]
        try:
            there = json.loads(str(approval.args["values"]))
        except ValueError:
            there = {}
        draft = (there if isinstance(there, dict) else {}) | dict.fromkeys(needed, "…")
        name, value = "values", json.dumps(draft, ensure_ascii=False)
    change = f"{name}={value}"
    tails = {"approve": "", "edit": f" --set {shlex.quote(change)}", "reject": ' --reason "…"'}
    verbs = [verb for verb in ("approve", "edit", "reject") if verb in approval.allowed]
    return [f"  {typed(f'  tower {verb}').strip()} {approval.id}{tails[verb]} --as {who}" for verb in verbs]
