"""The policy wordings and procedures, searched by meaning and by words."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from memory.desk.wordings import WORDINGS
from memory.documents import Passage
from tools.desk.terms import Product
from tools.spec import tool

Question = Annotated[str, Field(min_length=3, max_length=2000, description="The question, in plain words")]
OfProduct = Annotated[Product | None, Field(description="Look only at this product and at general documents")]


@tool(owner="service", data=("wordings",), needs=("wordings",))
async def search_wording(question: Question, product: OfProduct = None) -> list[Passage]:
    """Search wordings and procedures for passages, e.g. is a broken window covered; how do I cancel.

    Returns the four sections that fit best, each with the `source` to cite.
    """
    return await WORDINGS.find(question, product)
