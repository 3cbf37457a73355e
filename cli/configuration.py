"""Configuration: is what runs what somebody approved, and how to get back to it."""

from __future__ import annotations

from typing import Any

from cli.terminal import Exit, dump, say


async def approve(user: str | None) -> int:
    """Approve the files as they are."""
    import asyncio

    from cli.people import OPERATION
    from cli.session import session
    from governance import manifest

    async with session(user, OPERATION, "approve_configuration") as opened:
        home, plane = opened.settings.home, opened.plane
        now = await asyncio.to_thread(manifest.read_manifest, home)
        await plane.store.transact(
            lambda tx: manifest.approve(tx, plane.audit, opened.user, now, home, plane.clock())
        )
        say(f"{opened.user.id} approved configuration {now.hash}: {len(now.files)} files.")
    return Exit.COMPLETED


async def drift(user: str | None, *, restore: bool, json: bool) -> int:
    """Show what differs from the approved files; bring them back if asked.

    Neither needs policies that can be loaded: they may be what is broken.
    """
    import asyncio

    from cli.people import OPERATION
    from cli.session import authenticated
    from governance import manifest
    from governance.anchors import Anchors
    from governance.audit import AuditLog
    from governance.clock import utc_now
    from governance.errors import InvalidInput
    from governance.identity import Identity
    from governance.settings import Settings
    from governance.store import ControlStore

    settings = Settings.from_env()
    store = ControlStore(settings.url("control"))
    try:
        identity, audit = Identity(settings, store), AuditLog(store, Anchors(settings.home))
        who = await authenticated(identity, user, OPERATION)
        wanted = await store.read(manifest.approved)
        if wanted is None:
            msg = "nobody approved a configuration yet: tower doctor --approve --as USER"
            raise InvalidInput(msg)
        now = await asyncio.to_thread(manifest.read_manifest, settings.home)
        found = now.differs(wanted[0])
        if restore and found:
            found = await store.transact(
                lambda tx: manifest.restore(tx, audit, who, settings.home, utc_now())
            )
    finally:
        await asyncio.to_thread(store.close)
    _report(found, wanted[0].hash, by=f"{wanted[1]}, {wanted[2][:16]}", restored=restore, json=json)
    return Exit.FAILED if found and not restore else Exit.COMPLETED


def _report(found: dict[str, str], approved: str, *, by: str, restored: bool, json: bool) -> None:
    from governance.manifest import kind_of

    if json:
        files: list[dict[str, Any]] = [{"file": p, "kind": kind_of(p), "is": how} for p, how in found.items()]
        dump({"approved": approved, "drift": files, "restored": restored and bool(found)})
        return
    if not found:
        say(f"Everything is as approved ({approved}, by {by}).")
        return
    say(f"{'Brought back to' if restored else 'Differs from'} what was approved ({approved}, by {by}):")
    for path, how in found.items():
        say(f"  {how:<8} {kind_of(path):<9} {path}")
    if restored:
        say("What stood there instead is in the home's set-aside folder.")
    else:
        say("Bring it back: tower doctor --restore. Or let it stand: tower doctor --approve --as USER")
