"""Set-up needs a Python and nothing else, does its work once, and says what is missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ("sh", "cat", "cksum", "dirname", "readlink", "mkdir", "ln", "sleep")
FAKE_PYTHON = """#!/bin/sh
if [ "$1" = -c ]; then echo {version}; else echo "{name} $1" >> "$LOG"; fi
"""
# Stands for uv: notes each step, makes an environment of this Python, and is slow enough to be waited for.
FAKE_UV = """#!/bin/sh
echo "$@" >> "$LOG"
case "$1 $2" in
    "venv --quiet") mkdir -p "$5/bin" && ln -s {python} "$5/bin/python" ;;
    "pip install") sleep 0.2; [ -z "${{BROKEN:-}}" ] ;;
esac
"""


class Checkout:
    """A copy of what set-up reads, and a PATH with only what a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.root, self.bin, self.log = folder / "tower here", folder / "bin", folder / "log"
        for path in ("scripts/setup.sh", "scripts/setup.py", "tower", "requirements.lock", "pyproject.toml"):
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, self.root / path)
        self.bin.mkdir()
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool) or tool)
        self.env = {"PATH": str(self.bin), "LOG": str(self.log)}

    def program(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def python(self, name: str, version: str) -> None:
        self.program(self.bin / name, FAKE_PYTHON.format(name=name, version=version))

    def real_python(self) -> None:
        (self.bin / "python3").symlink_to(sys.executable)
        self.program(self.bin / "uv", FAKE_UV.format(python=sys.executable))

    def start(self, *command: str, cwd: Path | None = None, **env: str) -> subprocess.Popen[str]:
        argv = command or (str(self.root / "scripts/setup.sh"),)
        pipe = subprocess.PIPE
        return subprocess.Popen(argv, env=self.env | env, cwd=cwd, stdout=pipe, stderr=pipe, text=True)

    def run(self, *command: str, cwd: Path | None = None, **env: str) -> tuple[int, str, str]:
        process = self.start(*command, cwd=cwd, **env)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def logged(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_old_python_is_refused_and_told_what_to_install(checkout: Checkout):
    checkout.python("python3", "3.10")

    code, _, err = checkout.run()

    assert code == 1
    assert "needs Python 3.11, 3.12 or 3.13" in err
    assert "python3 is 3.10" in err
    assert "apt-get install python3" in err
    assert checkout.logged() == []


@pytest.mark.parametrize(
    ("installed", "chosen"),
    [
        ({"python3": "3.12"}, "python3"),
        ({"python3": "3.10", "python3.11": "3.11"}, "python3.11"),
        ({"python3": "3.14", "python3.13": "3.13"}, "python3.13"),
        ({"python3": "3.14"}, "python3"),
        ({"python": "3.11"}, "python"),
    ],
)
def test_a_fitting_python_is_found(checkout: Checkout, installed: dict[str, str], chosen: str):
    for name, version in installed.items():
        checkout.python(name, version)

    assert checkout.run()[0] == 0
    assert checkout.logged() == [f"{chosen} scripts/setup.py"]


def test_tower_python_alone_decides(checkout: Checkout):
    checkout.python("python3", "3.12")
    checkout.python("mine", "3.10")

    assert checkout.run(TOWER_PYTHON=str(checkout.bin / "mine"))[0] == 1
    assert checkout.logged() == []


def test_second_time_is_instant_until_the_lock_changes(checkout: Checkout):
    checkout.real_python()
    first = checkout.run()
    steps = len(checkout.logged())

    began = time.monotonic()
    second = checkout.run()
    took = time.monotonic() - began

    assert first[0] == 0, first[2]
    assert "done" in first[2]
    assert (second, len(checkout.logged())) == ((0, "", ""), steps)
    assert took < 1
    with (checkout.root / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    assert checkout.run()[0] == 0
    assert len(checkout.logged()) > steps


def test_everything_installed_is_checked_by_hash(checkout: Checkout):
    checkout.real_python()
    checkout.run()

    installs = [step for step in checkout.logged() if step.startswith("pip install")]
    ours = [step for step in installs if "--editable" in step]
    assert len(ours) == 1
    assert "--no-deps --no-build-isolation" in ours[0]
    assert all("--require-hashes" in step for step in installs if step not in ours)


def test_parallel_callers_set_up_once(checkout: Checkout):
    checkout.real_python()

    callers = [checkout.start() for _ in range(4)]
    codes = [caller.communicate(timeout=60) and caller.returncode for caller in callers]

    assert codes == [0, 0, 0, 0]
    assert len([step for step in checkout.logged() if "--editable" in step]) == 1


def test_a_failed_step_is_tried_again(checkout: Checkout):
    checkout.real_python()

    code, out, err = checkout.run(BROKEN="yes")

    assert (code, out) == (1, "")
    assert "stopped" in err
    assert checkout.run()[0] == 0


def test_a_moved_checkout_gets_a_new_environment(checkout: Checkout):
    checkout.real_python()
    checkout.run()
    checkout.root = checkout.root.rename(checkout.root.with_name("moved"))

    assert checkout.run()[0] == 0
    assert [step.split()[0] for step in checkout.logged()].count("venv") == 2


def test_launcher_passes_arguments_on_from_any_folder(checkout: Checkout, tmp_path: Path):
    checkout.real_python()
    checkout.run()
    checkout.program(checkout.root / ".venv/bin/tower", '#!/bin/sh\nprintf "%s|" "$PWD" "$@"; exit 7\n')
    (tmp_path / "link").symlink_to(checkout.root / "tower")

    code, out, err = checkout.run(str(tmp_path / "link"), "run", "my letter.pdf", cwd=tmp_path)

    assert (code, out, err) == (7, f"{os.path.realpath(tmp_path)}|run|my letter.pdf|", "")


def locked() -> dict[str, str]:
    """Each requirement of the lock file with its continuation lines."""
    text = "\n" + (ROOT / "requirements.lock").read_text()
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text)[1:]
    return {canonicalize_name(re.split(r"[=\s\[]", block, maxsplit=1)[0]): block for block in blocks}


def test_lock_has_hashes_and_no_addresses():
    assert "://" not in (ROOT / "requirements.lock").read_text()
    assert [name for name, block in locked().items() if "--hash=sha256:" not in block] == []


def test_lock_satisfies_pyproject():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, groups = pyproject["project"], pyproject["dependency-groups"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["serve"], *groups["dev"]]
    pins = locked()
    for requirement in map(Requirement, asked):
        block = pins.get(canonicalize_name(requirement.name), "")
        version = re.search(r"==([^\s;\\]+)", block)
        assert version, f"{requirement.name} is not in requirements.lock; run `make lock`"
        assert Version(version[1]) in requirement.specifier, f"{requirement} is not met; run `make lock`"
