"""The wheel holds all that the source tree holds, and its `tower` command starts without the tree."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
AWAY = {"PYTHONPATH", "VIRTUAL_ENV", "TOWER_HOME"}
ENV = {name: value for name, value in os.environ.items() if name not in AWAY}


def run(*command: str | Path, cwd: Path) -> str:
    result = subprocess.run(command, cwd=cwd, env=ENV, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: setuptools would put files of an older `build/` into the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    uv = (sys.executable, "-m", "uv", "--offline", "--quiet")
    run(*uv, "build", "--wheel", "--no-build-isolation", "--python", sys.executable, "-o", folder, cwd=source)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """A virtual environment's `bin` with the wheel in it, beside the packages that are installed here."""
    venv = wheel.parent / "venv"
    uv = (sys.executable, "-m", "uv", "--offline", "--quiet")
    run(*uv, "venv", "--python", sys.executable, venv, cwd=wheel.parent)
    run(*uv, "pip", "install", "--python", venv / "bin/python", "--no-deps", wheel, cwd=wheel.parent)
    own = next(venv.glob("lib/python*/site-packages"))
    # A folder that a .pth adds has its own .pth files ignored, so the editable tree stays out.
    (own / "locked.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return venv / "bin"


def test_every_file_of_the_packages_is_inside(wheel: Path):
    held = set(zipfile.ZipFile(wheel).namelist())
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()]
    shipped = [path for path in files if "__pycache__" not in path.parts and path.name != "README.md"]
    wanted = {str(path.relative_to(ROOT)) for path in shipped}

    assert sorted(wanted - held) == []
    assert any(name.endswith("licenses/LICENSE") for name in held)
    assert {name.split("/")[0] for name in held if ".dist-info/" not in name} == set(PACKAGES)


def test_its_tower_command_starts(installed: Path, tmp_path: Path):
    assert "Usage: tower" in run(installed / "tower", "--help", cwd=tmp_path)


def test_it_answers_from_its_own_documents_in_an_empty_folder(installed: Path, tmp_path: Path):
    question = "Is luggage in a parked car insured against theft?"
    ran = run(installed / "tower", "run", "--graph", "direct", question, "--json", cwd=tmp_path)
    outcome = json.loads(ran)["outcome"]

    assert (outcome["status"], outcome["evidence"][0]["source"].split()[0]) == ("completed", "travel-wording")
    assert "the log is whole" in run(installed / "tower", "audit", "verify", cwd=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".tower"]


def test_its_modules_are_its_own(installed: Path, tmp_path: Path):
    script = "import graphs, governance; print(graphs.__file__, governance.__file__, sep='\\n')"
    places = run(installed / "python", "-c", script, cwd=tmp_path).splitlines()

    assert all(place.startswith(str(installed.parent)) for place in places), places
