"""The README's story, command by command, as a newcomer types it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands() -> list[list[str]]:
    """Every `./tower` line in the README's blocks."""
    lines = re.findall(r"^\./tower (.*?)\s*(?:#.*)?$", README, re.MULTILINE)
    return [shlex.split(line) for line in lines]


def test_every_tower_command_of_the_readme_works_in_its_order(tmp_path, forker):
    shutil.copy(ROOT / "examples/inbox/02-large-claim.pdf", tmp_path / "my-letter.pdf")
    names: dict[str, str] = {}
    ran = []
    for command in commands():
        arguments = [names.get(word, word) for word in command]
        env = os.environ | {"TOWER_HOME": str(tmp_path / "home")}
        process = forker.start(arguments, env, tmp_path)
        said, errors = process.communicate()
        waits = command[0] == "run"
        assert process.poll() == (3 if waits else 0), f"{command}: {said}{errors}"
        for name, form in (("RUN", r"run-[0-9a-f]{16}"), ("ID", r"apr-[0-9a-f]+")):
            found = re.search(form, said)
            if found and name not in names:
                names[name] = found[0]
        ran.append(command[0])
    assert ran[:4] == ["run", "runs", "approvals", "approve"]


def test_its_pictures_and_links_are_there():
    linked = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert len(linked) > 10
    assert [link for link in linked if not (ROOT / link).exists()] == []


def test_its_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make ([a-z-]+)", README, re.MULTILINE):
        assert f"\n{target}:" in makefile, target
