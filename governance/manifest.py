"""Manifest: the files that a deployment runs on, by hash, so that a change is seen and can be taken back."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path, PurePosixPath

from governance.acts import Json
from governance.audit import AuditLog, Entry
from governance.canonical import digest
from governance.clock import stamp
from governance.principals import User
from governance.store import Tx

ROOT = Path(__file__).parent.parent
PACKAGES = ("cli", "governance", "graphs", "memory", "models", "nodes", "tools")
SUFFIXES = frozenset({".py", ".cedar", ".cedarschema", ".toml", ".md", ".txt"})
OWN_LIMITS = "home/limits.toml"
_NAMED = 20


@dataclass(frozen=True)
class Manifest:
    """What ran.

    Attributes:
        files: Path from the deployment's root on → SHA-256 of its content; `home/limits.toml` is the home's.
    """

    files: Mapping[str, str]

    @cached_property
    def hash(self) -> str:
        """First 16 hex digits of the SHA-256 over all files' names and hashes."""
        return digest(dict(self.files))[:16]

    def differs(self, approved: Manifest) -> dict[str, str]:
        """Path → `changed`, `added` or `removed`, as against another manifest."""
        paths = sorted(self.files.keys() | approved.files.keys())
        return {p: _how(p, self, approved) for p in paths if self.files.get(p) != approved.files.get(p)}


def kind_of(path: str) -> str:
    """What a file is: `policies`, `limits`, `prompts`, `models`, `tools` or `code`."""
    file = PurePosixPath(path)
    if file.name == "limits.toml":
        return "limits"
    if file.suffix == ".py":
        return "tools" if file.parts[0] == "tools" else "code"
    return {"governance": "policies", "nodes": "prompts", "models": "models"}.get(file.parts[0], "code")


def read_manifest(home: Path, root: Path = ROOT) -> Manifest:
    """Hash what is on disk now; blocks."""
    files = {
        path: hashlib.sha256(place.read_bytes()).hexdigest() for path, place in _places(home, root).items()
    }
    return Manifest(files)


def record(tx: Tx, audit: AuditLog, manifest: Manifest, now: datetime) -> None:
    """Note a manifest where it isn't the one that ran last, with what changed."""
    last = tx.one("SELECT hash FROM manifests ORDER BY seen DESC, hash LIMIT 1")
    if last and last[0] == manifest.hash:
        return
    body: dict[str, Json] = {"manifest": manifest.hash, "files": len(manifest.files)}
    if last:
        changed = manifest.differs(get(tx, last[0]))
        kinds = sorted({kind_of(path) for path in changed})
        body |= {"before": last[0], "kinds": kinds, "changed": list(changed)[:_NAMED]}
    tx.execute(
        "INSERT INTO manifests (hash, files, seen) VALUES (?, ?, ?)"
        " ON CONFLICT (hash) DO UPDATE SET seen = excluded.seen",
        (manifest.hash, json.dumps(dict(manifest.files)), stamp(now)),
    )
    audit.append(tx, Entry("configuration", body=body))


def get(tx: Tx, manifest_hash: str) -> Manifest:
    """A manifest that was recorded; an empty one where it wasn't."""
    row = tx.one("SELECT files FROM manifests WHERE hash = ?", (manifest_hash,))
    return Manifest(json.loads(row[0]) if row else {})


def approve(
    tx: Tx, audit: AuditLog, user: User, manifest: Manifest, home: Path, now: datetime, root: Path = ROOT
) -> None:
    """Write that a person approved what is on disk now, and keep the contents."""
    record(tx, audit, manifest, now)
    for path, place in _places(home, root).items():
        tx.execute(
            "INSERT INTO file_contents (hash, content) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING",
            (manifest.files[path], place.read_text(encoding="utf-8")),
        )
    tx.execute(
        "INSERT INTO approved_manifests (time, hash, approved_by) VALUES (?, ?, ?)",
        (stamp(now), manifest.hash, user.id),
    )
    body = {"manifest": manifest.hash}
    audit.append(tx, Entry("configuration_approved", tenant=user.tenant, user=user.id, body=body))


def approved(tx: Tx) -> tuple[Manifest, str, str] | None:
    """The manifest that was approved last, by whom and when."""
    row = tx.one("SELECT hash, approved_by, time FROM approved_manifests ORDER BY time DESC LIMIT 1")
    return (get(tx, row[0]), row[1], row[2]) if row else None


def restore(
    tx: Tx, audit: AuditLog, user: User, home: Path, now: datetime, root: Path = ROOT
) -> dict[str, str]:
    """Bring back the approved contents; what was there instead is set aside under `home/set-aside`.

    Returns:
        What was done: path → `changed`, `added` or `removed`, as it had been.
    """
    wanted = approved(tx)
    if wanted is None:
        return {}
    drift = read_manifest(home, root).differs(wanted[0])
    for path, how in drift.items():
        place = home / "limits.toml" if path == OWN_LIMITS else root / path
        if place.exists():
            # Never lost: it may be somebody's work.
            aside = home / "set-aside" / stamp(now) / path
            aside.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(place, aside)
        if how != "added":
            row = tx.one("SELECT content FROM file_contents WHERE hash = ?", (wanted[0].files[path],))
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(row[0] if row else "", encoding="utf-8")
    body = {"manifest": wanted[0].hash, "files": dict(list(drift.items())[:_NAMED])}
    audit.append(tx, Entry("configuration_restored", tenant=user.tenant, user=user.id, body=body))
    return drift


def _places(home: Path, root: Path) -> dict[str, Path]:
    found = (path for package in PACKAGES for path in (root / package).rglob("*") if path.suffix in SUFFIXES)
    places = {path.relative_to(root).as_posix(): path for path in sorted(found)}
    own = home / "limits.toml"
    return places | ({OWN_LIMITS: own} if own.exists() else {})


def _how(path: str, now: Manifest, approved: Manifest) -> str:
    if path not in approved.files:
        return "added"
    return "changed" if path in now.files else "removed"
