"""Crash: kill runs of every pattern, take them up again, and count what went wrong.

Libraries are loaded once; each process of a run is a fork, on SQLite and on a PostgreSQL of its own,
with checkpoints written at once (`sync`) and behind (`async`). The exit code is 1 where there is a finding.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
# A process with threads must not fork, and numpy would start some.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "LANGSMITH_TRACING": "false"}
COUNTED = ("runs", "kills", "resumes", "answered", "doubts", "unadmitted")


def options() -> argparse.Namespace:
    """What to run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--kills", type=int, default=200, help="of each pattern, spread evenly")
    parser.add_argument("--only", nargs="*", help="patterns")
    parser.add_argument("--backends", nargs="*", default=["sqlite", "postgres"])
    parser.add_argument("--seed", type=int, default=37)
    parser.add_argument("--short", action="store_true", help="each pattern in one of the four ways alone")
    parser.add_argument("--report", type=Path, help="where to write it as JSON")
    return parser.parse_args()


def units(asked: argparse.Namespace) -> list[Any]:
    """Each pattern on each backend with each durability."""
    from tests.campaigns.crash import Durability, Unit
    from tests.campaigns.desk import EVERY

    modes: tuple[Durability, ...] = ("sync", "async")
    ways = [(backend, mode) for backend in asked.backends for mode in modes]
    crews = [name for name in EVERY if not asked.only or name in asked.only]
    if asked.short:
        return [Unit(name, *ways[number % len(ways)]) for number, name in enumerate(crews)]
    return [Unit(name, *way) for name in crews for way in ways]


def campaign(asked: argparse.Namespace, root: Path, url: str | None) -> list[dict[str, Any]]:
    """Break runs in lanes side by side; returns a report for each unit."""
    from tests.campaigns import leg
    from tests.campaigns.crash import Campaign, told
    from tests.campaigns.desk import EVERY
    from tests.campaigns.forks import alone
    from tests.campaigns.ground import places_in, policies
    from tests.campaigns.lanes import side_by_side

    policy, chosen = policies(root / "policies"), units(asked)
    for name in EVERY:
        leg.build(EVERY[name])
    ways = sum(unit.crew == chosen[0].crew for unit in chosen)
    alone()

    def work(number: int) -> dict[str, Any]:
        unit, begun = chosen[number], time.monotonic()
        places = places_in(root, url if unit.backend == "postgres" else None)
        report = Campaign(unit, policy, places, asked.seed).run(-(-asked.kills // ways))
        report.seconds = time.monotonic() - begun
        counts = f"{report.kills:4} kills {len(report.findings):4} findings {report.seconds:5.0f} s"
        print(f"{unit!s:28} {counts}", flush=True)
        return {"crew": unit.crew, **told(report)}

    return side_by_side(len(chosen), work, root)


def tell(units_: list[dict[str, Any]]) -> list[str]:
    """Print a table of the patterns and where processes were killed; returns the findings."""
    totals: dict[str, Counter[str]] = {}
    at: Counter[str] = Counter()
    for unit in units_:
        total = totals.setdefault(unit["crew"], Counter())
        total.update({name: unit[name] for name in COUNTED} | {"findings": len(unit["findings"])})
        at.update(unit["at"])
    names = (*COUNTED, "findings")
    print(f"\n{'pattern':12}" + "".join(f"{name:>12}" for name in names))
    for crew, total in totals.items():
        print(f"{crew:12}" + "".join(f"{total[name]:>12}" for name in names))
    print("\nkilled at: " + ", ".join(f"{seam} {count}" for seam, count in sorted(at.items()) if count))
    return [each for unit in units_ for each in unit["findings"]]


def main() -> int:
    """Run the campaign and print what came of it."""
    from tests.campaigns.ground import postgres, verdict

    asked = options()
    root = Path(tempfile.mkdtemp(prefix="tower-crash-"))
    with postgres(root) if "postgres" in asked.backends else nullcontext() as server:
        reports = campaign(asked, root, server.url if server else None)
    findings = tell(reports)
    if asked.report:
        asked.report.write_text(json.dumps(reports, indent=1))
    return verdict(findings, root)


if __name__ == "__main__":
    sys.exit(main())
