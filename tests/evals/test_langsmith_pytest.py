"""A team's tests with `@pytest.mark.langsmith` take our suites; the page's example runs as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.evals.langsmith_stub import serving

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared, so that the second test takes its rows from the cache."""
    return tmp_path_factory.mktemp("home")


def run_the_example(folder: Path, home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    page = (ROOT / "docs" / "langsmith.md").read_text()
    (example,) = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    (folder / "test_cases.py").write_text(example)
    command = [sys.executable, "-m", "pytest", "-p", "langsmith.pytest_plugin", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, "-c", str(ROOT / "pyproject.toml"), "test_cases.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TOWER_HOME": str(home), **env},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_the_example_reports_to_langsmith(tmp_path, home):
    with serving(multipart=True) as stub:
        ran = run_the_example(
            tmp_path, home, LANGSMITH_ENDPOINT=stub.url, LANGSMITH_TRACING="true", LANGSMITH_API_KEY="key"
        )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "3 passed" in ran.stdout
    assert [d["name"] for d in stub.datasets.values()] == ["tower-retrieval-pytest"]
    assert len(stub.examples) == 3
    assert {"pass", "recall_at_4"} <= {
        feedback["key"].removesuffix("_ref") for feedback in stub.feedback.values()
    }
    assert all("expected" in example["outputs"] for example in stub.examples.values())


def test_the_same_tests_send_nothing_without_a_key(tmp_path, home):
    with serving(multipart=True) as stub:
        ran = run_the_example(
            tmp_path,
            home,
            LANGSMITH_ENDPOINT=stub.url,
            LANGSMITH_TEST_TRACKING="false",
            LANGSMITH_TRACING="true",
        )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "3 passed" in ran.stdout
    assert stub.requests == []
