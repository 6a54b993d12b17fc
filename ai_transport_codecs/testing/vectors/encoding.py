"""Running a vector's operations through an encoder and the outbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ai_transport_codecs.codec.contract import Codec, Encoder, EncoderOptions, MessageHook, WriteOptions
from ai_transport_codecs.codec.descriptors import Discrete
from ai_transport_codecs.codec.encoder_core import EncoderCore
from ai_transport_codecs.codec.operations import Append, Operation
from ai_transport_codecs.errors import AITransportError
from ai_transport_codecs.session.coalesce import IMMEDIATE
from ai_transport_codecs.session.outbox import Outbox
from ai_transport_codecs.session.retry import NO_RETRY
from ai_transport_codecs.wire.messages import OutboundMessage, OutboundMutation

from .definitions import codec_from_json
from .recording import RecordingWriter

Json = Mapping[str, Any]
_LOOP_TURNS = 6  # enough for an append that is not awaited to reach the writer before the next operation


class OperationRunner:
    """One vector's operations, each awaited, over one recording writer."""

    def __init__(self, codec: Codec[Any, Any, Any, Any] | None, writer: RecordingWriter) -> None:
        self._codec = codec
        self._writer = writer
        self._encoder: Encoder | None = None
        self._core = EncoderCore()
        self._is_closed = False
        self._outbox = Outbox(writer, policy=IMMEDIATE, retry=NO_RETRY)
        self._operations: Mapping[str, Callable[[Json], Sequence[Operation] | None]] = {
            "encoder": self._open_encoder,
            "encoderCore": self._open_core,
            "publishOutput": lambda op: self._open().encode_output(op["event"], _write_options(op.get("options"))),
            "publishInput": lambda op: self._open().encode_input(op["input"], _write_options(op.get("options"))),
            "cancelStreams": lambda op: self._open().cancel_streams(),
            "close": self._close,
            "startStream": lambda op: self._core.start_stream(
                op["streamId"], _payload(op["payload"]), _write_options(op.get("options"))
            ),
            "appendStream": lambda op: self._core.append_stream(op["streamId"], op["data"]),
            "closeStream": lambda op: self._core.close_stream(op["streamId"], _payload(op["payload"])),
            "cancelAllStreams": lambda op: self._core.cancel_all_streams(_write_options(op.get("options"))),
            "publishDiscrete": lambda op: self._core.publish_discrete(
                _payload(op["payload"]), _write_options(op.get("options"))
            ),
            "publishDiscreteBatch": lambda op: self._core.publish_discrete_batch(
                [_payload(payload) for payload in op["payloads"]], _write_options(op.get("options"))
            ),
            "define": self._define,
        }

    async def run(self, operation: Json) -> dict[str, Any]:
        """The result of one operation, as a vector writes it."""
        if operation["op"] == "parallel":
            return {"parallel": await self._run_together(operation["ops"])}
        if self._is_closed and operation["op"] == "close":
            return {"ok": True}  # what failed was raised by the first close (codec spec b.3.11)
        try:
            written = self._operations[operation["op"]](operation)
            if written is not None:
                self._outbox.post(written)
            if written and all(isinstance(item, Append) for item in written):
                await _loop_turns()
            else:
                await self._outbox.flush()
        except Exception as error:  # every failure is a result here
            return {"error": describe(error)}
        return {"ok": True}

    async def _run_together(self, operations: Sequence[Json]) -> list[dict[str, Any]]:
        """The results of operations none of which waits for the one before; their writes begin in their order."""
        running = []
        for operation in operations:
            running.append(asyncio.ensure_future(self.run(operation)))
            await _loop_turns()  # else the outbox publishes in one message what the reference publishes one by one
        return await asyncio.gather(*running)

    def _open(self) -> Encoder:
        if self._encoder is None:
            raise ValueError("the vector uses an encoder before it opens one")
        return self._encoder

    def _open_encoder(self, operation: Json) -> None:
        if self._codec is None:
            raise ValueError("the vector names no codec, yet opens an encoder")
        self._is_closed = False
        self._encoder = self._codec.create_encoder(_encoder_options(operation.get("options") or {}))

    def _open_core(self, operation: Json) -> None:
        self._is_closed = False
        self._encoder = None
        self._core = EncoderCore(_encoder_options(operation.get("options") or {}))

    def _close(self, _: Json) -> None:
        (self._encoder or self._core).close()
        self._is_closed = True

    @staticmethod
    def _define(operation: Json) -> None:
        codec_from_json(operation["definition"])


async def _loop_turns() -> None:
    for _ in range(_LOOP_TURNS):
        await asyncio.sleep(0)


def describe(error: BaseException) -> dict[str, Any]:
    """An error as a vector writes it."""
    if not isinstance(error, AITransportError):
        return {"class": type(error).__name__, "message": str(error)}
    described: dict[str, Any] = {
        "class": "ErrorInfo",
        "code": error.code,
        "statusCode": error.status_code,
        "message": error.message,
    }
    if isinstance(error.cause, AITransportError):
        described["cause"] = describe(error.cause)
    return described


def _headers(options: Json) -> Mapping[str, str]:
    headers: Mapping[str, str] = (options.get("extras") or {}).get("headers") or {}
    return headers


def _write_options(options: Json | None) -> WriteOptions | None:
    return None if options is None else WriteOptions(_headers(options), options.get("messageId"))


def _encoder_options(options: Json) -> EncoderOptions:
    hook = options.get("hook")
    return EncoderOptions(_headers(options), None if hook is None else _hook(hook), options.get("messageId"))


def _payload(payload: Json) -> Discrete:
    return Discrete(
        payload["name"],
        payload.get("data", ""),
        payload.get("codecHeaders"),
        payload.get("transportHeaders"),
        payload.get("ephemeral") is True,
    )


def _hook(rule: Json) -> MessageHook:
    calls = 0

    def run(message: OutboundMessage | OutboundMutation) -> None:
        nonlocal calls
        calls += 1
        if calls in rule.get("throw_on", ()):
            raise RuntimeError("the vector's hook throws here")
        ai = message.extras["ai"]
        ai["transport"].update(rule.get("set_transport", {}))
        if "codec" in ai:
            ai["codec"].update(rule.get("set_codec", {}))
        if "counter" in rule:
            ai["transport"][f"{rule['counter']}{calls}"] = str(calls)

    return run
