"""Chaos: let models, tools, databases and disks misbehave, and count the runs that end as they must."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "LANGSMITH_TRACING": "false"}


def options() -> argparse.Namespace:
    """What to run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=40, help="of each pattern")
    parser.add_argument("--share", type=float, default=0.2, help="of calls that go wrong")
    parser.add_argument("--only", nargs="*", help="patterns")
    parser.add_argument("--seed", type=int, default=37)
    return parser.parse_args()


def models_and_tools(asked: argparse.Namespace, root: Path, policy: Any) -> list[dict[str, Any]]:
    """Runs against a model server that misbehaves, with a tool that does."""
    from tests.campaigns.bad_model import server
    from tests.campaigns.chaos import TIMEOUTS, Chaos
    from tests.campaigns.desk import Place
    from tests.matrix.crews import CREWS

    log = root / "model.jsonl"
    listener = server(asked.seed, asked.share, log, TIMEOUTS.model + 1)
    pid = os.fork()
    if pid == 0:
        listener.serve_forever()
    port = listener.server_port
    listener.socket.close()
    os.environ |= {"OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1", "OPENAI_API_KEY": "none"}
    os.environ["TOWER_MODEL"] = "stub"
    try:
        chaos = Chaos(policy, Place(root / "home"), seed=asked.seed, share=asked.share, model_log=log)
        names = [crew.name for crew in CREWS if not asked.only or crew.name in asked.only]
        return [vars(ended) for ended in chaos.run(names, asked.runs)]
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def main() -> int:
    """Run the campaign and print what came of it."""
    from crash import policies

    asked = options()
    root = Path(tempfile.mkdtemp(prefix="tower-chaos-"))
    (root / "policies").mkdir()
    begun = time.monotonic()
    ended = models_and_tools(asked, root, policies(root / "policies"))
    statuses: dict[str, Counter[str]] = {}
    for each in ended:
        crew = each["case"].removeprefix("Case ").partition("-")[0]
        statuses.setdefault(crew, Counter())[each["status"]] += 1
    for crew, counts in statuses.items():
        print(f"{crew:12} " + ", ".join(f"{status} {count}" for status, count in counts.most_common()))
    faults = Counter(fault for each in ended for fault in each["faults"])
    print("\nfaults: " + ", ".join(f"{fault} {count}" for fault, count in faults.most_common()))
    wrong = [each for each in ended if each["wrong"]]
    share = 100 * (1 - len(wrong) / len(ended))
    print(f"{len(ended)} runs, {share:.1f} % as they must be, {time.monotonic() - begun:.0f} s")
    for each in wrong:
        print(json.dumps(each)[:1500])
    if wrong:
        return 1
    shutil.rmtree(root, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
