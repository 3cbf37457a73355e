"""LangChain's own suites for chat models, on the offline model.

What they skip here, and why: reading keys from the environment (it needs none); serialisation (it has
nothing to store but a name); PDF, audio and image inputs, image and PDF tool messages, Anthropic's
content blocks (it reads text alone, and declares nothing else); stream timing (recorded HTTP traffic,
of which it makes none). Nothing fails and nothing is expected to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from models.offline.chat import OfflineChatModel

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel


@pytest.fixture
def benchmark() -> Callable[[Callable[[], None]], None]:
    """Call what is timed once: nothing here asserts on time."""
    return lambda timed: timed()


@pytest.fixture
def snapshot() -> None:
    """Asked for by a test that is skipped, as `vcr` is."""


@pytest.fixture
def vcr() -> None:
    """Recorded HTTP traffic, of which there is none."""


class TestUnit(ChatModelUnitTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return OfflineChatModel


class TestIntegration(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return OfflineChatModel

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str | None:
        return "offline-2"
