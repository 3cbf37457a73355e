"""Question: what a person is asked, what it rests on, and the commands that answer it."""

from __future__ import annotations

import json
import shlex

from rich.console import Group
from rich.table import Table
from rich.text import Text

from cli.terminal import euros, typed
from governance.answers import on_screen
from governance.approvals import Approval
from governance.grounds import FIRST, Grounds

LABEL = 18
"""Columns of a label; a longer one is wrapped."""


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
        ("? ", "bold yellow"), (approval.action, "bold"), f"  {typed(said)}  ", (approval.id, "bold")
    )
    return Group(title, table)


def commands(approval: Approval, who: str) -> list[str]:
    """The decisions that this question allows, each as a line to type; masked values as tokens."""
    name, value = ["NAME", *approval.args][-1], "…"
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


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")
