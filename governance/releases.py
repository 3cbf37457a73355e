"""Releases: a run that began under other files goes on where that is safe, and else stays as it is."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from governance.acts import Act, Seam
from governance.audit import AuditLog, Entry
from governance.errors import ReleaseChanged
from governance.journal import State
from governance.manifest import Manifest, get, kind_of, record
from governance.principals import Run
from governance.store import Tx

Begun = Mapping[str, Mapping[str, str]]
"""Place in a run (position and sequence) → key of what an earlier release did there → seam."""


def check_steps(
    tx: Tx, audit: AuditLog, manifest: Manifest, run: Run, steps: Collection[str]
) -> ReleaseChanged | None:
    """Keep a graph's steps under this release; why a run that began under another can't go on here.

    LangGraph drops what waits at a step that is gone without a word, so a graph may gain steps and
    not lose any. The refusal is returned, not raised, so that its audit entry is committed.
    """
    tx.execute(
        "INSERT INTO manifest_steps (manifest, graph, steps) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (manifest.hash, run.graph, json.dumps(sorted(steps))),
    )
    row = tx.one(
        "SELECT s.manifest, s.steps FROM run_manifests r JOIN manifest_steps s ON s.manifest = r.hash"
        " WHERE r.run = ? AND s.graph = ?",
        (run.id, run.graph),
    )
    gone = sorted(set(json.loads(row[1])) - set(steps)) if row else []
    if not row or not gone:
        return None
    refused = Entry.of_run("migration_refused", run, manifest=manifest.hash, before=row[0], missing=gone)
    audit.append(tx, refused)
    had = f"graph {run.graph} has no step {', '.join(gone)} any more, and this run began with it"
    return ReleaseChanged(run.id, had, row[0])


def migrate(tx: Tx, audit: AuditLog, manifest: Manifest, run: Run, now: datetime) -> Begun:
    """Write down that a run goes on under other files than before; what it has begun, if it ever did."""
    row = tx.one("SELECT hash FROM run_manifests WHERE run = ?", (run.id,))
    had = row[0] if row else None
    if had != manifest.hash:
        record(tx, audit, manifest, now)
        changed = manifest.differs(get(tx, had)) if had else {}
        kinds = sorted({kind_of(path) for path in changed})
        migrated = Entry.of_run("run_migrated", run, manifest=manifest.hash, before=had, kinds=kinds)
        audit.append(tx, migrated)
        pin(tx, run.id, manifest)
    elif not tx.one("SELECT 1 FROM audit WHERE run = ? AND kind = 'run_migrated'", (run.id,)):
        return {}
    begun: dict[str, dict[str, str]] = {}
    for key, seam in tx.all(
        "SELECT key, seam FROM journal WHERE run = ? AND state <> ? ORDER BY state DESC",
        (run.id, State.FAILED.value),
    ):
        begun.setdefault(_place(key), {})[key] = seam
    return begun


def pin(tx: Tx, run_id: str, manifest: Manifest) -> None:
    """Tie a run to the files it runs on."""
    tx.execute(
        "INSERT INTO run_manifests (run, hash) VALUES (?, ?)"
        " ON CONFLICT (run) DO UPDATE SET hash = excluded.hash",
        (run_id, manifest.hash),
    )


def as_begun(begun: Begun, act: Act) -> Act:
    """The act as an earlier release began it: what a model said stands, whatever it is asked now.

    Raises:
        ReleaseChanged: A tool was called at this very place with something else, and an effect that
            isn't recognised would be repeated.
    """
    before = begun.get(_place(act.key), {})
    if act.key in before:
        return act
    if Seam.TOOL in before.values():
        done = ", ".join(sorted(key.rsplit("/", 2)[1] for key in before))
        had = f"where it did {done}, this release does {act.action} or the same with other arguments"
        raise ReleaseChanged(act.actor.run.id, had)
    said = [key for key, seam in before.items() if seam == act.seam == Seam.MODEL]
    return replace(act, request_hash=said[-1].rsplit("/", 1)[1]) if said else act


def _place(key: str) -> str:
    return key.rsplit("/", 2)[0]
