"""Versions: hashes of everything that a result depends on besides its case."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from uuid import uuid4

from evals.datasets import sha256
from evals.rows import Experiment, Row
from evals.suites import bench
from governance.clock import stamp
from governance.limits import load_limits, version_of
from governance.policy import load_policy
from graphs.domain import domain
from models.door import Choice, choices, roles

ROOT = Path(__file__).parent.parent
PACKAGES = ("governance", "models", "memory", "tools", "nodes", "graphs", "evals")
PARTS = {"agents": ("nodes", "*.py"), "prompts": ("nodes", "*.md"), "tools": ("tools", "*.py")}
CODE = (".py", ".cedar", ".cedarschema", ".toml", ".md", ".txt", ".npz")
LABELS = ".jsonl"
MODEL_OF = "model of "
"""What a version begins with that says which model answers for a role."""

JUDGES = "gate.toml"
"""No row depends on it."""


def versions() -> Mapping[str, str]:
    """Hashes of agents, prompts, tools and of all code, policies, documents and locked packages together.

    Labels that aren't a suite's own cases, such as those of personal data, count as code.
    """
    own = {suite.dataset for suite in bench().suites}
    found = {name: _hash((ROOT / folder).rglob(glob)) for name, (folder, glob) in PARTS.items()}
    every = (
        path
        for name in PACKAGES
        for path in (ROOT / name).rglob("*")
        if (path.suffix in CODE and path.name != JUDGES)
        or (path.suffix == LABELS and path.parent.name == "datasets" and path not in own)
    )
    return found | {"code": _hash([*every, *ROOT.glob("requirements.lock")])}


@cache
def policy_version() -> str:
    """The version of the policies and limits that are here."""
    domain()  # policies speak of its tools
    return version_of(load_policy().version, load_limits())


def changed(experiment: Experiment) -> tuple[str, ...]:
    """What an experiment depends on that isn't what is here now, in words.

    Content decides and no commit: results are kept with the code, in a commit of their own.
    """
    here = {"code": versions()["code"], "policy": policy_version()}
    made = {"code": experiment.versions.get("code", ""), "policy": experiment.policy}
    here |= {f"cases of {suite.name}": sha256(suite.dataset) for suite in bench().suites}
    made |= {f"cases of {suite}": sha for suite, sha in experiment.datasets.items()}
    return tuple(
        f"{what} {here[what][:12]} was never evaluated: these results are of {was[:12] or 'an unknown one'}"
        for what, was in made.items()
        if what in here and here[what] != was
    )


def models() -> Mapping[str, str]:
    """Role → the model that answers for it, and whichever stands in where that one fails."""
    return {role: ", ".join(map(model_name, choices(role))) for role in roles()}


def model_name(choice: Choice) -> str:
    """What tells a model from others of its name: also the hash of where it is asked, or of its file."""
    if choice.provider == "local":
        path = Path(os.environ.get("TOWER_LOCAL_GGUF", ""))
        if not path.is_file():
            return f"local/{path.name}@missing"
        with path.open("rb") as file:
            return f"local/{path.name}@{hashlib.file_digest(file, 'sha256').hexdigest()[:12]}"
    name, url = f"{choice.provider}/{choice.model}", os.environ.get("OPENAI_BASE_URL")
    if choice.provider == "openai" and url:
        # It may hold a secret, so it isn't shown.
        name += f"@{hashlib.sha256(url.encode()).hexdigest()[:12]}"
    return name


def git_sha() -> str:
    """The commit that is checked out, with `+` where files differ from it; `unknown` outside a checkout."""
    sha, changes = _git("rev-parse", "HEAD"), _git("status", "--porcelain", "--untracked-files=no")
    return f"{sha}{'+' if changes else ''}" if sha else "unknown"


def experiment(
    rows: Iterable[Row],
    datasets: Mapping[str, str],
    model: str,
    *,
    policy: str = "",
    known: Mapping[str, str] | None = None,
) -> Experiment:
    """Put rows together with everything that they depend on.

    Args:
        known: Versions, if they were taken before the rows were made.
    """
    now = datetime.now(UTC)
    name, depends = f"{now:%Y%m%d-%H%M%S}-{uuid4().hex[:4]}", known or versions()
    return Experiment(name, stamp(now), git_sha(), datasets, policy, model, depends, tuple(rows))


def _git(*command: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            ["git", "-C", str(ROOT), *command],  # noqa: S607 - whichever is installed
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _hash(paths: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(f"{path.relative_to(ROOT)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:16]
