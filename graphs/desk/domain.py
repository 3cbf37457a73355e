"""The desk as one value for the command line and the server."""

from __future__ import annotations

import asyncio
from typing import Any

from graphs.domain import Domain
from memory.desk.wordings import WORDINGS
from nodes.desk.admission import ADMISSION, TOOLBOX
from tools.desk import quality
from tools.desk.database import Desk
from tools.desk.neighbours import NEIGHBOURS


async def _prepare() -> None:
    await asyncio.to_thread(Desk.current().ensure)
    await WORDINGS.ensure()


async def _readiness(tenant: str) -> list[Any]:
    return await quality.report(Desk.current(), tenant)


PATTERNS = (
    "adaptive",
    "direct",
    "single",
    "sequential",
    "concurrent",
    "handoff",
    "group_chat",
    "supervisor",
    "magentic",
)

DOMAIN = Domain(
    name="desk",
    graphs={name: f"graphs.desk.{name}" for name in PATTERNS},
    admission=ADMISSION,
    prepare=_prepare,
    readiness=_readiness,
    systems=NEIGHBOURS,
    tools=TOOLBOX,
)
