"""Timeline: what happened in a run, from the audit log, in lines that a person can follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from cli.terminal import typed, word
from governance.runs import Record

Entry = Mapping[str, Any]
SHORT_VERSION = 12
PAST = {"approve": "approves", "reject": "rejects", "edit": "edits and approves"}
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
            decision, said = entry.get("decision", ""), f": {body['message']}" if body.get("message") else ""
            return f"{PAST.get(decision, decision)} {entry.get('action')}{said}"
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
