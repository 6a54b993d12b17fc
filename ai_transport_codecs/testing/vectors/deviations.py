"""Where this implementation deliberately differs from the reference, and what is checked instead.

First, the repair of failed appends. The reference leaves a failed append until the stream (or any sibling)
closes, then states the whole text with status ``complete``: live readers, who saw the stream close before, drop it, and
a sibling that is still open is closed for them. The outbox states the whole text at once, with the stream going on,
before anything more of it, and a close that was lost is restated with its closing headers. So the writes of a vector in
which an append or an update fails differ, and with them the deliveries recorded from those writes.

For such vectors, instead of equal writes: no operation fails that did not fail in the reference; every stream ends
with exactly the text and the last status that the source gave it; and a reader that was live all along ends with the
same messages as one that reads history (unless closing a stream moved it to another message, codec spec h, H7).

Second, the steps that a reader makes up when it joins late. When the history before comes in, the reference shows such
a step beside the real one (codec spec h, H5); here the real one takes its place. So for such vectors, instead of the
recorded messages after folding anew: they are those of a reader that read everything in order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ai_transport_codecs.codec.contract import Codec
from ai_transport_codecs.errors import ErrorCode
from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.headers import codec_headers, transport_headers
from ai_transport_codecs.wire.messages import InboundMessage
from ai_transport_codecs.wire.text import join_surrogates

from .comparing import difference
from .decoding import CodecReplay, inbound_message

Json = Mapping[str, Any]

_STEP: Final = "start-step"

REPAIR: Final = (
    "enc-append-failure-recovered-on-close",
    "enc-close-flushes-open-stream",
    "enc-flush-reentrancy",
    "enc-hook-start-mutation-persists",
    "enc-recovery-failure",
    "enc-recovery-failure-many",
    "enc-recovery-keeps-write-headers",
    "enc-recovery-open-sibling",
    "enc-tool-close-recovery-failure",
    "resp-dec-recovery-history",
    "resp-dec-recovery-live",
    "resp-dec-recovery-replacement",
    "uni-surrogates-split",
)
"""The public vectors it concerns; the rule holds for any vector in which an append or an update fails."""

JOINS: Final = ("ui-dec-late-older-page",)
"""The public vectors that the second deviation concerns; its rule, too, holds for any."""


def concerns_join(vector: Json) -> bool:
    """Whether a reader makes up a step in it, and folds anew once it has the real one."""
    if "messages_refold" not in vector:
        return False
    starts = [
        codec_headers(message.get("extras")).get(h.KIND) == _STEP
        for message, events in zip(vector["inbound"], vector["decoded"], strict=True)
        if any(event["event"].get("type") == _STEP for event in events)
    ]
    return True in starts and False in starts


def join_difference(vector: Json, refolded: Sequence[Json], codec: Codec[Any, Any, Any, Any]) -> str | None:
    """How the messages folded anew differ from those of a reader that read the same in order, or None."""
    reader = CodecReplay(codec)
    for message in sorted(vector["inbound"], key=lambda message: message.get("serial") or ""):
        reader.deliver(inbound_message(message))
    return difference(reader.messages(), refolded, "messages_refold")


def concerns_repair(vector: Json) -> bool:
    """Whether the vector makes an append or an update fail."""
    script = vector.get("writer") or {}
    return bool(script.get("fail_append") or script.get("fail_update"))


def repair_difference(
    vector: Json, writes: Sequence[Json], results: Sequence[Json], codec: Codec[Any, Any, Any, Any] | None
) -> str | None:
    """How our handling of the failures breaks the rule above, or None."""
    codes = [expected.get("error", {}).get("code") for expected in vector["results"]]
    if not any(write["op"] == "update" for write in vector["writes"]):
        codes.append(ErrorCode.ENCODER_RECOVERY_FAILED)  # the reference stops before it would try to repair anything
    for index, actual in enumerate(results):
        # The outbox repairs at once, so what cannot be repaired is told no later than the reference tells it.
        if "error" in actual and actual["error"].get("code") not in codes[index:]:
            return f"result[{index}]: {actual!r}, expected {vector['results'][index]!r}"
    lost = any(result.get("error", {}).get("code") == ErrorCode.ENCODER_RECOVERY_FAILED for result in results)
    # Serials count successful writes, of which a repair is one: only the order of the streams is the same.
    intended, stored = _intended(vector["writes"]), _stored(writes)
    if len(stored) != len(intended):
        return f"{len(stored)} streams were opened, expected {len(intended)}"
    for number, ((text, status), found) in enumerate(zip(intended, stored, strict=True)):
        if not lost and found != (join_surrogates(text), status):
            return f"stream {number} ends as {found!r}, expected {(text, status)!r}"
    if codec is None or lost or _moves_messages(vector["writes"]):
        return None
    return _reader_difference(writes, codec)


def _moves_messages(writes: Sequence[Json]) -> bool:
    """Whether a stream has another ``codec-message-id`` when it ends: live readers keep the first one they saw."""
    message_ids: dict[str, set[Any]] = {}
    for write in writes:
        if write["op"] == "publish":
            serials, messages = write.get("result", {}).get("serials", ()), write["messages"]
        else:
            serials, messages = (write["message"]["serial"],), (write["message"],)
        for serial, message in zip(serials, messages, strict=False):
            message_ids.setdefault(serial, set()).add(transport_headers(message["extras"]).get(h.MESSAGE_ID))
    return any(len(found) > 1 for found in message_ids.values())


def _intended(writes: Sequence[Json]) -> list[tuple[str, str]]:
    """Per stream of the reference: all text handed to it, and the status of its last append, failed or not."""
    streams: dict[str, tuple[str, str]] = {}
    for write in writes:
        if write["op"] == "publish":
            streams |= _opened(write)
        elif write["op"] == "append":
            message = write["message"]
            text, _ = streams[message["serial"]]
            status = transport_headers(message["extras"]).get(h.STATUS, "")
            streams[message["serial"]] = (text + message["data"], status)
    return list(streams.values())


def _stored(writes: Sequence[Json]) -> list[tuple[str, str]]:
    """Per stream of ours: what the channel holds in the end."""
    streams: dict[str, tuple[str, str]] = {}
    for write in writes:
        if "error" in write:
            continue
        if write["op"] == "publish":
            streams |= _opened(write)
            continue
        message = write["message"]
        before = streams[message["serial"]][0] if write["op"] == "append" else ""
        status = transport_headers(message["extras"]).get(h.STATUS, "")
        streams[message["serial"]] = (join_surrogates(before + message["data"]), status)
    return list(streams.values())


def _opened(publish: Json) -> dict[str, tuple[str, str]]:
    """The streams that a publish opened, with their first text and status."""
    if "error" in publish:
        return {}
    opened = {}
    for serial, message in zip(publish["result"]["serials"], publish["messages"], strict=False):
        headers = transport_headers(message["extras"])
        if headers.get(h.STREAM) == "true":
            opened[serial] = (message["data"], headers.get(h.STATUS, ""))
    return opened


def _reader_difference(writes: Sequence[Json], codec: Codec[Any, Any, Any, Any]) -> str | None:
    live, history = CodecReplay(codec), CodecReplay(codec)
    latest: dict[str, InboundMessage] = {}
    for write in writes:
        if "error" in write:
            continue
        for message in _deliveries(write, latest):
            live.deliver(message)
    for message in latest.values():
        history.deliver(message)
    return difference(history.messages(), live.messages(), "live reader against history: messages")


def _deliveries(write: Json, latest: dict[str, InboundMessage]) -> list[InboundMessage]:
    """What a live reader gets of one write; ``latest`` becomes what history holds after it."""
    if write["op"] == "publish":
        created = [
            InboundMessage(names.CREATE, serial, serial, 0, message["name"], message["data"], message["extras"])
            for serial, message in zip(write["result"]["serials"], write["messages"], strict=False)
        ]
        latest.update({message.serial or "": message for message in created})
        return created
    message, version = write["message"], write["result"]["versionSerial"]
    before = latest[message["serial"]]
    is_append = write["op"] == "append"
    data = before.data + message["data"] if is_append else message["data"]
    whole = before._replace(action=names.UPDATE, version=version, data=data, extras=message["extras"])
    latest[message["serial"]] = whole
    if is_append:
        return [whole._replace(action=names.APPEND, name=None, data=message["data"])]
    return [whole]
