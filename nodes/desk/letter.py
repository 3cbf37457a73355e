"""Letter: which of the facts that were written down stand in what people wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import HumanMessage

from models.offline.dates import find_dates
from models.offline.money import find_amounts


def in_the_letter(facts: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, bool]:
    """Amount, day and account that a claim rests on → whether the letter or an enclosure has it.

    Policy and invoice are held against records; the customer's own account needs no letter to name it.
    """
    letter = "\n".join(message.text for message in state["messages"] if isinstance(message, HumanMessage))
    letter += f"\n{state['results']['find_customer']['iban']}"
    found = {
        "amount": facts["amount"] in {amount.cents for amount in find_amounts(letter)},
        "loss_date": facts["loss_date"] in {f"{day.value}" for day in find_dates(letter)},
    }
    account = facts["payout_account"]
    return found | {"payout_account": account in letter} if account else found
