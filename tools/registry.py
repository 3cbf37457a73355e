"""The registry: tools by name, what policy must know of them, and what undoes a call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from governance.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tools.spec import Tool


class UnknownTool(InvalidInput):
    """No tool of that name is registered."""


@dataclass(frozen=True, slots=True)
class Surface:
    """What policy must know of a tool, as plain data.

    Attributes:
        schema: JSON schema of the arguments.
        risk: `low`, `medium` or `high`.
        undo: Name of the compensation; None with `writes` means irreversible.
        personal: Personal arguments: name → token kind.
    """

    name: str
    schema: dict[str, Any]
    owner: str
    risk: str
    writes: bool
    idempotent: bool
    undo: str | None
    data: tuple[str, ...]
    personal: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """The surface as plain JSON."""
        return asdict(self) | {"data": list(self.data)}


class Toolbox(Mapping[str, "Tool"]):
    """Tools by name.

    Raises:
        ValueError: Two tools of one name, or a compensation that isn't among them or can't be given
            its arguments from the result.
    """

    def __init__(self, tools: Iterable[Tool]) -> None:
        self._tools: dict[str, Tool] = {}
        for tool in tools:
            if tool.name in self._tools:
                msg = f"two tools are called {tool.name}; rename one"
                raise ValueError(msg)
            self._tools[tool.name] = tool
        for tool in self._tools.values():
            self._check_undo(tool)

    def __getitem__(self, name: str) -> Tool:
        """Find a tool.

        Raises:
            UnknownTool: None of that name.
        """
        if name not in self._tools:
            msg = f"there is no tool {name}; the tools are {', '.join(sorted(self._tools))}"
            raise UnknownTool(msg)
        return self._tools[name]

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def __iter__(self) -> Iterator[str]:
        return iter(self._tools)

    def __len__(self) -> int:
        return len(self._tools)

    def surfaces(self) -> list[Surface]:
        """What policy must know of each tool, in the order of registration."""
        return [
            Surface(
                name=tool.name,
                schema=tool.args.model_json_schema(),
                owner=tool.owner,
                risk=tool.risk.value,
                writes=tool.writes,
                idempotent=tool.idempotent,
                undo=tool.undo,
                data=tool.data,
                personal=tool.personal,
            )
            for tool in self._tools.values()
        ]

    def compensation(self, name: str, result: Mapping[str, Any]) -> tuple[Tool, dict[str, Any]] | None:
        """The call that undoes a call of `name`, from that call's result; None if nothing undoes it.

        An argument `street` is taken from the result's `previous_street`, or else from its `street`.

        Raises:
            UnknownTool: No tool of that name.
        """
        undo = self[name].undo
        if undo is None:
            return None
        fields = self[undo].args.model_fields
        return self[undo], {field: result[_source(field, result)] for field in fields}

    def _check_undo(self, tool: Tool) -> None:
        if tool.undo is None:
            return
        if tool.undo not in self._tools:
            msg = f"tool {tool.name} is undone by {tool.undo}, which isn't registered; register it as well"
            raise ValueError(msg)
        returned = getattr(tool.hints["return"], "model_fields", {})
        needed = self._tools[tool.undo].args.model_fields
        missing = [field for field in needed if _source(field, returned) not in returned]
        if missing:
            msg = f"tool {tool.undo} needs {', '.join(missing)}, which {tool.name} doesn't return; return it"
            raise ValueError(msg)


def _source(field: str, available: Mapping[str, object]) -> str:
    previous = f"previous_{field}"
    return previous if previous in available else field
