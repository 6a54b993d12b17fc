"""The encoder of codec spec b, written from its text and nothing else: it records vectors of random operations.

It awaits every operation, as vectors are recorded, and appends settle before the next operation.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]


class ModelError(Exception):
    """What an operation fails with, as vectors write it."""

    def __init__(self, code: int, status: int, cause: Json | None = None) -> None:
        super().__init__(code)
        self.described: Json = {"class": "ErrorInfo", "code": code, "statusCode": status, "message": ""}
        if cause is not None:
            self.described["cause"] = cause


class _Stream:
    def __init__(self, serial: str, transport: Json, codec: Json, text: str) -> None:
        self.serial = serial
        self.transport = transport
        self.codec = codec
        self.text = text
        self.cancelled = False
        self.completed = False


class ModelEncoder:
    """One encoder core over a writer that fails where ``writer`` says."""

    def __init__(self, writer: Json) -> None:
        self._writer = writer
        self._calls = {"publish": 0, "append": 0, "update": 0}
        self._clock = 0
        self.writes: list[Json] = []
        self._open({})

    def run(self, operation: Json) -> Json:
        """The result of one operation, as a vector writes it."""
        acts: dict[str, Callable[[Json], None]] = {
            "encoderCore": lambda op: self._open(op.get("options") or {}),
            "startStream": self._start,
            "appendStream": self._append,
            "closeStream": self._close_stream,
            "cancelAllStreams": self._cancel,
            "publishDiscrete": lambda op: self._discrete([op["payload"]], op, batch=False),
            "publishDiscreteBatch": lambda op: self._discrete(op["payloads"], op, batch=True),
            "close": self._close,
        }
        try:
            acts[operation["op"]](operation)
        except ModelError as error:
            return {"error": error.described}
        return {"ok": True}

    def _open(self, options: Json) -> None:
        self._defaults: Json = (options.get("extras") or {}).get("headers") or {}
        self._hook = options.get("hook")
        self._hooked = 0
        self._streams: dict[str, _Stream] = {}
        self._pending: list[tuple[str, Json | None]] = []
        self._closed = False

    def _check(self) -> None:
        if self._closed:
            raise ModelError(104004, 400)

    def _caller(self, options: Json | None) -> Json:
        return self._defaults | (((options or {}).get("extras") or {}).get("headers") or {})

    def _transport(self, payload: Json, options: Json | None) -> Json:
        built = self._caller(options) | (payload.get("transportHeaders") or {})
        if options is not None and "messageId" in options:
            built["codec-message-id"] = options["messageId"]
        return built

    def _stamp(self, message: Json) -> Json:
        if self._hook is not None:
            self._hooked += 1
            if self._hooked not in self._hook.get("throw_on", ()):
                ai = message["extras"]["ai"]
                ai["transport"].update(self._hook.get("set_transport", {}))
                if "codec" in ai:
                    ai["codec"].update(self._hook.get("set_codec", {}))
                if "counter" in self._hook:
                    ai["transport"][f"{self._hook['counter']}{self._hooked}"] = str(self._hooked)
        return message

    def _discrete(self, payloads: list[Json], operation: Json, *, batch: bool) -> None:
        self._check()
        messages = []
        for payload in payloads:
            transport = self._transport(payload, operation.get("options")) | {"stream": "false"}
            if batch:
                transport["discrete"] = "true"
            extras = _extras(transport, dict(payload.get("codecHeaders") or {}))
            if payload.get("ephemeral"):
                extras["ephemeral"] = True
            messages.append(self._stamp({"name": payload["name"], "data": payload["data"], "extras": extras}))
        self._publish(messages, batch=batch)

    def _start(self, operation: Json) -> None:
        self._check()
        payload, id_ = operation["payload"], operation["streamId"]
        transport = self._transport(payload, operation.get("options"))
        transport |= {"stream": "true", "status": "streaming", "stream-id": id_}
        codec = dict(payload.get("codecHeaders") or {})
        message = self._stamp({"name": payload["name"], "data": payload["data"], "extras": _extras(transport, codec)})
        serials = self._publish([message], batch=False)
        if not serials:
            raise ModelError(50000, 500)
        self._streams[id_] = _Stream(serials[0], transport, codec, payload["data"])

    def _append(self, operation: Json) -> None:
        self._check()
        stream = self._stream(operation["streamId"])
        stream.text += operation["data"]
        message = _mutation(stream, operation["data"], dict(stream.transport), dict(stream.codec))
        self._queue(operation["streamId"], self._stamp(message))

    def _close_stream(self, operation: Json) -> None:
        self._check()
        stream, payload = self._stream(operation["streamId"]), operation["payload"]
        stream.text += payload["data"]
        stream.completed = True
        transport = stream.transport | self._defaults | (payload.get("transportHeaders") or {})
        transport["status"] = "complete"
        codec = stream.codec | (payload.get("codecHeaders") or {})
        self._queue(operation["streamId"], self._stamp(_mutation(stream, payload["data"], transport, codec)))
        self._flush()

    def _cancel(self, operation: Json) -> None:
        self._check()
        for id_, stream in self._streams.items():
            if not stream.cancelled and not stream.completed:
                stream.cancelled = True
                transport = stream.transport | self._caller(operation.get("options")) | {"status": "cancelled"}
                self._queue(id_, self._stamp(_mutation(stream, "", transport, dict(stream.codec))))
        self._flush()

    def _close(self, _: Json) -> None:
        if not self._closed:
            self._closed = True
            try:
                self._flush()
            finally:
                self._streams.clear()

    def _stream(self, id_: str) -> _Stream:
        if id_ not in self._streams:
            raise ModelError(40003, 400)
        return self._streams[id_]

    def _queue(self, id_: str, message: Json) -> None:
        write = self._write("append", {"op": "append", "message": message})
        self._pending.append((id_, write.get("error")))

    def _flush(self) -> None:
        pending, self._pending = self._pending, []
        failed = {id_: error for id_, error in reversed(pending) if error is not None}
        ids = [id_ for id_ in dict.fromkeys(id_ for id_, error in pending if error is not None) if id_ in failed]
        causes = []
        for id_ in ids:
            stream = self._streams.get(id_)
            if stream is None:
                continue
            transport = stream.transport | {"status": "cancelled" if stream.cancelled else "complete"}
            message = _mutation(stream, stream.text, transport, dict(stream.codec))
            error = self._write("update", {"op": "update", "message": message}).get("error")
            if error is not None:
                causes.append(error)
        if causes:
            raise ModelError(104000, 500, causes[0])

    def _publish(self, messages: list[Json], *, batch: bool) -> list[str]:
        count = len(messages)
        write = self._write("publish", {"op": "publish", "batch": batch, "messages": messages}, count)
        if "error" in write:
            raise ModelError(write["error"]["code"], write["error"]["statusCode"])
        serials: list[str] = write["result"]["serials"]
        return serials

    def _write(self, kind: str, write: Json, count: int = 1) -> Json:
        write = copy.deepcopy(write)
        self.writes.append(write)
        self._calls[kind] += 1
        call = self._calls[kind]
        if call in self._writer.get(f"fail_{kind}", ()):
            base = self._writer.get("error") or {
                "code": 50000,
                "statusCode": 500,
                "message": f"simulated {kind} failure",
            }
            write["error"] = {"class": "ErrorInfo", **base, "message": f"{base['message']} #{call}"}
        elif kind == "publish" and call in self._writer.get("no_serial_on_publish", ()):
            write["result"] = {"serials": []}
        else:
            self._clock += 1
            stamp = f"{1_700_000_000_000 + self._clock:014d}-000@vec:"
            serials = [f"{stamp}{index:03d}" for index in range(count)]
            write["result"] = {"serials": serials} if kind == "publish" else {"versionSerial": f"{stamp}000"}
        return write


def _extras(transport: Json, codec: Json) -> Json:
    return {"ai": {"transport": transport} | ({"codec": codec} if codec else {})}


def _mutation(stream: _Stream, data: str, transport: Json, codec: Json) -> Json:
    return {"serial": stream.serial, "data": data, "extras": _extras(transport, codec)}


def recorded(events: list[Json], writer: Json) -> Json:
    """A vector of these operations, as the reference would have recorded it."""
    model = ModelEncoder(writer)
    results = [model.run(operation) for operation in events]
    return {
        "name": "model",
        "category": "model",
        "description": "",
        "codec": "core",
        "direction": "output",
        "events": events,
        "results": results,
        "writer": writer,
        "writes": model.writes,
        "inbound": [],
        "decoded": [],
        "messages_after": [],
        "snapshot": "none",
    }
