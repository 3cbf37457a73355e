"""What docs/evals.md says about a case, a suite, a metric and a threshold of one's own works as it stands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.forking import Forker
from tests.pages import linked

ROOT = Path(__file__).parents[2]
LEFT_OUT = (".*", "__pycache__", "*.egg-info", "build", "dist", "docs", "examples")


@pytest.mark.slow
def test_a_case_a_suite_a_metric_and_a_threshold_are_added_by_the_page_alone(tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
    page = (ROOT / "docs/evals.md").read_text(encoding="utf-8").split("## Your own\n")[1]
    commands = re.findall(r"^```bash\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    subprocess.run(["git", "init", "-q"], cwd=copy, check=True)
    forker = Forker(copy)
    try:
        with linked(copy, forker) as link:
            ours = {"TOWER_HOME": str(tmp_path / "home"), "TOWER_TEST_LINK": str(link)}
            script = ["sh", "-eu", "-c", "\n".join(commands)]
            ran = subprocess.run(
                script,
                cwd=copy,
                env=os.environ | ours,
                capture_output=True,
                text=True,
                check=False,
                timeout=100,
            )
    finally:
        forker.close()

    assert ran.returncode == 0, ran.stdout + ran.stderr
    said = " ".join(ran.stdout.split())
    for shown in (
        "policy: the file isn't the one of the index; if that is on purpose, its hash there is ",
        "the datasets are what their index says",
        "masking_ref",
        "INCONCLUSIVE",
        "masking of ",
    ):
        assert shown in said
    assert (copy / "evals/desk/baselines/masking.jsonl").read_text().count("\n") == 3
