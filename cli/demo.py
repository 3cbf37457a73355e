"""Demo: the main job on real documents, judged afterwards by what stands in the database."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.terminal import PROGRAM, Exit, Json, Progress, dump, finish, say, styled

if TYPE_CHECKING:
    from cli.report import Played
    from cli.session import Session
    from evals.expectations import Expectation
    from governance.approvals import Approval
    from governance.runs import Record

INBOX = Path(__file__).resolve().parent.parent / "examples" / "inbox"
APPROVER = "lena"


def demo(
    inbox: Annotated[Path, typer.Option(help="Folder with documents and a manifest.toml.")] = INBOX,
    json: Json = False,
) -> None:
    """Play the main job on the documents in examples/inbox.

    How each one ended is checked against what its manifest says.
    """
    finish(_demo(inbox, json=json))


async def _demo(inbox: Path, *, json: bool) -> int:
    from cli.audit import read_verdict
    from cli.report import Played, closing, opening, table
    from cli.session import session
    from cli.stage import set_stage
    from evals.expectations import deviations, read_manifest
    from graphs.domain import load
    from tools.remote.process import started as beside

    expected = read_manifest(inbox / "manifest.toml")
    stage = set_stage()
    started = time.monotonic()
    async with session() as opened, AsyncExitStack() as stack:
        world_of = load(f"evals.{opened.application.name}.inbox", "world_of")
        if not json:
            say(*opening(stage, expected))
        with Progress("preparing records and the document index", quiet=json).running():
            await opened.application.prepare()
            await asyncio.to_thread(stack.enter_context, beside(opened.application.systems))
        if not json:
            for s in opened.application.systems:
                say(styled((f"{s.name} runs beside this, as a process of its own: {s.url}", "dim")))
        played: list[Played] = []
        for number, expectation in enumerate(expected, 1):
            if not json:
                _announce(number, len(expected), expectation)
            record = await _play(opened, expectation, inbox, json=json)
            entries = await opened.entries(record.run.id)
            asked = sum(entry["kind"] == "approval_requested" for entry in entries)
            found = deviations(expectation, record, asked, await world_of(record.run.id))
            played.append(Played(expectation, record, found, entries))
            if not json:
                _tell(played[-1])
    verdict = await asyncio.to_thread(read_verdict)
    good = verdict.whole and not any(p.deviations for p in played)
    if json:
        dump(
            {
                "home": str(stage.home),
                "good": good,
                "audit": verdict.message,
                "documents": [p.to_json() for p in played],
            }
        )
    else:
        say(*table(played), *closing(played, verdict, stage, time.monotonic() - started))
    return Exit.COMPLETED if good else Exit.FAILED


async def _play(opened: Session, expectation: Expectation, inbox: Path, *, json: bool) -> Record:
    """Run one document; where it stops at a person, another process answers in that person's name."""
    from cli.drive import drive
    from cli.intake import request_of

    request = await request_of([str(inbox / expectation.file)], expectation.customer, expectation.vouched)
    record = await opened.start("adaptive", request)
    with Progress("adaptive", quiet=json).running() as progress:
        record = await drive(opened, record, progress.step)
    for _ in range(expectation.approvals):
        waiting = [asked for asked in await opened.pending(record.run.id) if "approve" in asked.allowed]
        if not waiting:
            break
        await _let_approve(waiting[0], json=json)
        record = await opened.plane.record(record.run.id)
    return record


async def _let_approve(asked: Approval, *, json: bool) -> None:
    from cli.timeline import request

    command = ["approve", asked.id, "--as", APPROVER]
    if not json:
        say("", request(asked), "")
        aside = (
            f"A second process answers as {APPROVER}. On this development set-up both keys lie in\n"
            f"{os.environ['TOWER_HOME']}/keys; in production {APPROVER}'s key is hers alone.\n"
        )
        say(styled((aside, "dim"), (f"$ {PROGRAM} {' '.join(command)}", "bold")))
    process = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "cli.main", *command, *(["--json"] if json else [])],
        capture_output=True,
        text=True,
        check=False,
    )
    if not json:
        lines = (process.stdout + process.stderr).strip().splitlines()
        say(*(styled(("│ ", "dim"), line) for line in lines))


def _announce(number: int, total: int, expectation: Expectation) -> None:
    from rich.rule import Rule

    title = styled((f"{number}/{total}  {expectation.file}", "bold"))
    say("", Rule(title, align="left", style="blue"))
    if expectation.about:
        say(styled((expectation.about, "dim")))


def _tell(played: Any) -> None:
    """A short timeline, the typed outcome, and whether the database agrees."""
    from cli.report import told
    from cli.run import masked
    from cli.timeline import heading, outcome, timeline

    say("", heading(played.record), "", timeline(told(played.entries)), "")
    say(outcome(played.record, masked(played.record)))
    for deviation in played.deviations:
        say(styled(("✗ not as expected: ", "bold red"), deviation))
    if not played.deviations:
        say(styled(("✓ as stated in advance", "green"), ", judged by the database"))
