"""External suites: cases that lie outside this repository, under licences of their own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from evals import few_shot, tau2
from evals.datasets import sha256
from evals.public import read_banking77, read_clinc150
from evals.rows import Experiment, Row
from evals.versions import git_sha, versions
from governance.clock import stamp
from governance.errors import InvalidInput

LIMIT = 600
"""Cases that are evaluated unless more are asked for; half a minute of one core."""

Notify = Callable[[Row, int, int], None]

READERS = {"clinc150": read_clinc150, "banking77": read_banking77}
NAMES = (*READERS, "tau2")

ABOUT = {
    **dict.fromkeys(
        READERS, "It says how far the offline model's embeddings carry; nothing about a language model."
    ),
    "tau2": "τ²-bench's own runner made these results; Tower only keeps and compares them.",
}
"""What must be said wherever such results are shown."""


def evaluate(
    name: str, data: Path, *, limit: int = LIMIT, notify: Notify = lambda _row, _done, _total: None
) -> Experiment:
    """Evaluate a public set that lies at a local path.

    Args:
        name: One of `NAMES`.
        data: The set's file.
        limit: Most cases; always the same ones are left out.
        notify: Told of each row, how many there are by now, and how many there will be.

    Raises:
        InvalidInput: There is no such set, or the file can't be used.
    """
    if name not in NAMES:
        msg = f"there is no public suite {name}; --data goes with {', '.join(NAMES)}"
        raise InvalidInput(msg)
    if name == "tau2":
        results = tau2.read_results(data)
        model, rows = tau2.model(results), tau2.rows(results, limit)
    else:
        model, rows = few_shot.MODEL, few_shot.evaluate(READERS[name](data), limit, notify)
    now = datetime.now(UTC)
    return Experiment(
        id=f"{now:%Y%m%d-%H%M%S}-{uuid4().hex[:4]}",
        created=stamp(now),
        git_sha=git_sha(),
        datasets={name: sha256(data)},
        policy="",
        model=model,
        versions=versions(),
        rows=rows,
    )
