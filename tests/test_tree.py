"""The tree keeps its promises: imports run one way, all is wired, nothing outside a desk folder knows one."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = PYPROJECT["tool"]["importlinter"]["root_packages"]
LONGEST_FILE = 250
LONGER = {"cli/layout.py": 260, "scripts/verify_audit.py": 270}
"""One algorithm, in the order of its steps; what an auditor runs alone, signatures included."""
MOST_LINES = 45_400
"""A ratchet: the design asks for 8,000 and the tree is far over it. Whoever raises it says so in the note."""
EMPTY_NAMES = {"utils", "helpers", "common", "base", "manager"}

# A model that answers from a script lies beside those it stands for, so that users' tests find it.
FOR_TESTS = {"models.scripted"}

# Where the template is told which application it runs; a user who deletes the desk edits these.
REGISTRATIONS = {"graphs/domain.py"}


def sources(*folders: str) -> list[Path]:
    """All Python files under the given folders of the checkout."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_imports_run_one_way():
    result = lint_imports(ROOT)

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("governance/wrong.py", "import langgraph", "The control plane knows no agent framework"),
        ("governance/wrong.py", "import tools.spec", "Imports run one way"),
        ("tools/wrong.py", "import graphs.pattern", "Imports run one way"),
        ("models/wrong.py", "import tools.desk", "Models and the control plane know no desk"),
    ],
)
def test_an_import_against_the_direction_is_found(tmp_path: Path, module: str, line: str, contract: str):
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / module).write_text(f"{line}\n")

    result = lint_imports(tmp_path)

    assert result.returncode != 0
    assert f"{contract} BROKEN" in result.stdout


def entry_points() -> Iterator[str]:
    """What the server and the command line load by name."""
    yield from PYPROJECT["project"]["scripts"].values()
    served = json.loads((ROOT / "langgraph.json").read_text())
    yield from (graph["path"] for graph in served["graphs"].values())
    yield from (served[part]["path"] for part in ("auth", "checkpointer") if part in served)
    yield served["http"]["app"]


def named_in(path: Path, modules: set[str]) -> set[str]:
    """Modules that a file names in a string: `"a.b"`, `f"a.{which}.c"`, or `"c.py"` for one beside it."""
    beside = module_name(path).rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
            parts = [re.escape(v.value) if isinstance(v, ast.Constant) else r"\w+" for v in node.values]
            found |= {module for module in modules if re.fullmatch("".join(parts), module)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= {node.value.split(":")[0], f"{beside}.{node.value.removesuffix('.py')}"} & modules
    return found


def test_every_module_is_reachable():
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    files = {module_name(path): path for path in sources(*PACKAGES)}
    reached: set[str] = set()
    named = {entry.split(":")[0] for entry in entry_points()}
    waiting = {name if name in files else name.rpartition(".")[0] for name in named}
    while waiting:
        module = waiting.pop()
        reached.add(module)
        found = graph.find_modules_directly_imported_by(module) | named_in(files[module], set(files))
        if "." in module:
            found.add(module.rpartition(".")[0])
        waiting |= found - reached

    assert sorted(set(files) - reached - FOR_TESTS) == []


def test_every_package_is_listed():
    found = {module_name(path) for path in sources(*PACKAGES) if path.name == "__init__.py"}
    folders = {".".join(path.relative_to(ROOT).parts[:-1]) for path in sources(*PACKAGES)}

    assert found == folders, "a folder with modules has no __init__.py"
    assert found == set(PYPROJECT["tool"]["setuptools"]["packages"])
    assert set(PACKAGES) == set(PYPROJECT["tool"]["mypy"]["packages"])


def test_files_are_short():
    lines = {path: len(path.read_text().splitlines()) for path in sources(*PACKAGES, "scripts")}
    long = {
        str(path.relative_to(ROOT)): n
        for path, n in lines.items()
        if n > LONGER.get(path.relative_to(ROOT).as_posix(), LONGEST_FILE)
    }

    assert long == {}
    assert sum(lines.values()) <= MOST_LINES


def test_names_say_something():
    assert [str(path) for path in sources(*PACKAGES, "scripts", "tests") if path.stem in EMPTY_NAMES] == []


def outside_desk() -> list[Path]:
    paths = sources(*PACKAGES)
    return [path for path in paths if "desk" not in path.relative_to(ROOT).parts[:-1]]


@pytest.mark.parametrize("path", outside_desk(), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_registrations_name_a_desk_module(path: Path):
    if str(path.relative_to(ROOT)) in REGISTRATIONS:
        pytest.skip("a registration")
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names |= set(re.findall(r"[\w]+(?:[./]desk)+[\w./]*", node.value))
    assert {name for name in names if "desk" in re.split(r"[./]", name)} == set()


def test_every_module_says_what_it_is():
    without = [
        path for path in sources(*PACKAGES, "scripts") if not ast.get_docstring(ast.parse(path.read_text()))
    ]

    assert without == []
