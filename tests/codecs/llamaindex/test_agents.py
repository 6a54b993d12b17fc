"""Real agents and workflows over scripted models: readers hold the run's result, and the memory's messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from llama_index.core.agent.workflow import (
    AgentInput,
    AgentOutput,
    AgentStream,
    AgentWorkflow,
    BaseWorkflowAgent,
    FunctionAgent,
    ReActAgent,
    ToolCallResult,
)
from llama_index.core.base.llms.types import (
    ChatMessage,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.bridge.pydantic import BaseModel
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.tools import FunctionTool, ToolOutput
from llama_index.core.workflow import StopEvent

from ai_transport_codecs.codecs.llamaindex import LlamaIndexProjection, as_history
from tests.codecs.llamaindex.models import CompletionLLM, Piece, ScriptedLLM
from tests.codecs.llamaindex.wire import joined, live, write_all


def weather(city: str) -> str:
    """The weather of a city."""
    if city == "Atlantis":
        raise ValueError("it sank")
    return f"Sunny in {city}"


CALL = [Piece(thinking="hm"), Piece("Let "), Piece("me look"), Piece(call="weather-1", args='{"city": "Lisbon"}')]
ANSWER = [Piece("It is "), Piece("sunny")]


def memory() -> ChatMemoryBuffer:
    return ChatMemoryBuffer.from_defaults(token_limit=100_000)


async def run(workflow: Any, **arguments: Any) -> tuple[list[Any], Any]:
    """The events of a run, and its result."""
    handler = workflow.run(**arguments)
    events = [event async for event in handler.stream_events()]
    return events, await handler


def read(items: Sequence[Any]) -> LlamaIndexProjection:
    """What a reader holds, who is checked to hold the same at each point of joining."""
    deliveries = write_all(items).deliveries
    found = live(deliveries)
    for position in range(len(deliveries) + 1):
        late = joined(deliveries, position)
        assert late.messages == found.messages
        assert late.events == found.events
        assert late.tool_calls == found.tool_calls
    return found


async def test_a_function_agents_run_is_its_result_and_what_its_memory_holds() -> None:
    agent = FunctionAgent(name="scout", tools=[weather], llm=ScriptedLLM(CALL, ANSWER))
    held = memory()
    events, result = await run(agent, user_msg="Lisbon?", memory=held)
    projection = read(events)
    assert projection.messages[-1] == result.response
    assert projection.messages == held.get_all()[1:]
    assert [(call.tool_name, call.kwargs) for call in projection.tool_calls] == [("weather", {"city": "Lisbon"})]
    assert [projection.agent(entry.id) for entry in projection.entries] == ["scout", None, "scout"]


async def test_each_agent_input_begins_a_message_and_its_content_stays_with_the_agent() -> None:
    agent = FunctionAgent(name="scout", tools=[weather], llm=ScriptedLLM(CALL, ANSWER), system_prompt="be secretive")
    events, _ = await run(agent, user_msg="my question")
    deliveries = write_all(events).deliveries
    assert sum(isinstance(event, AgentInput) for event in events) == 2
    assert len([entry for entry in live(deliveries).entries if entry.message.role == "assistant"]) == 2
    assert "secretive" not in str(deliveries)
    assert "my question" not in str(deliveries)


async def test_an_agent_that_does_not_stream_is_read_all_the_same() -> None:
    agent = FunctionAgent(name="scout", tools=[weather], llm=ScriptedLLM(CALL, ANSWER), streaming=False)
    held = memory()
    events, result = await run(agent, user_msg="Lisbon?", memory=held)
    assert not [event for event in events if isinstance(event, AgentStream)]
    assert read(events).messages == held.get_all()[1:]
    assert read(events).messages[-1] == result.response


async def test_the_failure_of_a_tool_is_a_message_that_says_so() -> None:
    script = [Piece(call="weather-1", args='{"city": "Atlantis"}')]
    events, _ = await run(FunctionAgent(tools=[weather], llm=ScriptedLLM(script, ANSWER)), user_msg="Atlantis?")
    projection = read(events)
    [_, failed, _] = projection.entries
    assert (failed.message.role, failed.message.content) == (MessageRole.TOOL, "it sank")
    assert projection.is_error(failed.id)


async def test_a_tool_that_returns_directly_is_the_answer() -> None:
    tool = FunctionTool.from_defaults(weather, return_direct=True)
    events, result = await run(FunctionAgent(tools=[tool], llm=ScriptedLLM(CALL)), user_msg="Lisbon?")
    messages = read(events).messages
    assert [message.role.value for message in messages] == ["assistant", "tool", "assistant"]
    assert messages[-1] == result.response == ChatMessage("Sunny in Lisbon", role="assistant")


async def test_agents_that_hand_off_keep_their_messages_and_names() -> None:
    handoff = [Piece(call="handoff-1", args='{"to_agent": "writer", "reason": "it writes"}')]
    scout = FunctionAgent(
        name="scout", description="looks", tools=[weather], llm=ScriptedLLM(CALL, handoff), can_handoff_to=["writer"]
    )
    writer = FunctionAgent(name="writer", description="writes", tools=[], llm=ScriptedLLM(ANSWER))
    held = memory()
    events, result = await run(
        AgentWorkflow(agents=[scout, writer], root_agent="scout"), user_msg="Lisbon?", memory=held
    )
    projection = read(events)
    assert projection.messages[-1] == result.response
    said = [(projection.agent(entry.id), entry.message.role.value) for entry in projection.entries]
    assert said == [
        ("scout", "assistant"),
        (None, "tool"),
        ("scout", "assistant"),
        (None, "tool"),
        ("writer", "assistant"),
    ]
    assert [call.tool_name for call in projection.tool_calls] == ["weather", "handoff"]


async def test_a_react_agents_answer_is_without_its_thoughts_once_it_is_known() -> None:
    llm = CompletionLLM(
        'Thought: I must look.\nAction: weather\nAction Input: {"city": "Lisbon"}',
        "Thought: I can answer without using any more tools.\nAnswer: It is sunny there",
    )
    events, result = await run(ReActAgent(name="thinker", tools=[weather], llm=llm), user_msg="Lisbon?")
    projection = read(events)
    assert projection.messages[-1] == result.response == ChatMessage("It is sunny there", role="assistant")
    asked, observed, _ = projection.messages
    assert asked.content == 'Thought: I must look.\nAction: weather\nAction Input: {"city": "Lisbon"}'
    assert (observed.role, observed.content) == (MessageRole.TOOL, "Sunny in Lisbon")
    # As history the result is what the agent itself makes of it: providers refuse results that no call is named for.
    assert as_history(projection.messages)[1] == ChatMessage("Observation: Sunny in Lisbon", role="user")


async def test_a_react_agent_that_has_to_try_again_says_both_answers() -> None:
    llm = CompletionLLM("Thought: I only think", "Thought: I can answer without using any more tools.\nAnswer: sunny")
    events, result = await run(ReActAgent(tools=[weather], llm=llm), user_msg="Lisbon?")
    messages = read(events).messages
    assert [message.content for message in messages][-1] == "sunny" == result.response.content
    assert len(messages) == sum(isinstance(event, AgentOutput) for event in events)


class Forecast(BaseModel):
    city: str
    sun: bool


async def test_structured_output_is_said_once() -> None:
    def structured(messages: list[ChatMessage]) -> Any:
        return {"city": "Lisbon", "sun": True}

    agent = FunctionAgent(tools=[weather], llm=ScriptedLLM(ANSWER), structured_output_fn=structured)
    events, result = await run(agent, user_msg="Lisbon?")
    projection = read(events)
    assert projection.structured_output == result.structured_response
    assert Forecast.model_validate(projection.structured_output) == Forecast(city="Lisbon", sun=True)
    assert len([item for item in projection.items if item.kind == "structured"]) == 1


async def test_the_answer_of_an_agent_stopped_early_is_a_message_of_its_own() -> None:
    agent = FunctionAgent(tools=[weather], llm=ScriptedLLM(CALL, [Piece("I had "), Piece("to stop")]))
    events, result = await run(agent, user_msg="Lisbon?", max_iterations=1, early_stopping_method="generate")
    messages = read(events).messages
    assert messages[-1] == result.response == ChatMessage("I had to stop", role="assistant")
    assert isinstance(messages[0].blocks[-1], ToolCallBlock)


async def test_a_model_whose_messages_are_only_deltas_is_read_whole() -> None:
    """LlamaIndex's own result is wrong here: the agent takes the last piece for the answer."""
    events, result = await run(FunctionAgent(tools=[], llm=ScriptedLLM(ANSWER, manner="deltas")), user_msg="hi")
    assert result.response.content == "sunny"
    assert read(events).messages == [ChatMessage("It is sunny", role="assistant")]


async def test_arguments_that_never_became_json_stay_text_though_the_tool_is_called_without() -> None:
    script = [Piece(call="weather-1", args='{"city": Lisb')]
    events, _ = await run(FunctionAgent(tools=[weather], llm=ScriptedLLM(script, ANSWER)), user_msg="Lisbon?")
    projection = read(events)
    [call] = projection.messages[0].blocks
    assert isinstance(call, ToolCallBlock)
    assert call.tool_kwargs == '{"city": Lisb'
    assert [call.kwargs for call in projection.tool_calls] == [{}]


async def test_a_tools_picture_is_part_of_its_message() -> None:
    image = ImageBlock(image=b"\x89PNG\r\n\x1a\nxx")

    def draw() -> list[Any]:
        """Draw."""
        return [TextBlock(text="here:"), image]

    tool = FunctionTool.from_defaults(draw)
    events, _ = await run(
        FunctionAgent(tools=[tool], llm=ScriptedLLM([Piece(call="draw-1", args="{}")], ANSWER)), user_msg="x"
    )
    result = next(event.tool_output for event in events if type(event).__name__ == "ToolCallResult")
    assert read(events).messages[1].blocks == result.blocks


def stream(delta: str, response: str, calls: Sequence[ToolSelection] = (), **more: Any) -> AgentStream:
    return AgentStream(delta=delta, response=response, current_agent_name="a", tool_calls=list(calls), **more)


def test_a_call_is_announced_as_soon_as_its_name_is_known_and_complete_with_the_output() -> None:
    partial = ToolSelection(tool_id="c", tool_name="f", tool_kwargs={})
    whole = ToolSelection(tool_id="c", tool_name="f", tool_kwargs={"a": 1})
    message = ChatMessage(
        role="assistant",
        blocks=[TextBlock(text="so"), ToolCallBlock(tool_call_id="c", tool_name="f", tool_kwargs={"a": 1})],
    )
    items = [
        AgentInput(input=[], current_agent_name="a"),
        stream("so", "so"),
        stream("", "so", [partial]),
        AgentOutput(response=message, current_agent_name="a", tool_calls=[whole]),
    ]
    [early] = live(write_all(items[:3]).deliveries).messages
    assert early.blocks == [TextBlock(text="so"), ToolCallBlock(tool_call_id="c", tool_name="f", tool_kwargs="")]
    assert read(items).messages == [message]


def test_a_run_that_breaks_off_leaves_a_message_that_is_not_complete() -> None:
    items = [AgentInput(input=[], current_agent_name="a"), stream("so ", "so "), stream("far", "so far")]
    projection = read(items)
    assert projection.messages == [ChatMessage("so far", role="assistant")]
    assert not projection.is_complete("id-m1")


def test_what_comes_after_a_tools_result_is_another_message_even_without_an_input() -> None:
    output = ToolOutput(tool_name="f", content="blue", raw_input={}, raw_output=None)
    result = ToolCallResult(tool_name="f", tool_kwargs={}, tool_id="c", tool_output=output, return_direct=False)
    projection = read([stream("Let me look", "Let me look"), result, stream("Blue", "Blue")])
    assert [message.content for message in projection.messages] == ["Let me look", "blue", "Blue"]


def test_agents_that_speak_at_once_do_not_mix() -> None:
    def of(agent: str, *words: str) -> list[Any]:
        said = [
            AgentStream(delta=word, response="".join(words[: number + 1]), current_agent_name=agent)
            for number, word in enumerate(words)
        ]
        output = AgentOutput(response=ChatMessage("".join(words), role="assistant"), current_agent_name=agent)
        return [AgentInput(input=[], current_agent_name=agent), *said, output]

    items = [item for pair in zip(of("a", "one ", "two"), of("b", "eins ", "zwei"), strict=True) for item in pair]
    assert [message.content for message in read(items).messages] == ["one two", "eins zwei"]


def test_a_stop_event_does_not_repeat_the_output_but_says_what_that_lacked() -> None:
    output = AgentOutput(response=ChatMessage("so", role="assistant"), current_agent_name="a")
    assert len(read([stream("so", "so"), output, StopEvent(result=output)]).messages) == 1
    assert read([StopEvent(result=output)]).messages == [output.response]
    cut = AgentOutput(response=ChatMessage("Answer: so", role="assistant"), current_agent_name="a")
    assert read([cut, StopEvent(result=output)]).messages == [output.response]


@pytest.mark.parametrize("agent", [FunctionAgent, ReActAgent], ids=lambda cls: cls.__name__)
async def test_the_conversation_so_far_is_accepted_for_the_next_turn(agent: type[BaseWorkflowAgent]) -> None:
    first: Any = ScriptedLLM(CALL, ANSWER)
    if agent is ReActAgent:
        first = CompletionLLM(
            'Thought: x\nAction: weather\nAction Input: {"city": "Lisbon"}', "Thought: I can answer.\nAnswer: sunny"
        )
    events, _ = await run(agent(name="a", tools=[weather], llm=first), user_msg="Lisbon?")
    history = as_history([ChatMessage("Lisbon?"), *read(events).messages])
    second: Any = (
        ScriptedLLM(ANSWER) if agent is FunctionAgent else CompletionLLM("Thought: I can answer.\nAnswer: yes")
    )
    events, result = await run(agent(name="a", tools=[weather], llm=second), user_msg="Sure?", chat_history=history)
    assert read(events).messages[-1] == result.response
    if isinstance(second, ScriptedLLM):
        assert second.requests[0] == [*history, ChatMessage("Sure?")]
        assert isinstance(history[1].blocks[0], ThinkingBlock)
