"""The ticket office's rules, gathered in one folder as a deployment has them."""

from __future__ import annotations

import shutil
from pathlib import Path

from governance.policy import POLICIES, PolicyEngine, load_policy
from tests.second import office
from tools.registry import Toolbox

MATRIX = Path(__file__).parent.parent / "matrix" / "policies"
"""What the crews of the matrix need besides."""


def gathered(folder: Path, *folders: Path, rule: str = "", toolbox: Toolbox = office.TOOLBOX) -> PolicyEngine:
    """The general policies and the office's, gathered in `folder`.

    Args:
        folders: More of them.
        rule: One more rule.
        toolbox: Whose calls are judged.
    """
    folder.mkdir(exist_ok=True)
    for path in POLICIES.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    shutil.copytree(office.PROMPTS / "policies", folder / "office")
    for more in folders:
        shutil.copytree(more, folder / more.parent.name)
    (folder / "office" / "more.cedar").write_text(rule)
    return load_policy([folder], toolbox.surfaces())
