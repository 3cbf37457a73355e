"""Demo: the main job on real documents, judged afterwards by what stands in the database."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.terminal import PROGRAM, Exit, Json, Progress, dump, finish, say, styled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from rich.console import RenderableType

    from cli.report import Played
    from cli.session import Session
    from evals.expectations import Expectation
    from governance.approvals import Approval
    from governance.grounds import Grounds

INBOX = Path(__file__).resolve().parent.parent / "examples" / "inbox"
AT_ONCE = 2
"""Documents that this process plays at a time; most machines have as many processors."""


def demo(
    inbox: Annotated[Path, typer.Option(help="Folder with documents and a manifest.toml.")] = INBOX,
    json: Json = False,
) -> None:
    """Play the main job on the documents in examples/inbox.

    How each one ended is checked against what its manifest says.
    """
    finish(_demo(inbox, json=json))


async def _demo(inbox: Path, *, json: bool) -> int:
    from cli.stage import set_stage
    from evals.expectations import read_manifest
    from graphs.domain import domain
    from tools.remote.process import started as beside

    expected = read_manifest(inbox / "manifest.toml")
    stage = set_stage()
    begun = time.monotonic()
    async with AsyncExitStack() as stack:
        systems = domain().systems
        # Other systems take a second to start, in which this process has enough to load.
        starting = asyncio.get_running_loop().run_in_executor(None, stack.enter_context, beside(systems))

        from cli.audit import read_verdict
        from cli.report import closing, opening, table
        from cli.session import session

        opened = await stack.enter_async_context(session())
        if not json:
            say(*opening(stage, expected))
        with Progress("preparing records and the document index", quiet=json).running():
            await asyncio.to_thread(opened.application.graph, "adaptive")
            await starting
            await opened.application.prepare()
        if not json:
            for s in systems:
                say(styled((f"{s.name} runs beside this, as a process of its own: {s.url}", "dim")))
        played = await _play_all(opened, expected, inbox, json=json)
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
        say(*table(played), *closing(played, verdict, stage, time.monotonic() - begun))
    return Exit.COMPLETED if good else Exit.FAILED


class _Page:
    """What is said about one document; kept until those before it are told."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet, self.shown = quiet, False
        self._kept: list[RenderableType] = []

    def say(self, *parts: RenderableType) -> None:
        """Say it now, or when the page is shown."""
        if self.shown:
            say(*parts)
        elif not self._quiet:
            self._kept.extend(parts)

    def show(self) -> None:
        """Show what was said so far, and from now on say things at once."""
        say(*self._kept)
        self.shown = not self._quiet


async def _play_all(
    opened: Session, expected: Sequence[Expectation], inbox: Path, *, json: bool
) -> list[Played]:
    """Play documents side by side and tell of them in order; a second process's answer holds up no other."""
    from graphs.domain import load

    world_of = load(f"evals.{opened.application.name}.inbox", "world_of")
    turn, pages = asyncio.Semaphore(AT_ONCE), [_Page(quiet=json) for _ in expected]
    play = partial(_play, opened, inbox=inbox, turn=turn, world_of=world_of)
    playing = [
        asyncio.create_task(play(page, expectation, f"{number}/{len(expected)}"))
        for number, (page, expectation) in enumerate(zip(pages, expected, strict=True), 1)
    ]
    played = []
    for page, task in zip(pages, playing, strict=True):
        page.show()
        played.append(await task)
    return played


async def _play(
    opened: Session,
    page: _Page,
    expectation: Expectation,
    number: str,
    *,
    inbox: Path,
    turn: asyncio.Semaphore,
    world_of: Callable[[str], Awaitable[Any]],
) -> Played:
    """Run one document; where it stops at a person, another process answers in that person's name."""
    from cli.drive import drive
    from cli.intake import request_of
    from cli.report import Played
    from evals.expectations import deviations

    async with turn:
        _announce(page, number, expectation)
        request = await request_of([str(inbox / expectation.file)], expectation.customer, expectation.vouched)
        record = await opened.start("adaptive", request)
        with Progress("adaptive", quiet=not page.shown).running() as progress:
            record = await drive(opened, record, progress.step)
    for _ in range(expectation.approvals):
        waiting = [asked for asked in await opened.pending(record.run.id) if "approve" in asked.allowed]
        if not waiting:
            break
        await _let_approve(page, waiting[0], await opened.plane.grounds(waiting[0]))
        record = await opened.plane.record(record.run.id)
    entries = await opened.entries(record.run.id)
    asked = sum(entry["kind"] == "approval_requested" for entry in entries)
    found = deviations(expectation, record, asked, await world_of(record.run.id))
    played = Played(expectation, record, found, entries)
    _tell(page, played)
    return played


async def _let_approve(page: _Page, asked: Approval, grounds: Grounds) -> None:
    from cli.question import request
    from governance.identity import read_users
    from governance.policy_files import POLICIES

    people = (user for user in read_users([POLICIES]).values() if user.tenant == asked.tenant)
    approver = next(user.id for user in people if user.roles & {*asked.roles} and user.id != asked.requester)
    command = ["approve", asked.id, "--as", approver]
    aside = (
        f"A second process answers as {approver}, while this one goes on with other documents. On this\n"
        f"development set-up both keys lie in {os.environ['TOWER_HOME']}/keys;\n"
        f"in production {approver}'s key is theirs alone.\n"
    )
    told = styled((aside, "dim"), (f"$ {PROGRAM} {' '.join(command)}", "bold"))
    page.say("", request(asked, grounds), "", told)
    process = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "cli.main", *command],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = (process.stdout + process.stderr).strip().splitlines()
    page.say(*(styled(("│ ", "dim"), line) for line in lines))


def _announce(page: _Page, number: str, expectation: Expectation) -> None:
    from rich.rule import Rule

    title = styled((f"{number}  {expectation.file}", "bold"))
    page.say("", Rule(title, align="left", style="blue"))
    if expectation.about:
        page.say(styled((expectation.about, "dim")))


def _tell(page: _Page, played: Played) -> None:
    """A short timeline, the typed outcome, and whether the database agrees."""
    from cli.report import told
    from cli.run import masked
    from cli.timeline import heading, outcome, timeline

    page.say("", heading(played.record), "", timeline(told(played.entries)), "")
    page.say(outcome(played.record, masked(played.record)))
    for deviation in played.deviations:
        page.say(styled(("✗ not as expected: ", "bold red"), deviation))
    if not played.deviations:
        page.say(styled(("✓ as stated in advance", "green"), ", judged by the database"))
