"""Mentions: which trusted sets a group of policies speaks of; the others can't change what they say."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields
from typing import Any

from cedarpy import PolicySet, pst

_CONTEXT = pst.Var(name="context")
_TRUSTED = pst.GetAttr(base=_CONTEXT, attr="trusted")


def mentioned(policies: PolicySet, sets: Collection[str]) -> frozenset[str]:
    """The sets that these policies read as `context.trusted.NAME`.

    Returns:
        All of `sets` where a policy uses the context or `context.trusted` as a whole.
    """
    found = set(_names(policies.to_pst().static_policies))
    return frozenset(sets) if None in found else frozenset(sets) & found


def _names(node: Any) -> Iterator[str | None]:
    """Names of sets in a syntax tree; None for a use that may see them all."""
    if isinstance(node, pst.GetAttr | pst.HasAttr) and node.base in (_CONTEXT, _TRUSTED):
        attributes = (node.attr,) if isinstance(node, pst.GetAttr) else tuple(node.attrs)
        path = attributes if node.base == _CONTEXT else ("trusted", *attributes)
        if path[0] == "trusted":
            yield path[1] if len(path) > 1 else None
        return
    if node == _CONTEXT:
        yield None
    elif isinstance(node, Mapping):
        yield from (name for item in node.values() for name in _names(item))
    elif isinstance(node, list | tuple | set | frozenset):
        yield from (name for item in node for name in _names(item))
    elif isinstance(node, pst.PstNode):
        yield from (name for field in fields(node) for name in _names(getattr(node, field.name)))
