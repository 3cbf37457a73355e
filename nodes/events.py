"""Events: what arrived from outside while a step waited, as the message that its agents go on with."""

from __future__ import annotations

from langchain_core.messages import HumanMessage

from governance.acts import Act
from governance.control import control
from governance.events import EventBook


async def arrived(act: Act) -> HumanMessage | None:
    """The document that came for the step which asks by this act; the same at every execution."""
    text = await EventBook(control()).brought(act)
    return HumanMessage(f"This arrived while the request waited.\n\n{text}") if text is not None else None
