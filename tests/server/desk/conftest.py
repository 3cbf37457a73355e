"""The desk's server as `make dev` starts it, with its neighbours beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from graphs.desk.domain import DOMAIN
from tests.server.running import ROOT, Server
from tools.remote.process import started as beside


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    config = json.loads((ROOT / "langgraph.json").read_text())
    started = Server(tmp_path_factory.mktemp("desk"), config)
    with ExitStack() as stack:
        # The session goes on with other tests, which must not find these systems in their environment.
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TOWER_HOME", str(started.home))
            # Billing and claims history in processes of their own, as the demo has them.
            stack.enter_context(beside(DOMAIN.systems))
            started.env = {f"TOWER_{s.name.upper()}_URL": str(s.url) for s in DOMAIN.systems}
        for name in started.env:
            del os.environ[name]
        try:
            yield started.start()
        finally:
            started.kill()
