"""Dev: start LangGraph's development server, the only one of this checkout, on no port but the one named."""

from __future__ import annotations

import argparse
import fcntl
import os
import socket
import sys
from pathlib import Path

from dotenv import dotenv_values

TRACING = ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2", "LANGCHAIN_TRACING")


def main() -> None:
    """Check what the server would pass over, then become the server; arguments are `langgraph dev`'s."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=2024)
    asked, _ = parser.parse_known_args()
    # Held by this process, so by the server that it becomes, and let go of however that ends.
    checkout = os.open(".", os.O_RDONLY)
    try:
        fcntl.flock(checkout, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"{Path.cwd()} is already served: end that server first, or serve another checkout")
    os.set_inheritable(checkout, True)
    try:
        family = socket.AF_INET6 if ":" in asked.host else socket.AF_INET
        socket.create_server((asked.host, asked.port), family=family).close()
    except OSError as error:
        sys.exit(f"port {asked.port} of {asked.host} is taken ({error}); try make dev PORT=8123")
    lists = Path(".langgraph_api")
    lists.mkdir(mode=0o700, exist_ok=True)
    lists.chmod(0o700)
    _configure()
    os.execv(sys.executable, [sys.executable, "-m", "langgraph_cli", "dev", *sys.argv[1:]])  # noqa: S606


def _configure() -> None:
    """Post no usage data, and trace with a key as the command line does; the server would tie the two."""
    os.environ.setdefault("LANGSMITH_CONTROL_PLANE_API_KEY", "")
    given = dotenv_values(".env") | os.environ
    if not given.get("LANGSMITH_API_KEY"):
        os.environ |= dict.fromkeys(TRACING, "false")  # or texts would be posted, only to be turned away
    elif not any(name in given for name in TRACING):
        os.environ["LANGSMITH_TRACING"] = "true"


if __name__ == "__main__":
    main()
