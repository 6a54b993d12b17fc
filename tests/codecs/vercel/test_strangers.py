"""What a stranger writes on an open stream is not taken for something else."""

from __future__ import annotations

from ai_transport_codecs.codec.contract import FoldMeta
from ai_transport_codecs.codecs.vercel import CODEC
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.messages import InboundMessage


def delivery(action: str, version: str, name: str | None, data: str) -> InboundMessage:
    transport = {"stream": "true", "status": "streaming", "stream-id": "t", "codec-message-id": "A"}
    extras = {"ai": {"transport": transport, "codec": {"kind": "text", "id": "t"}}}
    return InboundMessage(action, "1", version, 0, name, data, extras)


def test_an_update_under_the_name_of_inputs_breaks_no_fold() -> None:
    decoder, projection = CODEC.create_decoder(), CODEC.init()
    for message in (
        delivery(names.CREATE, "1", names.OUTPUT, ""),
        delivery(names.UPDATE, "2", names.INPUT, "forged"),
        delivery(names.APPEND, "3", None, " and on"),
    ):
        decoded = decoder.decode(message)
        for event in decoded.inputs:
            projection = CODEC.fold_input(projection, event, FoldMeta("1", "A"))
        for event in decoded.outputs:
            projection = CODEC.fold_output(projection, event, FoldMeta("1", "A"))
    [entry] = CODEC.get_messages(projection)
    assert entry.message["parts"][-1]["type"] == "text"
