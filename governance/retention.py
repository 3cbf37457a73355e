"""Retention: closed segments of the audit log are sealed and exported, and dropped once they may be."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from governance.anchors import Seal
from governance.audit import AuditLog, Entry, dropped, sealed_line, seals
from governance.clock import moment, stamp
from governance.connections import private_folder
from governance.errors import Denied, InvalidInput
from governance.limits import Limits
from governance.principals import User
from governance.store import Tx
from governance.verify import verify


def seal(log: AuditLog, user: User, before: datetime, limits: Limits, folder: Path) -> Seal | None:
    """Close the part of the log from before a moment: export it, sign it, and write that down.

    Returns:
        The seal; None where there is nothing from before that isn't sealed.

    Raises:
        InvalidInput: The log isn't whole, or another process sealed the same part.
        OSError: The file can't be written.
    """
    verdict = verify(log)
    if not verdict.whole:
        msg = f"the log isn't whole ({verdict.message}); nothing was sealed"
        raise InvalidInput(msg)
    earlier, first, last = log.store.read_sync(lambda tx: _range(tx, before))
    if last < first:
        return None
    prev, head, newest = log.store.read_sync(lambda tx: _ends(tx, first, last))
    lines = islice(log.export(since=first - 1), last - first + 1)
    begin = [sealed_line(earlier)] if earlier else []
    draft = folder / f"segment-{first}-{last}.draft"
    sha256 = _write(draft, begin, lines)
    until = stamp(moment(newest) + timedelta(days=limits.keep_audit_days))
    made = log.anchors.sign(Seal(first, last, last - first + 1, prev, head, sha256, until))
    with draft.open("a", encoding="utf-8") as file:
        file.write(f"{sealed_line(made)}\n")
    draft.rename(file_of(folder, made))

    def work(tx: Tx) -> None:
        if _range(tx, before)[1] != first:
            msg = f"entries from {first} on were sealed by somebody else meanwhile; nothing more is to do"
            raise InvalidInput(msg)
        log.append(tx, Entry("audit_sealed", user=user.id, body=asdict(made)))

    log.store.transact_sync(work)
    return made


def propose(log: AuditLog, user: User, now: datetime, limits: Limits, folder: Path) -> tuple[int, list[Seal]]:
    """Ask another person to drop what was kept for long enough; the entry's number (or 0), and what it names.

    Raises:
        InvalidInput: A legal hold forbids it, or a segment's file isn't as it was exported.
    """
    due = _ready(log, now, limits, folder)
    entry = Entry("audit_drop_proposed", user=user.id, body={"sha256": [each.sha256 for each in due]})
    return (log.store.transact_sync(lambda tx: log.append(tx, entry)) if due else 0), due


def proposal(tx: Tx, number: int) -> tuple[str, str, list[str]]:
    """Who proposed it, when, and each segment's SHA-256; `InvalidInput` if there is none."""
    sql = "SELECT user_id, time, body FROM audit WHERE seq = ? AND kind = 'audit_drop_proposed'"
    row = tx.one(sql, (number,))
    if row is None:
        msg = f"there is no proposal {number}; `tower audit drop` makes one"
        raise InvalidInput(msg)
    return row[0], row[1], json.loads(row[2])["sha256"]


def drop(log: AuditLog, user: User, number: int, now: datetime, limits: Limits, folder: Path) -> list[Seal]:
    """Drop from the database what another person proposed, oldest segment first, and return that.

    Raises:
        Denied: It is the user's own proposal.
        InvalidInput: As `propose`; or there is no such proposal, it is too old, or things have changed.
    """
    by, time, wanted = log.store.read_sync(lambda tx: proposal(tx, number))
    if by == user.id:
        msg = f"{by} proposed it and can't confirm it as well; another operator must"
        raise Denied(msg)
    due = _ready(log, now, limits, folder)[: len(wanted)]

    def work(tx: Tx) -> None:
        late = now >= moment(time) + limits.approvals.expires_after
        if late or [each.sha256 for each in due] != wanted or list(_due(tx, now, limits))[: len(due)] != due:
            msg = f"proposal {number} was done, is too old, or what may be dropped has changed; propose again"
            raise InvalidInput(msg)
        for each in due:
            tx.execute("DELETE FROM audit WHERE seq BETWEEN ? AND ?", (each.first, each.last))
            body = {"first": each.first, "last": each.last, "sha256": each.sha256, "proposal": number}
            log.append(tx, Entry("audit_dropped", user=user.id, body=body))

    log.store.transact_sync(work)
    return due


def file_of(folder: Path, sealed: Seal) -> Path:
    """Where a segment was exported to; its number sorts as the segments do."""
    return folder / f"segment-{sealed.first:012}-{sealed.last:012}.jsonl"


def _range(tx: Tx, before: datetime) -> tuple[Seal | None, int, int]:
    """The last seal, and the first and last entry of what is to be sealed."""
    made = seals(tx)
    first = made[-1].last + 1 if made else 1
    row = tx.one("SELECT seq FROM audit WHERE time < ? ORDER BY seq DESC LIMIT 1", (stamp(before),))
    return (made[-1] if made else None), first, int(row[0]) if row else 0


def _ends(tx: Tx, first: int, last: int) -> tuple[str, str, str]:
    """Hash before the first entry, hash of the last, and time of the newest."""
    prev, head, newest = tx.all(
        "SELECT (SELECT prev FROM audit WHERE seq = ?), (SELECT hash FROM audit WHERE seq = ?),"
        " (SELECT max(time) FROM audit WHERE seq BETWEEN ? AND ?)",
        (first, last, first, last),
    )[0]
    return prev, head, newest


def _ready(log: AuditLog, now: datetime, limits: Limits, folder: Path) -> list[Seal]:
    """What may be dropped, each with its file as it was exported."""
    if limits.legal_hold:
        msg = f"a legal hold stands in limits.toml ({limits.legal_hold}); lift it there, then drop"
        raise InvalidInput(msg)
    unknown = set(limits.legal_holds) - log.store.read_sync(lambda tx: _tenants(tx, 1, 2**62))
    if unknown:
        msg = f"legal_holds in limits.toml: no entry of {', '.join(unknown)} is in the log; correct it first"
        raise InvalidInput(msg)
    due = log.store.read_sync(lambda tx: list(_due(tx, now, limits)))
    for each in due:
        _check_file(file_of(folder, each), each)
    return due


def _due(tx: Tx, now: datetime, limits: Limits) -> Iterator[Seal]:
    """Segments in the database that may go, as long as none stands before them that may not."""
    keep = timedelta(days=limits.keep_audit_days)
    for each in seals(tx):
        if each.last <= dropped(tx)[0]:
            continue
        newest = _ends(tx, each.first, each.last)[2]
        if each.until > stamp(now) or moment(newest) + keep > now:
            return
        if limits.legal_holds.keys() & _tenants(tx, each.first, each.last):
            return
        yield each


def _tenants(tx: Tx, first: int, last: int) -> set[str]:
    rows = tx.all("SELECT DISTINCT tenant FROM audit WHERE seq BETWEEN ? AND ?", (first, last))
    return {tenant for (tenant,) in rows}


def _write(path: Path, *parts: Iterator[str] | list[str]) -> str:
    """Write lines that only their owner can read, wait until they are on disk, and return their SHA-256."""
    private_folder(path.parent)
    path.unlink(missing_ok=True)
    found = hashlib.sha256()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        for part in parts:
            for line in part:
                found.update(data := f"{line}\n".encode())
                file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return found.hexdigest()


def _check_file(path: Path, sealed: Seal) -> None:
    found, last = hashlib.sha256(), b""
    if path.exists():
        with path.open("rb") as file:
            for line in file:
                found.update(last)
                last = line
    if found.hexdigest() != sealed.sha256:
        msg = f"{path} isn't there or isn't as it was exported; bring it back from your copy, then drop again"
        raise InvalidInput(msg)
