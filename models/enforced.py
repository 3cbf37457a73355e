"""Tools and conversations in a form that a small model keeps to, since decoding enforces it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, SystemMessage, ToolCall, ToolMessage
from langchain_core.utils.json_schema import dereference_refs


class LocalModelError(RuntimeError):
    """The local model can't be used, or it failed."""


def one_of(tools: Sequence[Mapping[str, Any]], choice: str | None) -> dict[str, Any]:
    """One schema for all tools: `{"tool": name, "args": {…}}`; with a free choice also `{"answer": text}`."""
    forced = choice not in (None, "auto")
    wanted = [tool for tool in tools if choice in (None, "auto", "any", "required", tool["name"])]
    if not wanted:
        msg = f"tool_choice {choice!r} is none of the tools {', '.join(tool['name'] for tool in tools)}"
        raise LocalModelError(msg)
    forms = [_object({"tool": {"const": tool["name"]}, "args": _dereferenced(tool)}) for tool in wanted]
    return {"anyOf": forms if forced else [*forms, _object({"answer": {"type": "string"}})]}


def repeated(messages: Sequence[BaseMessage]) -> set[str]:
    """The tools that answered the same call twice: asked a third time they say the same."""
    failed = {m.tool_call_id for m in messages if isinstance(m, ToolMessage) and m.status == "error"}
    calls = [c for m in messages if isinstance(m, AIMessage) for c in m.tool_calls if c["id"] not in failed]
    made = [(c["name"], c["args"]) for c in calls]
    return {call[0] for index, call in enumerate(made) if call in made[:index]}


def _dereferenced(tool: Mapping[str, Any]) -> Any:
    parameters = dict(tool.get("parameters") or {"type": "object", "properties": {}})
    plain = dereference_refs(parameters)
    plain.pop("$defs", None)
    return plain


def plain(schema: Mapping[str, Any]) -> Any:
    """Without references and with plain digit classes, which is what the grammar of decoding knows."""
    return json.loads(json.dumps(dereference_refs(dict(schema))).replace(r"\\d", "[0-9]"))


DIGITS = re.compile(r"\[0-9(?:a-f)?\]\{\d+\}")
"""A fixed count of digits in a pattern: a number on record, which can't be coined as a name can."""


def copied(schema: Any, said: str) -> Any:
    """A plain schema in which a number on record is one that was said; unsaid, it is left out if it may be.

    Args:
        schema: Any part of one.
        said: By people, and by the results of tools; not by the model, nor the examples in its prompt.
    """
    if isinstance(schema, list):
        return [copied(each, said) for each in schema]
    if not isinstance(schema, dict):
        return schema
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and DIGITS.search(pattern):
        found = {m[0] for m in re.finditer(rf"(?<![\w-])(?:{pattern.strip('^$')})(?![\w-])", said)}
        return {"enum": sorted(found)} if found else schema
    narrowed = {name: copied(part, said) for name, part in schema.items()}
    if {"type": "null"} in narrowed.get("anyOf", ()):
        narrowed["anyOf"] = [o for o in narrowed["anyOf"] if not DIGITS.search(str(o.get("pattern")))]
    return narrowed


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def called(text: str, answer_id: str) -> tuple[str, list[ToolCall]]:
    """Turn the enforced JSON back into a tool call, or into the text that it carries."""
    try:
        value = json.loads(text)
    except ValueError:
        return text, []  # cut off at `max_tokens`
    if "tool" not in value:
        return str(value.get("answer", text)), []
    digest = hashlib.sha256(f"{answer_id}{text}".encode()).hexdigest()[:20]
    return "", [ToolCall(name=value["tool"], args=value["args"], id=f"call_{digest}", type="tool_call")]


def dialogue(
    messages: Sequence[BaseMessage],
    tools: Sequence[Mapping[str, Any]],
    response_schema: Mapping[str, Any] | None,
    *,
    words: bool = False,
) -> list[dict[str, str]]:
    """The conversation in plain roles, with calls and results as text, and the forms in the system prompt.

    Args:
        messages: Of any kind.
        tools: Their functions, in OpenAI's form.
        response_schema: Instead of tools.
        words: Whether it may answer in words instead of calling a tool.
    """
    parts: list[str] = [message.text for message in messages if isinstance(message, SystemMessage)]
    if response_schema:
        parts.append(f"Reply with one JSON object:{_fields(plain(response_schema), '    ')}")
    elif tools:
        listed = "\n".join(map(_described, tools))
        closing = ', or {"answer": text} where no tool is needed any more' if words else ""
        form = f'Reply with one JSON object: {{"tool": name, "args": {{…}}}}{closing}'
        parts.append(f"{form}. The tools:\n{listed}")
    system = "\n\n".join(parts)
    turns = [{"role": "system", "content": system.strip()}] if system.strip() else []
    for message in messages:
        if isinstance(message, AIMessage):
            calls = [json.dumps({"tool": c["name"], "args": c["args"]}) for c in message.tool_calls]
            turns.append({"role": "assistant", "content": "\n".join([message.text, *calls]).strip()})
        elif isinstance(message, ToolMessage):
            turns.append({"role": "user", "content": f"Result of the tool: {message.text}"})
        elif not isinstance(message, SystemMessage):
            turns.append({"role": "user", "content": message.text})
    if tools and isinstance(messages[-1], ToolMessage):
        # Said last, since a small model asks on and on where only the beginning says that it may end.
        end = 'reply {"answer": text}' if words else "give the final answer"
        turns.append({"role": "user", "content": f"If this settles it, {end}; otherwise call the next tool."})
    return _alternating(turns)


def _described(tool: Mapping[str, Any]) -> str:
    # Without the examples of what people say: a small model writes them into notes as said by this one.
    purpose = re.sub(r",? e\.g\. .*", ".", tool.get("description", ""))
    return f"- {tool['name']}: {purpose}{_fields(_dereferenced(tool), '    ')}"


EXAMPLES = re.compile(r"e\.g\. ([^\n]*)")
SHOWN_EXAMPLES = 2


def few_examples(text: str) -> str:
    """A description with the first of its examples, since long lists cost a small model minutes."""
    return EXAMPLES.sub(lambda m: "e.g. " + "; ".join(m[1].split("; ")[:SHOWN_EXAMPLES]), text)


def shape(schema: Mapping[str, Any], indent: str = "") -> str:
    """A schema without references as it is shown: what is to be said, and not what decoding enforces."""
    options = [option for key in ("anyOf", "oneOf") for option in schema.get(key, ())]
    if options:
        return " | ".join(shape(option, indent) for option in options if option.get("type") != "null")
    if "const" in schema or "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {shape(schema.get('items', {}), indent)}"
    if schema.get("properties"):
        return f"object{_fields(schema, indent + '    ')}"
    return str(schema.get("format") or schema.get("type") or "any")


def _fields(schema: Mapping[str, Any], indent: str) -> str:
    """One line a field: `name (its form): what it is for`; `?` where it may be left out."""
    lines = []
    for name, field in schema.get("properties", {}).items():
        mark = "" if name in schema.get("required", ()) else "?"
        told, (form, *inner) = few_examples(field.get("description", "")), shape(field, indent).split("\n")
        if "enum" in field and all(str(value) in told for value in field["enum"]):
            form = "one of these"
        said = told.replace("\n", f"\n{indent}")
        lines.append("\n".join([f"\n{indent}{name}{mark} ({form}): {said}".rstrip(": "), *inner]))
    return "".join(lines)


def _alternating(turns: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Join neighbours of one role: some chat templates refuse them."""
    joined: list[dict[str, str]] = []
    for turn in turns:
        if joined and joined[-1]["role"] == turn["role"]:
            joined[-1] = {"role": turn["role"], "content": f"{joined[-1]['content']}\n\n{turn['content']}"}
        else:
            joined.append(turn)
    return joined
