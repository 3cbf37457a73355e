"""The clinic as one value for the command line and the server."""

from __future__ import annotations

from typing import Any

from graphs.domain import Domain
from memory.clinic.leaflets import LEAFLETS
from nodes.clinic.admission import ADMISSION, TOOLBOX
from tools.clinic.diary import Diary


async def _prepare() -> None:
    await Diary.current().ensure()
    await LEAFLETS.ensure()


async def _readiness(_tenant: str) -> list[Any]:
    return []


DOMAIN = Domain(
    name="clinic",
    graphs={name: f"graphs.clinic.{name}" for name in ADMISSION.contracts},
    admission=ADMISSION,
    prepare=_prepare,
    readiness=_readiness,
    tools=TOOLBOX,
)
