"""The ticket office as an application of its own: what `TOWER_DOMAIN=tests.cli.office` gives the command."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from langchain_core.messages import BaseMessage

from governance.control import ControlPlane, use_control
from governance.limits import load_limits
from governance.manifest import Manifest
from governance.policy import POLICIES, load_policy
from governance.settings import Settings
from governance.store import ControlStore
from governance.vault import Vault
from graphs.domain import Domain
from graphs.sequential import sequential
from models.door import use_model
from models.scripted import Delayed, ScriptedChatModel, call
from nodes.action import Action
from tests.second import office

PEOPLE = """
sam = {tenant = "harbor", roles = ["customer-agent"]}
lena = {tenant = "harbor", roles = ["claims-lead"]}
"""
RELEASE = os.environ.get("OFFICE_RELEASE", "1")
"""Whose graph this is: the second one calls its last step by another name."""
SMALL, LARGE = {"order_id": "T-001", "amount": 4_000}, {"order_id": "T-002", "amount": 90_000}


def _read(prompt: Sequence[BaseMessage]) -> Delayed:
    """Read the order from the request."""
    return Delayed(0.05, call("Facts", **(SMALL if "T-001" in prompt[1].text else LARGE)))


def _judge(_: Sequence[BaseMessage]) -> Delayed:
    """Find every refund right."""
    return Delayed(0.05, call("Verdict", refund=True, reason="cancelled"))


def _policies(folder: Path) -> Path:
    """The general policies with the office's and its people."""
    if not folder.exists():
        draft = folder.with_name(f"draft-{uuid4().hex}")
        shutil.copytree(office.PROMPTS / "policies", draft / "office")
        for path in POLICIES.iterdir():
            if path.is_file():
                shutil.copy(path, draft)
        (draft / "users.toml").write_text(PEOPLE)
        try:
            draft.rename(folder)
        except OSError:  # another process was first
            shutil.rmtree(draft)
    return folder


def _plane() -> ControlPlane:
    settings = Settings.from_env()
    store = ControlStore(settings.url("control"))
    policy = load_policy([_policies(settings.home / "policies")], office.TOOLBOX.surfaces())
    limits = load_limits(folder=office.PROMPTS / "policies")
    release = Manifest({"graphs/office.py": RELEASE})
    return ControlPlane(settings, store, policy, limits, Vault(settings, store), manifest=release)


async def _nothing(*_: Any) -> list[Any]:
    return []


class PayBack(Action):
    """The refund, under a name that the first release doesn't know."""

    name = "pay_back"


RENAMED = [*office.STEPS[:-1], PayBack(office.CASHIER, office.refund, office.refund_args, review=True)]
use_model(ScriptedChatModel(scripts={"Job of read.": _read, "Job of judge.": _judge}))
use_control(_plane())
graph = sequential(office.STEPS if RELEASE == "1" else RENAMED).compile(name="sequential")
DOMAIN = Domain("office", {"sequential": __name__}, office.ADMISSION, _nothing, _nothing)
