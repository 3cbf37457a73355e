"""Audit: is the log whole, and what does it say."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.people import AUDIT, OPERATION, AsAuditor, AsOperator, within
from cli.terminal import Exit, Json, finish, mark, say, styled, tell

if TYPE_CHECKING:
    from cli.session import Session
    from governance.verify import Verdict

app = typer.Typer(help="The audit log: verify, read, export, seal.", no_args_is_help=True)

OfRun = Annotated[str | None, typer.Option("--run", help="Only this run.")]


@app.command("verify")
def verify(json: Json = False) -> None:
    """Check every entry, link and signature.

    Names the first entry that isn't as it was written.
    """

    async def work() -> int:
        import asyncio
        from dataclasses import asdict

        verdict = await asyncio.to_thread(read_verdict)
        at = "" if verdict.whole else f" (first broken entry: {verdict.broken}, {verdict.problem})"
        tell(asdict(verdict), styled(mark(verdict.whole), f" {verdict.message}{at}"), json=json)
        return Exit.COMPLETED if verdict.whole else Exit.FAILED

    finish(work())


@app.command("show")
def show(
    run: OfRun = None,
    kind: Annotated[str | None, typer.Option(help="Only entries of this kind, such as refused.")] = None,
    since: Annotated[int, typer.Option(help="Only entries after this number.")] = 0,
    user: AsAuditor = None,
    json: Json = False,
) -> None:
    """Show entries, oldest first.

    Takes an auditor's key.
    """

    async def work(opened: Session) -> None:
        import asyncio

        asked = {"run": run, "kind": kind, "tenant": opened.user.tenant}
        found = await asyncio.to_thread(lambda: list(opened.plane.audit.entries(**asked, since=since)))
        tell(found, *map(_line, found), json=json)

    within(work, user, AUDIT, needs="read_audit")


def _line(e: Mapping[str, Any]) -> str:
    who = e.get("actor") or e.get("user_id") or "-"
    parts = (e["seq"], e["time"][:19], e["kind"], who, e.get("action", ""), e.get("decision", ""))
    return "{:>5}  {}  {:<18} {:<16} {:<16} {:<8}".format(*parts) + f" {', '.join(e.get('policies', ()))}"


@app.command("export")
def export(
    run: OfRun = None,
    out: Annotated[Path | None, typer.Option(help="File to write; stdout by default.")] = None,
    user: AsAuditor = None,
) -> None:
    """Export the log as JSON lines.

    Takes an auditor's key.
    """

    async def work(opened: Session) -> None:
        import asyncio

        def write() -> None:
            lines = opened.plane.audit.export(run=run, tenant=opened.user.tenant)
            with out.open("w", encoding="utf-8") if out else nullcontext(sys.stdout) as file:
                file.writelines(f"{line}\n" for line in lines)

        await asyncio.to_thread(write)

    within(work, user, AUDIT, needs="read_audit")


@app.command("seal")
def seal(
    before: Annotated[datetime, typer.Option(help="Seal what was written before that day (UTC).")],
    user: AsOperator = None,
) -> None:
    """Close, sign and export older entries.

    They go to the home's audit folder as JSON lines; `audit drop` drops them from the database
    once they were kept for long enough. Takes an operator's key.
    """

    async def work(opened: Session) -> None:
        import asyncio

        from governance import retention

        given = (before.replace(tzinfo=UTC), opened.plane.limits, opened.settings.home / "audit")
        made = await asyncio.to_thread(retention.seal, opened.plane.audit, opened.user, *given)
        if made:
            say(f"Exported to {retention.file_of(given[-1], made)}; kept here until {made.until[:10]} too.")
        else:
            say("Nothing to do: everything from before is sealed.")

    within(work, user, OPERATION, needs="retire_audit")


@app.command("drop")
def drop(
    confirm: Annotated[int, typer.Option(metavar="NUMBER", help="Do what another operator proposed.")] = 0,
    user: AsOperator = None,
) -> None:
    """Drop sealed entries that were kept for long enough.

    One operator proposes it, and another one confirms. Times and legal holds are in limits.toml.
    """

    async def work(opened: Session) -> int:
        import asyncio

        from governance import retention

        plane, who, number = opened.plane, opened.user, confirm
        given = (plane.clock(), plane.limits, opened.settings.home / "audit")
        if number:
            by = (await plane.store.read(lambda tx: retention.proposal(tx, confirm)))[0]
            await plane.permit(who, "retire_audit", tenant=who.tenant, owner=by)
            found = await asyncio.to_thread(retention.drop, plane.audit, who, number, *given)
        else:
            number, found = await asyncio.to_thread(retention.propose, plane.audit, who, *given)
        for each in found:
            say(f"{'Dropped' if confirm else 'To be dropped'}: {retention.file_of(given[-1], each)}")
        if not found:
            say("Nothing may be dropped yet: it is too young, or a tenant's legal hold keeps it.")
        elif not confirm:
            say(f"Another operator does it: tower audit drop --confirm {number} --as USER")
            return Exit.WAITING
        return Exit.COMPLETED

    within(work, user, OPERATION, needs="retire_audit")


def read_verdict() -> Verdict:
    """Verify without loading policies or the application: the log stands even where they are broken."""
    from governance.anchors import Anchors
    from governance.audit import AuditLog
    from governance.settings import Settings
    from governance.store import ControlStore
    from governance.verify import verify as check

    settings = Settings.from_env()
    store = ControlStore(settings.url("control"))
    try:
        return check(AuditLog(store, Anchors(settings.home)))
    finally:
        store.close()
