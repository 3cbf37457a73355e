"""Answer: what a system does with a request that came in, by a tool's own function."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from governance.errors import InvalidInput
from tools.spec import Caller, EffectKey, Tool


async def answer(tool: Tool, args: Mapping[str, Any], headers: Mapping[str, str]) -> Any:
    """Call a tool for whoever asks, in this process and never in another.

    Args:
        headers: For which tenant and run it is asked, in lower case.

    Returns:
        The result as JSON.

    Raises:
        InvalidInput: The headers don't say for whom.
        ValidationError: The arguments don't fit.
    """
    if not headers.get("x-tenant"):
        msg = "say for which tenant you ask, in the header X-Tenant"
        raise InvalidInput(msg)
    injected: dict[str, Any] = {}
    for name, kind in tool.injected.items():
        if name == "key":
            injected[name] = EffectKey(headers["idempotency-key"])
        elif name == "caller":
            injected[name] = Caller(headers["x-tenant"], "tower", headers.get("x-run", ""), None)
        else:
            injected[name] = kind.current()
    checked = tool.args.model_validate(dict(args))
    given = {name: getattr(checked, name) for name in type(checked).model_fields}
    result = await inspect.unwrap(tool.run)(**given, **injected)
    return tool.result.dump_python(result, mode="json")
