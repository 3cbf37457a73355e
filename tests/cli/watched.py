"""The ticket office, whose reader takes the price from whatever message names it last."""

from __future__ import annotations

import re
from collections.abc import Sequence

from langchain_core.messages import BaseMessage

from models.door import use_model
from models.scripted import Delayed, ScriptedChatModel, call
from tests.cli import office
from tests.cli.office import DOMAIN

__all__ = ["DOMAIN"]


def _read(prompt: Sequence[BaseMessage]) -> Delayed:
    text = "\n".join(message.text for message in prompt if message.type == "human")
    order, price = re.findall(r"T-\d{3}", text)[0], re.findall(r"price (\d+)", text)[-1]
    return Delayed(0.05, call("Facts", order_id=order, amount=int(price)))


use_model(ScriptedChatModel(scripts={"Job of read.": _read, "Job of judge.": office._judge}))
