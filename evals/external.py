"""External suites: cases that lie outside this repository, under licences of their own."""

from __future__ import annotations

from pathlib import Path

from evals import few_shot, tau2
from evals.datasets import sha256
from evals.public import read_banking77, read_clinc150
from evals.rows import Experiment
from evals.versions import experiment
from governance.errors import InvalidInput

LIMIT = 600
"""Cases that are evaluated unless more are asked for; half a minute of one core."""

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
    name: str, data: Path, *, limit: int = LIMIT, notify: few_shot.Notify = lambda _row, _done, _total: None
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
    return experiment(rows, {name: sha256(data)}, model)
