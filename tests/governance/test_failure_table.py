"""Each row of the failure table names a test that exists."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
TABLE = HERE.parent.parent / "governance" / "README.md"


def test_every_row_has_its_test():
    rows = [
        line
        for line in TABLE.read_text(encoding="utf-8").splitlines()
        if line.count("|") == 4 and "test_" in line
    ]
    tests = "\n".join(path.read_text(encoding="utf-8") for path in HERE.parent.rglob("test_*.py"))
    named = {name for row in rows for name in re.findall(r"`(test_\w+)`", row)}

    assert len(rows) >= 15
    assert {name for name in named if f"def {name}(" not in tests} == set()
