"""HTTP owners: whose a thread is, and the log's word of what was refused to others and to wrong keys."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import inf
from time import monotonic
from typing import Any

from governance.audit import Entry
from governance.control import control
from governance.errors import ControlUnavailable, Denied
from governance.principals import User
from governance.threads import people_on

TOLD_EVERY = 60.0
"""Seconds between two entries about wrong keys: a stranger may guess, but not fill the log."""


class Barred(Denied):
    """Refused by the door itself, and not by policy or approvals, which write it down themselves."""


def owner(user: User) -> dict[str, str]:
    """The metadata by which a thread is somebody's."""
    return {"owner": user.id, "tenant": user.tenant}


async def note_hidden(user: User, act: str, value: Mapping[str, Any], seen: Mapping[str, str]) -> None:
    """Write down an act on another person's thread, of which the server then says that it isn't there.

    Args:
        value: What the server asks about, with `thread_id`, `thread_ids` or neither.
        seen: The filter that hides the thread.
    """
    plane = control()
    for thread in map(str, value.get("thread_ids") or filter(None, [value.get("thread_id")])):
        for person in await plane.store.read(partial(people_on, thread_id=thread)):
            if not seen.items() <= owner(person).items():
                await plane.note_refusal(user, act, {"thread": thread, **owner(person)})


@dataclass
class WrongKeys:
    """Keys that opened nothing, counted; the last ones before a pause are told with the next."""

    count: int = 0
    told: float = -inf

    async def note(self) -> None:
        """Count one more, and tell the log now and then."""
        self.count += 1
        if monotonic() - self.told >= TOLD_EVERY:
            await self.tell()

    async def tell(self) -> None:
        """Tell the log of those that it hasn't heard of, if any; the server does when it ends."""
        if not self.count:
            return
        plane, count, self.told = control(), self.count, monotonic()
        entry = Entry("keys_refused", body={"count": count})
        with suppress(ControlUnavailable):  # no act hangs on it, so it may be told later
            await plane.store.transact(lambda tx: plane.audit.append(tx, entry))
            self.count -= count
