"""HTTP cancel: who cancels the server's run ends ours, so that none stays open behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langgraph_sdk import get_client
from langgraph_sdk.errors import NotFoundError

from governance.control import control
from governance.errors import InvalidInput
from governance.principals import User
from governance.runs import ENDED
from nodes.place import RUN_KEY


async def cancel(user: User, value: Mapping[str, Any]) -> None:
    """End the runs that a client asks the server to cancel.

    Args:
        value: What the server hands to `threads.update`: `thread_id`, and `run_ids` in `metadata`.

    Raises:
        Denied: The person may not cancel one of them.
        InvalidInput: It asks for runs by their state or graph, across threads.
    """
    thread = value.get("thread_id")
    if thread is None:
        msg = "name the thread and the run to cancel; runs of several threads are cancelled one by one"
        raise InvalidInput(msg)
    plane = control()
    for run_id in (value.get("metadata") or {}).get("run_ids") or ():
        try:
            found = await get_client().runs.get(str(thread), str(run_id))
        except NotFoundError:
            continue  # as the server itself will say
        record = await plane.record(str((found.get("metadata") or {})[RUN_KEY]))
        if record.state != ENDED and record.run.user.tenant == user.tenant:
            await plane.cancel_run(user, record.run.id)
