"""The tables know what the installed LangChain has: each of its messages, events and deltas is carried or left out."""

from __future__ import annotations

import typing
from typing import Any

import langchain_core.messages as messages_module
from langchain_core.messages import AnyMessage, BaseMessage, BaseMessageChunk
from langchain_protocol import protocol
from langgraph.types import StreamMode

from ai_transport_codecs.codec.contract import API_VERSION
from ai_transport_codecs.codec.registry import get_codec
from ai_transport_codecs.codecs.langchain import CODEC
from ai_transport_codecs.codecs.langchain.blocks import BLOCK_EVENTS, DELTAS
from ai_transport_codecs.codecs.langchain.messages import CLASSES
from ai_transport_codecs.codecs.langchain.translator import GRAPH_MODES


def test_every_message_class_has_a_type_on_the_wire() -> None:
    union, _ = typing.get_args(AnyMessage)
    classes = {typing.get_args(member)[0] for member in typing.get_args(union)}
    assert classes == {cls for pair in CLASSES.values() for cls in pair}
    exported = {
        value for value in vars(messages_module).values() if isinstance(value, type) and issubclass(value, BaseMessage)
    }
    left_out = exported - classes - {BaseMessage, BaseMessageChunk}
    assert {cls.__name__ for cls in left_out} <= {"RemoveMessage", "NotificationMessage", "NotificationMessageChunk"}


def literals(union: Any, key: str) -> set[str]:
    return {typing.get_args(typing.get_type_hints(member)[key])[0] for member in typing.get_args(union)}


def test_every_event_of_a_message_is_known() -> None:
    assert literals(protocol.MessagesData, "event") == BLOCK_EVENTS


def test_every_delta_of_a_block_is_known() -> None:
    assert literals(protocol.ContentBlockDelta, "type") == {*DELTAS, "block-delta"}


def test_every_mode_of_a_graph_is_known() -> None:
    assert set(typing.get_args(StreamMode)) <= GRAPH_MODES


def test_the_codec_is_found_by_its_name() -> None:
    codec = get_codec("langchain")
    assert codec is CODEC
    assert (codec.name, codec.api_version, codec.adapter_tag) == ("langchain", API_VERSION, "langchain")
