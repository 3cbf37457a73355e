"""How often the offline model routes and extracts as a person would, on sets of our own."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from langchain_core.messages import HumanMessage, SystemMessage
from pydantic import BaseModel, Field

from models.offline.chat import OfflineChatModel

HERE = Path(__file__).parent
ROUTING = tomllib.loads((HERE / "routing.toml").read_text(encoding="utf-8"))
LETTERS = tomllib.loads((HERE / "letters.toml").read_text(encoding="utf-8"))["letter"]

CAUSES = {
    "water": "water escaped from a pipe, tap or machine",
    "fire": "fire, smoke, lightning or explosion",
    "storm": "wind, hail, a fallen tree or torn off roof tiles",
    "theft": "something was stolen, burglary",
    "glass": "a broken window, windscreen or glass door",
    "collision": "a car accident, a crash, a dented bumper",
    "liability": "the customer damaged or injured somebody else",
    "luggage": "a suitcase or bag was lost or damaged on a journey",
    "medical": "illness or injury on a journey, doctor or hospital abroad",
    "vet": "a pet fell ill, was injured or was operated by a vet",
}


class Facts(BaseModel):
    """The facts of a loss."""

    policy: Annotated[str, Field(pattern=r"^HM-\d{6}$", description="Policy number, such as HM-200001")]
    cause: Annotated[
        Literal[
            "water", "fire", "storm", "theft", "glass", "collision", "liability", "luggage", "medical", "vet"
        ],
        Field(description="What caused the loss.\n" + "\n".join(f"- {k}: {v}" for k, v in CAUSES.items())),
    ]
    date: Annotated[date, Field(description="Date on which the loss or accident happened")]
    amount: Annotated[
        int | None, Field(description="Integer cents; total amount claimed, as on the invoice")
    ] = None
    invoice: Annotated[
        str | None, Field(pattern=r"^INV-\d{6}$", description="Number of the repair invoice")
    ] = None


def route(request: str) -> str:
    names = list(ROUTING["options"])
    lines = "\n".join(f"- {name}: {about}" for name, about in ROUTING["options"].items())
    schema = {
        "title": "Desk",
        "description": "Which desk the request goes to.",
        "type": "object",
        "properties": {"desk": {"enum": names, "type": "string", "description": f"The desk.\n{lines}"}},
        "required": ["desk"],
    }
    prompt = [SystemMessage("Send the reader's request to the right desk."), HumanMessage(request)]
    return OfflineChatModel().with_structured_output(schema).invoke(prompt)["desk"]


def extraction() -> dict[str, list[tuple[int, object, object]]]:
    model = OfflineChatModel().with_structured_output(Facts)
    wrong: dict[str, list[tuple[int, object, object]]] = {name: [] for name in Facts.model_fields}
    for number, letter in enumerate(LETTERS):
        found = model.invoke(
            [SystemMessage("Write down the facts of the loss."), HumanMessage(letter["text"])]
        )
        for name in Facts.model_fields:
            value = getattr(found, name)
            value = value.isoformat() if isinstance(value, date) else value
            if name in letter or name in ("amount", "invoice"):
                expected = letter.get(name)
                if value != expected:
                    wrong[name].append((number, value, expected))
    return wrong


def test_routes_at_least_26_of_30_requests_like_a_person():
    wrong = [
        (request, route(request), desk)
        for desk, requests in ROUTING["requests"].items()
        for request in requests
        if route(request) != desk
    ]
    assert len(wrong) <= 4, wrong


def test_extracts_most_fields_of_twenty_letters_like_a_person():
    wrong = extraction()
    assert not wrong["policy"]
    assert not wrong["invoice"]
    assert len(wrong["date"]) <= 1, wrong["date"]
    assert len(wrong["amount"]) <= 2, wrong["amount"]
    assert len(wrong["cause"]) <= 4, wrong["cause"]
