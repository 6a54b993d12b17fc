"""Earlier turns, as a model accepts them, whatever happened to them."""

from __future__ import annotations

from llama_index.core.base.llms.types import ChatMessage, TextBlock, ToolCallBlock

from ai_transport_codecs.codecs.llamaindex import as_history

USER = ChatMessage("Lisbon?")
NEXT = ChatMessage("Hello?")


def call(id_: str, kwargs: str = "{}") -> ToolCallBlock:
    return ToolCallBlock(tool_call_id=id_, tool_name="f", tool_kwargs=kwargs)


def asks(*calls: ToolCallBlock, text: str = "") -> ChatMessage:
    return ChatMessage(role="assistant", blocks=[*([TextBlock(text=text)] if text else []), *calls])


def answers(id_: str) -> ChatMessage:
    return ChatMessage("done", role="tool", additional_kwargs={"tool_call_id": id_})


def test_messages_that_are_fine_are_returned_as_they_are() -> None:
    messages = [USER, asks(call("a"), call("b")), answers("a"), answers("b"), ChatMessage("so", role="assistant"), NEXT]
    history = as_history(messages)
    assert [id(message) for message in history] == [id(message) for message in messages]


def test_calls_that_were_never_answered_are_taken_away_once_the_conversation_went_on() -> None:
    messages = [USER, asks(call("a"), call("b"), text="Let me look."), answers("a"), NEXT]
    assert as_history(messages) == [USER, asks(call("a"), text="Let me look."), answers("a"), NEXT]
    assert len(messages[1].blocks) == 3
    assert as_history(messages[:3]) == messages[:3]  # the client may still answer


def test_half_of_a_call_is_taken_away_and_a_message_of_nothing_else_is_left_out() -> None:
    assert as_history([USER, asks(call("a", '{"city'), text="Let me")]) == [USER, asks(text="Let me")]
    assert as_history([USER, asks(call("a", '{"city')), NEXT]) == [USER, NEXT]
    assert as_history([USER, asks(), NEXT]) == [USER, NEXT]


def test_calls_in_openais_own_form_are_calls_too() -> None:
    def raw(*ids: str) -> ChatMessage:
        calls = [{"id": id_, "function": {"name": "f", "arguments": "{}"}} for id_ in ids]
        return ChatMessage("x", role="assistant", additional_kwargs={"tool_calls": calls})

    assert as_history([raw("a", "b"), answers("a"), NEXT]) == [raw("a"), answers("a"), NEXT]
    assert as_history([raw("a"), NEXT]) == [ChatMessage("x", role="assistant"), NEXT]


def test_a_result_that_no_call_is_named_for_becomes_an_observation() -> None:
    said = ChatMessage("Action: f", role="assistant")
    assert as_history([USER, said, answers("a")]) == [USER, said, ChatMessage("Observation: done")]
