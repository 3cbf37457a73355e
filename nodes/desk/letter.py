"""Letter: which of the facts that were written down stand in what people wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import HumanMessage

from nodes.desk.grounds import unread


def in_the_letter(facts: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, bool]:
    """Amount, day and account that a claim rests on → whether the letter or an enclosure has it.

    Policy and invoice are held against records; the customer's own account needs no letter to name it.
    """
    letter = "\n".join(message.text for message in state["messages"] if isinstance(message, HumanMessage))
    letter += f"\n{state['results']['find_customer']['iban']}"
    stated = {
        "amount": f"{facts['amount'] / 100:.2f} EUR",
        "loss_date": facts["loss_date"],
        "payout_account": facts["payout_account"],
    }
    return {name: not unread(value, letter) for name, value in stated.items() if value}
