"""The door: the only place where a chat model is made, and what is handed out is governed."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

ROLES = Path(__file__).parent / "roles.toml"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which model answers.

    Attributes:
        provider: `openai` (any compatible endpoint), `local` or `offline`.
        remote: Whether prompts leave this machine.
    """

    provider: str
    model: str
    remote: bool


def choose(role: str) -> Choice:
    """The model for a role, decided by the environment in the order that the README gives.

    Raises:
        LookupError: No such role in `models/roles.toml`.
    """
    roles = tomllib.loads(ROLES.read_text(encoding="utf-8"))
    if role not in roles:
        msg = f"no model role {role!r}; models/roles.toml has {', '.join(sorted(roles))}"
        raise LookupError(msg)
    if os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL"):
        name = os.environ.get("TOWER_MODEL") or roles[role]["openai"]
        return Choice("openai", name, remote=True)
    if os.environ.get("TOWER_LOCAL_GGUF"):
        return Choice("local", roles[role]["local"], remote=False)
    return Choice("offline", roles[role]["offline"], remote=False)


def roles() -> tuple[str, ...]:
    """The roles that agents name."""
    return tuple(tomllib.loads(ROLES.read_text(encoding="utf-8")))


def fallbacks(role: str) -> tuple[Choice, ...]:
    """The models that stand in where the role's own fails, in the order of `models/roles.toml`.

    Each is written `provider/model`; one whose provider isn't configured is left out.
    """
    declared = tomllib.loads(ROLES.read_text(encoding="utf-8")).get(role, {}).get("fallbacks", [])
    there = {
        "openai": bool(os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL")),
        "local": bool(os.environ.get("TOWER_LOCAL_GGUF")),
        "offline": True,
    }
    pairs = [str(name).partition("/")[::2] for name in declared]
    return tuple(
        Choice(provider, model, provider == "openai") for provider, model in pairs if there[provider]
    )


@lru_cache
def _choices(role: str, _environment: tuple[str | None, ...]) -> tuple[Choice, ...]:
    first = choose(role)
    return (first, *(choice for choice in fallbacks(role) if choice != first))


def choices(role: str) -> tuple[Choice, ...]:
    """The model for a role and those that stand in for it, read once per environment."""
    names = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "TOWER_LOCAL_GGUF", "TOWER_MODEL")
    return _choices(role, tuple(os.environ.get(name) for name in names))


def configured(role: str) -> Choice:
    """The model for a role."""
    return choices(role)[0]


_override: list[BaseChatModel] = []


def use_model(model: BaseChatModel | None) -> None:
    """Let one model answer for every role (tests); None ends it."""
    _override[:] = [model] if model else []


def raw_model(choice: Choice) -> BaseChatModel:
    """The ungoverned model; only `models.governed` calls this, and a test says so."""
    if _override:
        return _override[0]
    return _make(choice, os.environ.get("OPENAI_BASE_URL"), os.environ.get("OPENAI_API_KEY"))


@lru_cache
def _make(choice: Choice, base_url: str | None, api_key: str | None) -> BaseChatModel:
    if choice.provider == "openai":
        from models.remote import RemoteChatModel  # noqa: PLC0415 - a second of import that others needn't pay

        # Our own attempts are budgeted and logged, so the client's are off. How long one may take is
        # policy (`[timeouts] model`), so the client waits longer; a float, since an `httpx.Timeout`
        # defeats the client cache of langchain-openai.
        return RemoteChatModel(
            model=choice.model,
            base_url=base_url,
            api_key=SecretStr(api_key or "none"),
            max_retries=0,
            timeout=3600.0,
        )
    if choice.provider == "local":
        from models.local import LocalChatModel  # noqa: PLC0415 - an extra

        return LocalChatModel()
    from models.offline.chat import OfflineChatModel  # noqa: PLC0415 - loads onnxruntime

    return OfflineChatModel()
