"""Judge: one answer held against its sources by a model, with a rubric that is data."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

Grade = Literal["pass", "fail"]


class Judgement(BaseModel):
    """What is said of one answer."""

    faithfulness: Annotated[Grade, Field(description="Whether the answer says only what the sources say")]
    relevance: Annotated[Grade, Field(description="Whether the answer answers the question")]


Model = Callable[[Path, str, type[BaseModel]], Awaitable[Mapping[str, Any]]]
"""Puts a text to a model that has a rubric for its prompt; its answer as the form asks, or something else."""

NO_ANSWER = Judgement(faithfulness="fail", relevance="fail")
"""A judge that says nothing valid has failed both, here as in its calibration."""


async def judge(
    question: str, answer: str, sources: Sequence[Mapping[str, str]], rubric: Path, model: Model
) -> Judgement:
    """Ask once about one answer by itself.

    Args:
        question, answer, sources: In tokens, where personal values have been in them; a source is
            `{source, text}`.
        rubric: Markdown file.
    """
    told = "\n\n".join(f"[{each['source']}] {each['text']}" for each in sources) or "none"
    text = f"Question: {question}\n\nSources:\n{told}\n\nAnswer: {answer}"
    try:
        return Judgement.model_validate(dict(await model(rubric, text, Judgement)))
    except ValidationError:
        return NO_ANSWER
