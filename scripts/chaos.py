"""Chaos: let models, tools, databases, disks and crowds do their worst, and count what ends as it must.

Parts: `models` (a model server of which one answer in five is none, and a tool that fails, hangs and
answers too late), `outage` (PostgreSQL is stopped for five seconds under many runs), `disk` (no file
can grow any more), `contention` (one budget, one approval, one log, many processes) and `audit` (what an
entry of the log costs; best on a quiet machine).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
# A process with threads must not fork, and numpy would start some.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "LANGSMITH_TRACING": "false"}
LEAST_PERCENT = 99
MOST_MILLISECONDS, LEAST_VERIFIED = 0.3, 20_000
PARTS = ("audit", "contention", "disk", "outage", "models")


def options() -> argparse.Namespace:
    """What to run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=int, default=40, help="of each pattern against models that misbehave")
    parser.add_argument("--stops", type=int, default=10, help="by a full disk, of each pattern")
    parser.add_argument("--share", type=float, default=0.2, help="of calls that go wrong")
    parser.add_argument("--parts", nargs="*", default=PARTS, choices=PARTS)
    parser.add_argument("--backends", nargs="*", default=["sqlite", "postgres"])
    parser.add_argument("--only", nargs="*", help="patterns")
    parser.add_argument("--seed", type=int, default=37)
    return parser.parse_args()


class Parts:
    """The parts of the campaign; each prints what it saw and yields what it found."""

    def __init__(self, asked: argparse.Namespace, root: Path, server: Any) -> None:
        from tests.campaigns.desk import ACTING
        from tests.campaigns.ground import places_in, policies

        self.asked, self.root, self.server = asked, root, server
        self.policy = policies(root / "policies")
        self.crews = [name for name in ACTING if not asked.only or name in asked.only]
        url = server.url if server else None
        self.places = {name: places_in(root, url if name == "postgres" else None) for name in asked.backends}

    def contention(self) -> Iterator[str]:
        """One budget, one approval, one log, and many processes that want it."""
        from tests.campaigns import contention

        for backend, place in self.places.items():
            for each in (contention.budget, contention.approval, contention.log):
                found = each(place(), self.policy)
                print(f"contention {each.__name__:10} {backend:10} {len(found)} findings", flush=True)
                yield from found

    def audit(self) -> Iterator[str]:
        """An entry costs at most 0.3 ms of CPU where several are ready; 20,000 a second are verified."""
        from tests.campaigns import forks, speed

        for backend, place in self.places.items():
            life = forks.live(lambda tell, place=place: speed.audit(place(), tell), patience=300)  # type: ignore[misc]
            told = life.told
            costs = (
                f"{told['milliseconds']:.2f} ms CPU an entry, {told['verified']:,.0f} verified a CPU-second"
            )
            print(f"audit      {backend:10} {costs}", flush=True)
            if told["milliseconds"] > MOST_MILLISECONDS or told["verified"] < LEAST_VERIFIED:
                yield f"the audit log on {backend} is too slow: {costs}"

    def disk(self) -> Iterator[str]:
        """Files stop growing at some size; what was done until then is taken up when they grow again."""
        from tests.campaigns.crash import Campaign, Unit
        from tests.campaigns.ground import places_in

        for crew in self.crews:
            places = places_in(self.root, None)
            unit = Unit(crew, "sqlite", "sync")
            report = Campaign(unit, self.policy, places, self.asked.seed, disk=True).run(self.asked.stops)
            counts = f"{report.runs:3} runs, {report.kills:3} stopped, {len(report.findings)} findings"
            print(f"disk       {crew:10} {counts}", flush=True)
            yield from report.findings

    def outage(self) -> Iterator[str]:
        """The database server is away for five seconds."""
        from tests.campaigns.outage import outage

        if self.server:
            stopped, found = outage(
                self.policy, self.places["postgres"], self.server, crews=self.crews, runs=4
            )
            runs = 4 * len(self.crews)
            print(f"outage     {runs} runs, {stopped} times stopped, {len(found)} findings", flush=True)
            yield from found

    def models(self) -> Iterator[str]:
        """Real clients of a model server that misbehaves."""
        ended = self._against_a_bad_model()
        statuses: dict[str, Counter[str]] = {}
        for each in ended:
            crew = each["case"].removeprefix("Case ").partition("-")[0]
            statuses.setdefault(crew, Counter())[each["status"]] += 1
        for crew, counts in statuses.items():
            print(f"models     {crew:10} " + ", ".join(f"{what} {n}" for what, n in counts.most_common()))
        faults = Counter(fault for each in ended for fault in each["faults"])
        print("faults     " + ", ".join(f"{fault} {count}" for fault, count in faults.most_common()))
        wrong = [each for each in ended if each["wrong"]]
        percent = 100 * (1 - len(wrong) / len(ended))
        stops = sum(each["stops"] for each in ended)
        print(
            f"models     {len(ended)} runs, {percent:.1f} % as they must be, {stops} times stopped",
            flush=True,
        )
        if percent < LEAST_PERCENT or any(_silent(each) for each in wrong):
            yield from (json.dumps(each)[:2000] for each in wrong)

    def _against_a_bad_model(self) -> list[dict[str, Any]]:
        from tests.campaigns.bad_model import server
        from tests.campaigns.chaos import TIMEOUTS, Chaos
        from tests.campaigns.desk import Place
        from tests.matrix.crews import CREWS

        asked, log = self.asked, self.root / "model.jsonl"
        listener = server(asked.seed, asked.share, log, TIMEOUTS.model + 1)
        pid = os.fork()
        if pid == 0:
            listener.serve_forever()
        url = f"http://127.0.0.1:{listener.server_port}/v1"
        os.environ |= {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "none", "TOWER_MODEL": "stub"}
        listener.socket.close()
        place = Place(self.root / "models")
        try:
            chaos = Chaos(self.policy, place, seed=asked.seed, share=asked.share, model_log=log)
            names = [crew.name for crew in CREWS if not asked.only or crew.name in asked.only]
            return [vars(ended) for ended in chaos.run(names, asked.runs)]
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _silent(ended: dict[str, Any]) -> bool:
    """Whether it is wrong and says nothing, or never ends: of these there may be none."""
    return ended["status"] == "completed" or any("hung" in each for each in ended["wrong"])


def main() -> int:
    """Run the parts and print what was found."""
    from tests.campaigns.ground import postgres, verdict

    asked, begun = options(), time.monotonic()
    root = Path(tempfile.mkdtemp(prefix="tower-chaos-"))
    with postgres(root) if "postgres" in asked.backends else nullcontext() as server:
        parts = Parts(asked, root, server)
        # The models' part is last: it fills this process with threads, which must not fork.
        chosen = [part for part in PARTS if part in asked.parts]
        findings = [each for part in chosen for each in getattr(parts, part)()]
    print(f"{len(findings)} findings, {time.monotonic() - begun:.0f} s")
    return verdict(findings, root)


if __name__ == "__main__":
    sys.exit(main())
