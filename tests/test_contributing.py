"""The codec that CONTRIBUTING.md shows is a codec."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from ai_transport_codecs import get_codec, register_codec
from ai_transport_codecs.codec.contract import FoldMeta
from ai_transport_codecs.codec.operations import Append, Close, Operation, Publish, Start
from ai_transport_codecs.codec.registry import unregister_codec
from ai_transport_codecs.wire.messages import InboundMessage
from tests.source_tree import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.fixture
def codec() -> Iterator[Any]:
    (source,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    namespace: dict[str, Any] = {}
    exec(compile(source, "CONTRIBUTING.md", "exec"), namespace)  # noqa: S102 - running the page is the test
    register_codec("acme-chat", namespace["CODEC"])
    yield get_codec("acme-chat")
    unregister_codec("acme-chat")


def delivered(operation: Operation, serial: str, version: str) -> InboundMessage:
    """What a reader of the channel gets for one operation of the encoder."""
    if isinstance(operation, Start | Publish):
        message = operation.message
        if isinstance(operation, Start):
            operation.stream.serial = serial
        return InboundMessage("message.create", serial, version, 0, message.name, message.data, message.extras)
    assert isinstance(operation, Append | Close)
    stream = operation.stream
    mutation = (
        stream.append(operation.data)
        if isinstance(operation, Append)
        else stream.close(operation.data, operation.transport, operation.codec)
    )
    return InboundMessage("message.append", serial, version, 0, None, mutation.data, mutation.extras)


def test_the_example_streams_an_answer_that_every_reader_reads(codec: Any) -> None:
    events = [
        {"type": "text-start", "id": "t1"},
        {"type": "text-delta", "id": "t1", "delta": "Lis"},
        {"type": "ping"},
        {"type": "text-delta", "id": "t1", "delta": "bon"},
        {"type": "text-end", "id": "t1"},
    ]
    encoder, decoder, projection = codec.create_encoder(), codec.create_decoder(), codec.init()
    operations = [operation for event in events for operation in encoder.encode_output(event)]
    for number, operation in enumerate(operations):
        for event in decoder.decode(delivered(operation, "s1", f"s1@{number}")).outputs:
            codec.fold_output(projection, event, FoldMeta("s1", "m1"))
    assert len(operations) == 4
    assert [(each.id, each.message) for each in codec.get_messages(projection)] == [("m1", "Lisbon")]


def test_the_example_carries_what_a_user_says(codec: Any) -> None:
    decoder, projection = codec.create_decoder(), codec.init()
    (operation,) = codec.create_encoder().encode_input(codec.to_input("Where to?"))
    for event in decoder.decode(delivered(operation, "s1", "s1")).inputs:
        codec.fold_input(projection, event, FoldMeta("s1", "m1"))
    assert [each.message for each in codec.get_messages(projection)] == ["Where to?"]


def test_the_page_names_what_exists() -> None:
    for path in re.findall(r"`((?:tests|ai_transport_codecs|\.ci)/[\w./]+)`", PAGE):
        assert (ROOT / path).exists(), path
    tox = (ROOT / "tox.ini").read_text(encoding="utf-8")
    for environment in re.findall(r"`tox run -e (\w+)`", PAGE):
        assert f"[testenv:{environment}]" in tox, environment
