"""Writes a channel's conversation by hand, as an agent and its clients would, and plays it back in any way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ai_transport_codecs.wire.messages import InboundMessage


def serial_of(number: int) -> str:
    """The serial of the channel's ``number``-th operation."""
    return f"{number:08d}@toy"


class Script:
    """A channel's operations so far. ``deliveries`` is what a client sees that was there from the beginning."""

    def __init__(self, *, clock: int = 0) -> None:
        self.deliveries: list[InboundMessage] = []
        self._clock = clock

    # --- any message

    def publish(
        self, name: str | None, data: Any, transport: dict[str, str], codec: dict[str, str] | None = None
    ) -> InboundMessage:
        self._clock += 1
        ai: dict[str, Any] = {"transport": {key.replace("_", "-"): value for key, value in transport.items()}}
        if codec:
            ai["codec"] = codec
        serial = serial_of(self._clock)
        message = InboundMessage("message.create", serial, serial, self._clock, name, data, {"ai": ai}, "somebody")
        self.deliveries.append(message)
        return message

    def mutate(
        self, message: InboundMessage, action: str, data: Any, extras: Any = None, **transport: str
    ) -> InboundMessage:
        self._clock += 1
        extras = message.extras if extras is None else extras
        changed = {key.replace("_", "-"): value for key, value in transport.items()}
        if changed:
            ai = extras["ai"]
            extras = {"ai": {**ai, "transport": {**ai["transport"], **changed}}}
        name = None if action == "message.append" else message.name
        delivery = message._replace(action=action, version=serial_of(self._clock), name=name, data=data, extras=extras)
        self.deliveries.append(delivery)
        return delivery

    def delete(self, message: InboundMessage) -> InboundMessage:
        return self.mutate(message, "message.delete", message.data)

    # --- clients

    def say(self, message_id: str, *texts: str, **headers: str) -> list[InboundMessage]:
        """A user message, one channel message per part."""
        transport = {
            "role": "user",
            "codec-message-id": message_id,
            "event-id": f"event-{message_id}",
            "run-client-id": "user-1",
            "stream": "false",
            "discrete": "true",
            **headers,
        }
        codec = {"kind": "user-message", "partType": "text"}
        return [self.publish("ai-input", text, transport, codec) for text in texts]

    def tool_result(self, message_id: str, output: str, role: str = "user", **headers: str) -> InboundMessage:
        transport = {"role": role, "codec-message-id": message_id, "event-id": f"event-{output}", "stream": "false"}
        return self.publish("ai-input", output, transport | headers, {"kind": "tool-result"})

    def regenerate(self, message_id: str, target: str, parent: str) -> InboundMessage:
        transport = {
            "role": "user",
            "codec-message-id": message_id,
            "event-id": f"event-{message_id}",
            "parent": parent,
            "msg-regenerate": target,
            "stream": "false",
        }
        return self.publish("ai-input", "", transport, {"kind": "regenerate"})

    def cancel(self, **headers: str) -> InboundMessage:
        return self.publish("ai-cancel", None, {"event-id": "cancel", **headers})

    # --- agents

    def lifecycle(self, name: str, run_id: str, **headers: str) -> InboundMessage:
        """``run_start``, ``step_end`` and so on."""
        transport = {"run-id": run_id, "invocation-id": "i1", "run-client-id": "user-1", **headers}
        return self.publish(f"ai-{name.replace('_', '-')}", None, transport)

    def turn(self, run_id: str, answers: str, **headers: str) -> Turn:
        """A run that answers the message ``answers``, started."""
        start = {"parent": answers, "input_codec_message_id": answers, **headers}
        self.lifecycle("run_start", run_id, **start)
        return Turn(self, run_id, start)


class Turn:
    """One run's writer."""

    def __init__(self, script: Script, run_id: str, headers: dict[str, str]) -> None:
        self.script = script
        self.run_id = run_id
        self.headers = headers
        self.invocation = "i1"

    def step(self, step_id: str) -> str:
        """Start an attempt of a step; what follows belongs to it."""
        started = self.script.lifecycle("step_start", self.run_id, step_id=step_id, invocation_id=self.invocation)
        self.headers = {**self.headers, "step_id": step_id, "step_start_serial": started.serial or ""}
        return started.serial or ""

    def end_step(self, reason: str = "complete") -> None:
        step = {key: self.headers[key] for key in ("step_id", "step_start_serial")}
        self.script.lifecycle("step_end", self.run_id, **step, step_reason=reason)
        self.headers = {key: value for key, value in self.headers.items() if key not in step}

    def _output(self, message_id: str, data: Any, codec: dict[str, str], **more: str) -> InboundMessage:
        transport = {
            "role": "assistant",
            "codec-message-id": message_id,
            "run-id": self.run_id,
            "run-client-id": "user-1",
            "invocation-id": self.invocation,
            "stream": "false",
            **self.headers,
            **more,
        }
        return self.script.publish("ai-output", data, transport, codec)

    def note(self, message_id: str, text: str, kind: str = "note") -> InboundMessage:
        return self._output(message_id, text, {"kind": kind})

    def open(self, message_id: str, part_id: str = "t") -> TextStream:
        more = {"stream": "true", "status": "streaming", "stream-id": part_id}
        return TextStream(self.script, self._output(message_id, "", {"kind": "text", "id": part_id}, **more))

    def text(self, message_id: str, *pieces: str, part_id: str = "t") -> TextStream:
        """A whole streamed text."""
        stream = self.open(message_id, part_id)
        for piece in pieces:
            stream.append(piece)
        stream.close()
        return stream

    def suspend(self) -> None:
        self.script.lifecycle("run_suspend", self.run_id, invocation_id=self.invocation)

    def resume(self, invocation: str, input_id: str) -> None:
        self.invocation = invocation
        headers = {"invocation_id": invocation, "input_codec_message_id": input_id}
        self.script.lifecycle("run_resume", self.run_id, **headers)
        self.headers = {**self.headers, "parent": input_id, "input_codec_message_id": input_id}

    def end(self, reason: str = "complete", **headers: str) -> InboundMessage:
        return self.script.lifecycle(
            "run_end", self.run_id, run_reason=reason, invocation_id=self.invocation, **headers
        )


class TextStream:
    """One streamed message being written."""

    def __init__(self, script: Script, created: InboundMessage) -> None:
        self.script = script
        self.created = created
        self.written = ""

    @property
    def serial(self) -> str:
        return self.created.serial or ""

    def append(self, text: str) -> InboundMessage:
        self.written += text
        return self.script.mutate(self.created, "message.append", text)

    def replace(self, text: str) -> InboundMessage:
        """An update that repairs the text, with the stream going on."""
        self.written = text
        return self.script.mutate(self.created, "message.update", text)

    def close(self, status: str = "complete", text: str = "") -> InboundMessage:
        self.written += text
        return self.script.mutate(self.created, "message.append", text, status=status)


# --- playback


def as_history(deliveries: list[InboundMessage]) -> list[InboundMessage]:
    """The messages as history holds them, oldest first: each once, in its latest version, with all its data."""
    latest: dict[str, InboundMessage] = {}
    for delivery in deliveries:
        latest[delivery.serial or ""] = _accumulated(latest.get(delivery.serial or ""), delivery)
    return sorted(latest.values(), key=lambda message: message.serial or "")


def _accumulated(before: InboundMessage | None, delivery: InboundMessage) -> InboundMessage:
    if before is None or delivery.action == "message.delete":
        return delivery
    data = before.data + delivery.data if delivery.action == "message.append" else delivery.data
    return before._replace(action="message.update", version=delivery.version, data=data, extras=delivery.extras)


def joined_at(deliveries: list[InboundMessage], position: int) -> Iterator[InboundMessage]:
    """What a client sees that attaches after ``position`` deliveries: its first sight of a message is a full one."""
    seen: set[str] = set()
    for count, delivery in enumerate(deliveries[position:], position + 1):
        serial = delivery.serial or ""
        if delivery.action == "message.append" and serial not in seen:
            history = as_history(deliveries[:count])
            yield next(message for message in history if message.serial == serial)
        else:
            yield delivery
        seen.add(serial)


def pages(messages: list[InboundMessage], size: Callable[[], int]) -> Iterator[list[InboundMessage]]:
    """History pages, newest page first, each oldest message first; ``size`` is asked for each page."""
    end = len(messages)
    while end > 0:
        begin = max(0, end - max(1, size()))
        yield messages[begin:end]
        end = begin
