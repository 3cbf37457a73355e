"""The scripted model: says what it is told, in order, to whom it concerns."""

from __future__ import annotations

import asyncio
import time

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from pydantic import BaseModel

from models.scripted import Delayed, ScriptedChatModel, ScriptExhausted, call


class Answer(BaseModel):
    """An answer."""

    value: int


def test_replies_come_in_order_and_prompts_are_kept():
    model = ScriptedChatModel.of(["one", call("add", a=1), ConnectionError("down"), AIMessage("four")])
    bound = model.bind_tools([Answer], tool_choice="any")
    assert bound.invoke("first").text == "one"
    assert bound.invoke("second").tool_calls[0]["args"] == {"a": 1}
    with pytest.raises(ConnectionError, match="down"):
        bound.invoke("third")
    assert model.invoke("fourth").text == "four"
    with pytest.raises(ScriptExhausted, match="4 replies"):
        model.invoke("fifth")
    assert model.calls == 5
    assert [prompt.text for prompt in model.prompts] == ["first", "second", "third", "fourth", "fifth"]
    assert model.prompts[0].tools == ["Answer"]


def test_each_agent_has_its_script():
    model = ScriptedChatModel(
        scripts={"You are A.": ["from a", "again a"], "You are B.": ["from b"], "": ["else"]}
    )

    def ask(system):
        return model.invoke([SystemMessage(system), HumanMessage("go")]).text

    assert [ask("You are A."), ask("You are B. Hi"), ask("You are A."), ask("Who?")] == [
        "from a",
        "from b",
        "again a",
        "else",
    ]
    assert [prompt.key for prompt in model.prompts] == ["You are A.", "You are B.", "You are A.", ""]


def test_a_function_answers_from_the_messages():
    model = ScriptedChatModel.of(lambda messages: f"you said {messages[-1].text}")
    assert model.invoke("boo").text == "you said boo"


def test_structured_output_and_streaming_work():
    model = ScriptedChatModel.of([call("Answer", value=7), "a b c", call("Answer", value=8)])
    assert model.with_structured_output(Answer).invoke("?") == Answer(value=7)
    assert "".join(chunk.text for chunk in model.stream("?")).split() == ["a", "b", "c"]
    streamed = None
    for chunk in model.bind_tools([Answer]).stream("?"):
        streamed = chunk if streamed is None else streamed + chunk
    assert streamed.tool_calls[0]["args"] == {"value": 8}
    assert streamed.usage_metadata["total_tokens"] > 0


async def test_delays_run_side_by_side_and_every_call_id_is_its_own():
    model = ScriptedChatModel.of([Delayed(0.1, call("add", a=i)) for i in range(5)])
    start = time.perf_counter()
    answers = await asyncio.gather(*(model.ainvoke("go") for _ in range(5)))
    assert time.perf_counter() - start < 0.4
    assert len({answer.tool_calls[0]["id"] for answer in answers}) == 5
    assert sorted(answer.tool_calls[0]["args"]["a"] for answer in answers) == [0, 1, 2, 3, 4]
