"""Faults: what is planted in the desk on purpose, and the layer that has to find it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from evals.desk import planting, planting_runs
from evals.desk.data import DATASETS, DOCUMENTS
from evals.desk.planting import Twist, edited, policies, retrieved, twisted
from evals.sabotage import DATA, Change, Plant
from evals.verification import verify

ROUTING, TOOLS, RETRIEVAL, POLICY = "routing", "tools", "retrieval", "policy"
AGGREGATION, VERDICTS, CASES, ORACLE = "aggregation", "verdicts", "cases", "oracle"
FEW, ALL = 30, 1000

_PAYMENTS = "desk/payments.cedar"
_PAID = "0 < context.args.amount"
_APPROVED = f"{_PAID} && context.approved"
_OWN = "unless { context.trusted.accounts.contains(context.args.iban) };"


def _relabelled() -> Sequence[str]:
    """What is found if a label is lowered to what the system does anyway."""
    with tempfile.TemporaryDirectory(prefix="tower-labels-") as folder:
        copy = Path(shutil.copytree(DATASETS, Path(folder) / "datasets"))
        path = copy / "routing.jsonl"
        text = path.read_text(encoding="utf-8")
        path.write_text(
            text.replace('"intent": "complaint"', '"intent": "claim_status"', 1), encoding="utf-8"
        )
        return verify(copy, DOCUMENTS)


def _twist(twist: Twist) -> Plant:
    return lambda: twisted(twist)


def _edit(before: str, after: str) -> Plant:
    return lambda: policies(edited(_PAYMENTS, before, after))


_OF_COMPONENTS: tuple[tuple[str, str, Mapping[str, int], Plant], ...] = (
    ("null agent", "the model says nothing", {ROUTING: FEW, TOOLS: FEW}, _twist(planting.silent)),
    ("always one tool", "whatever is asked, it is the first", {TOOLS: FEW}, _twist(planting.first_tool)),
    ("wrong argument", "ids and amounts are off by one", {TOOLS: FEW}, _twist(planting.off_by_one)),
    ("lost arguments", "calls arrive without any", {TOOLS: FEW}, _twist(planting.bare)),
    ("swapped model", "takes all for complaints", {ROUTING: FEW}, _twist(planting.other_model)),
    (
        "lost instruction",
        "a prompt without explanations and examples",
        {ROUTING: 2 * FEW},
        planting.lost_instruction,
    ),
    ("shuffled retriever", "passages in any order", {RETRIEVAL: FEW}, lambda: retrieved(planting.shuffled)),
    (
        "empty retriever",
        "nothing is found",
        {RETRIEVAL: FEW},
        lambda: retrieved(lambda _found, _question: []),
    ),
    ("removed policy", "money goes to any account", {POLICY: ALL}, _edit(_OWN, "when { false };")),
    ("raised authority", "one cent more is paid without a yes", {POLICY: ALL}, _edit("<= 50000", "<= 50001")),
    ("forgotten approval", "any amount is paid without a yes", {POLICY: ALL}, _edit(_APPROVED, _PAID)),
    ("lost authority", "who has the last word loses it", {AGGREGATION: ALL}, planting.lost_authority),
    (
        "lowered threshold",
        "a claim is settled that is one percent less sure",
        {POLICY: ALL},
        lambda: policies(edited("desk/limits.toml", "least = 60", "least = 59")),
    ),
    ("budget off by one", "each tool once less than the contract", {POLICY: ALL}, planting.one_call_less),
)

_OF_OUTPUT: tuple[tuple[str, str, Mapping[str, int | Sequence[str]], Plant], ...] = (
    ("dropped write", "tools only say that they wrote", {ORACLE: FEW}, planting_runs.dropped_write),
    (
        "forgotten masking",
        "no value shows as personal by its form",
        {CASES: ("K-063", "K-065", "K-103", "K-120")},
        planting_runs.unmasked,
    ),
    (
        "no e-mail pattern",
        "e-mail addresses aren't masked",
        {CASES: ("K-095", "K-179")},
        planting_runs.unmasked_mail,
    ),
    (
        "split losses",
        "what was settled for a loss already counts no longer",
        {ORACLE: ("K-241",)},
        planting_runs.blind_limit,
    ),
    ("stowaway", "what reads also writes to somebody else's records", {CASES: FEW}, planting_runs.stowaway),
)

FAULTS = (
    *(Change(name, about, suites, plant, "component") for name, about, suites, plant in _OF_COMPONENTS),
    *(Change(name, about, suites, plant, "output") for name, about, suites, plant in _OF_OUTPUT),
    Change("lowered label", "a label says what the system does", {}, found_by=DATA, probe=_relabelled),
)
"""What has to be found.

No component suite looks at what a whole run writes, keeps in the clear, or finds on record before it pays.
With the oracle's model all of it is written as it is, so that few runs tell; with one that errs a lost
write hides among the errors.
"""
