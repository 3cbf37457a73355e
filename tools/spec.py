"""What a tool is: a function with a spec that says who owns it, what it touches and how to undo it."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, NewType, TypeVar, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model

Cents = Annotated[int, Field(ge=0, description="Integer cents")]
"""Money in minor units; Cedar has no floats and neither have we."""

EffectKey = NewType("EffectKey", str)
"""Idempotency key from the gateway; a tool that writes stores it with its effect."""


class Risk(StrEnum):
    """How much harm a wrong call does."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Personal:
    """Marks a value as personal: agents see its token, only `execute` sees the value.

    Attributes:
        kind: Token kind: `person`, `email`, `phone`, `iban`, `address` or `birthdate`.
    """

    kind: str


@dataclass(frozen=True, slots=True)
class Caller:
    """For whom a tool acts, from the control plane (never from arguments)."""

    tenant: str
    user: str
    run_id: str
    subject: str | None


T = TypeVar("T")


@dataclass(frozen=True)
class Tool:
    """A function and its spec.

    Attributes:
        owner: Team that answers for it.
        writes: It changes something outside the graph.
        idempotent: A second call with the same key has no second effect; unless declared, what writes
            and takes no key isn't, and is never tried twice.
        undo: Name of the tool that compensates it; None with `writes` means irreversible.
        data: Classes of data it touches (`contact`, `bank`, `claims`, …).
        needs: What must exist for it to work (`desk`, `wordings`, …).
        yields: `(trusted set, field of the result)`: what it made may be used by the rest of the
            run, such as `("claims", "id")` for a tool that opens a claim.
        settled_by: What it asks after an attempt that nobody knows the end of: a reading tool that
            gets the key and returns this one's result, or None where it certainly didn't happen.
            One that can't tell raises.
        window: For how long its compensation still works; None is for as long as the records stand.
        told: Arguments that an agent takes from the request's own words and from nowhere else.
        already: A reading tool that policy gets the number of, from this one's arguments, as
            `context.already`: what counts towards the same limit and stands in the records.
    """

    name: str
    run: Callable[..., Awaitable[Any]]
    owner: str
    risk: Risk
    writes: bool
    idempotent: bool
    undo: str | None
    data: tuple[str, ...]
    needs: tuple[str, ...]
    yields: tuple[str, str] | None = None
    settled_by: Tool | None = None
    window: timedelta | None = None
    told: tuple[str, ...] = ()
    already: Tool | None = None

    @property
    def description(self) -> str:
        """First paragraph of the docstring: what the model is told."""
        return inspect.getdoc(self.run).split("\n\n")[0].replace("\n", " ")  # type: ignore[union-attr]

    @cached_property
    def hints(self) -> dict[str, Any]:
        """Resolved annotations, `Personal` marks included."""
        return get_type_hints(self.run, include_extras=True)

    @cached_property
    def args(self) -> type[BaseModel]:
        """Pydantic model of the arguments that an agent gives; unknown ones are refused."""
        fields: dict[str, Any] = {
            name: (self.hints[name], ... if parameter.default is parameter.empty else parameter.default)
            for name, parameter in inspect.signature(self.run).parameters.items()
            if parameter.kind is not parameter.KEYWORD_ONLY
        }
        return create_model(self.name, __config__=ConfigDict(extra="forbid"), **fields)

    @cached_property
    def injected(self) -> dict[str, Any]:
        """Keyword-only parameters: name → type, given by the gateway."""
        return {
            name: self.hints[name]
            for name, parameter in inspect.signature(self.run).parameters.items()
            if parameter.kind is parameter.KEYWORD_ONLY
        }

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The tool in the form that chat models take (`bind_tools`)."""
        parameters = self.args.model_json_schema()
        parameters.pop("title", None)
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.description, "parameters": parameters},
        }

    @cached_property
    def result(self) -> TypeAdapter[Any]:
        """Serialiser of what it returns."""
        return TypeAdapter(self.hints["return"])

    @property
    def personal(self) -> dict[str, str]:
        """Arguments that are personal: name → token kind."""
        marks = {name: personal_kind(self.hints[name]) for name in self.args.model_fields}
        return {name: kind for name, kind in marks.items() if kind}


def personal_kind(hint: Any) -> str | None:
    """The token kind of an annotation such as `Annotated[str, Personal("iban")]`, or None."""
    if get_origin(hint) is Annotated:
        return next((mark.kind for mark in get_args(hint)[1:] if isinstance(mark, Personal)), None)
    return next((kind for part in get_args(hint) if (kind := personal_kind(part))), None)


def tool(  # noqa: PLR0913 - one declaration each
    *,
    owner: str,
    risk: Risk = Risk.LOW,
    writes: bool = False,
    idempotent: bool | None = None,
    undo: str | None = None,
    data: tuple[str, ...] = (),
    needs: tuple[str, ...] = (),
    yields: tuple[str, str] | None = None,
    settled_by: Tool | None = None,
    window: timedelta | None = None,
    told: tuple[str, ...] = (),
    already: Tool | None = None,
) -> Callable[[Callable[..., Awaitable[Any]]], Tool]:
    """Make a tool of an async function.

    Positional parameters are the agent's; keyword-only ones are given by the gateway: `key`
    (`EffectKey`), `caller` (`Caller`), and anything else by its type, which must have a
    classmethod `current()`. Defaults and descriptions come from the annotations.

    Raises:
        ValueError: The function isn't async, has no docstring or lacks types, reads but names a
            compensation, or has a window without one.
    """

    def wrap(function: Callable[..., Awaitable[Any]]) -> Tool:
        name = function.__name__
        if not inspect.getdoc(function):
            msg = f"tool {name} has no docstring; its first paragraph is what the model is told"
            raise ValueError(msg)
        parameters = inspect.signature(function).parameters
        untyped = [each for each in (*parameters, "return") if each not in function.__annotations__]
        if not inspect.iscoroutinefunction(function) or untyped:
            msg = f"tool {name} must be `async def`, with types; these have none: {', '.join(untyped) or '-'}"
            raise ValueError(msg)
        if undo and not writes:
            msg = f"tool {name} only reads, so there is nothing that {undo} could undo"
            raise ValueError(msg)
        if window and not undo:
            msg = f"tool {name} has a window in which to undo it and no tool that does; name one in undo"
            raise ValueError(msg)
        once = (not writes or "key" in parameters) if idempotent is None else idempotent
        return Tool(
            name, function, owner, risk, writes, once, undo, data, needs, yields, settled_by, window, told,
            already,
        )  # fmt: skip

    return wrap
