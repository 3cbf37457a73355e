"""Install what requirements.lock names into .venv; setup.sh runs this when its stamp is out of date."""

from __future__ import annotations

import fcntl
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "tower-setup"
OWN_UV = ROOT / ".uv"
LOCK = ROOT / "requirements.lock"
NO_PIP = f"""\
setup: {sys.executable} has neither pip nor venv, and there is no uv on the PATH.
Install one of them, for example `sudo apt-get install python3-venv`, and run the command again."""


class SetupError(Exception):
    """A step failed; its own output says why."""


def main(wanted: str) -> int:
    """Make .venv match the lock file; parallel callers wait for the first and then find it done."""
    with (ROOT / ".setup.lock").open("w") as gate:
        try:
            fcntl.flock(gate, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another setup is at work here; waiting for it")
            fcntl.flock(gate, fcntl.LOCK_EX)
        if stamp() == wanted:
            return 0
        try:
            install(wanted)
        except SetupError as error:
            say(f"stopped: {error}")
            return 1
    return 0


def install(wanted: str) -> None:
    """Create .venv if it can't be used as it is, fill it, and stamp it last."""
    uv = str(find_uv())
    if not usable(wanted):
        say(f"creating .venv with Python {sys.version.split()[0]}")
        shutil.rmtree(VENV, ignore_errors=True)
        run(uv, "venv", "--quiet", "--python", sys.executable, str(VENV))
    STAMP.unlink(missing_ok=True)
    say(f"installing {count_requirements()} locked packages; the first time takes a minute or so")
    pip = (uv, "pip", "install", "--quiet", "--python", str(PYTHON))
    # One dependency comes as source alone; it is built with the locked setuptools, not with a fetched one.
    with requirement_file("setuptools") as setuptools:
        run(*pip, "--require-hashes", "-r", setuptools)
    run(*pip, "--require-hashes", "--no-build-isolation", "-r", str(LOCK))
    run(*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    STAMP.write_text(wanted)
    say("done")


def usable(wanted: str) -> bool:
    """Whether .venv has a Python that starts and stands where it was made."""
    moved = stamp() is not None and place(stamp() or "") != place(wanted)
    if moved or not PYTHON.exists():
        return False
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    return subprocess.run([PYTHON, "-c", check], check=False).returncode == 0  # noqa: S603


def find_uv() -> Path:
    """The uv on the PATH, or our own in .uv, installed there as locked if need be."""
    on_path = shutil.which("uv")
    if on_path and subprocess.run([on_path, "--version"], capture_output=True, check=False).returncode == 0:  # noqa: S603
        return Path(on_path)
    own = OWN_UV / "bin" / "uv"
    if not own.exists():
        say("no uv on the PATH; installing one into .uv")
        install_own_uv()
    return own


def install_own_uv() -> None:
    """Install the locked uv with pip, which may be this Python's own or a new environment's."""
    python, target = sys.executable, ("--target", str(OWN_UV))
    if importlib.util.find_spec("pip") is None:
        if importlib.util.find_spec("ensurepip") is None:
            raise SetupError(NO_PIP)
        run(python, "-m", "venv", str(OWN_UV))
        python, target = str(OWN_UV / "bin" / "python"), ()
    quiet = ("--quiet", "--disable-pip-version-check", "--root-user-action=ignore")
    with requirement_file("uv") as locked_uv:
        run(python, "-m", "pip", "install", *quiet, *target, "--no-deps", "--require-hashes", "-r", locked_uv)


@contextmanager
def requirement_file(name: str) -> Iterator[str]:
    """Yield a requirements file that pins one package alone, as the lock does."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(requirement_block(name))
        file.flush()
        yield file.name


def requirement_block(name: str) -> str:
    """The lines of requirements.lock that pin one package, with its hashes."""
    lines = LOCK.read_text().splitlines(keepends=True)
    start = next(i for i, line in enumerate(lines) if line.startswith(f"{name}=="))
    end = next((i for i in range(start + 1, len(lines)) if not lines[i].startswith(" ")), len(lines))
    return "".join(lines[start:end])


def count_requirements() -> int:
    """How many packages the lock file pins."""
    return sum("==" in line and not line.startswith((" ", "#")) for line in LOCK.read_text().splitlines())


def stamp() -> str | None:
    """What .venv was last made for, or None."""
    return STAMP.read_text() if STAMP.exists() else None


def place(stamped: str) -> str:
    """The checkout's path inside a stamp, which is `checksum size path`."""
    return stamped.split(" ", 2)[2]


def run(*command: str) -> None:
    """Run a step with its output on stderr, so that `./tower … --json` stays clean.

    Raises:
        SetupError: The step failed.
    """
    if subprocess.run(command, check=False, stdout=sys.stderr, cwd=ROOT).returncode:  # noqa: S603
        msg = " ".join(command)
        raise SetupError(msg)


def say(text: str) -> None:
    """Tell the user what happens, before it happens."""
    print(f"setup: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
