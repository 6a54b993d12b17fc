"""A channel writer that behaves as a vector prescribes and records what it was asked."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from ai_transport_codecs.errors import ChannelError
from ai_transport_codecs.wire.absent import ABSENT
from ai_transport_codecs.wire.messages import OutboundMessage, OutboundMutation

_EPOCH_MS = 1_700_000_000_000
_DEFAULT_ERROR: Mapping[str, Any] = {"code": 50000, "statusCode": 500}


class RecordingWriter:
    """Serials count successful writes; the n-th publish, append or update fails where the vector says so."""

    max_message_size = 2**31

    def __init__(self, script: Mapping[str, Any]) -> None:
        self._script = script
        self._calls = {"publish": 0, "append": 0, "update": 0}
        self._clock = 0
        self.writes: list[dict[str, Any]] = []

    async def publish(self, messages: OutboundMessage | Sequence[OutboundMessage]) -> list[str | None]:
        """Record a publish of one message or of a batch."""
        batch = not isinstance(messages, OutboundMessage)
        listed = [messages] if isinstance(messages, OutboundMessage) else list(messages)
        plain = [
            {"name": item.name} | ({} if item.data is ABSENT else {"data": item.data}) | {"extras": item.extras}
            for item in listed
        ]
        write = self._begin("publish", {"op": "publish", "batch": batch, "messages": plain})
        serials: list[str | None] = []
        if self._calls["publish"] not in self._script.get("no_serial_on_publish", ()):
            self._clock += 1
            serials = [self._serial(index) for index in range(len(listed))]
        write["result"] = {"serials": serials}
        return serials

    async def append(self, mutation: OutboundMutation) -> str | None:
        """Record an append."""
        return self._mutate("append", mutation)

    async def update(self, mutation: OutboundMutation) -> str | None:
        """Record an update."""
        return self._mutate("update", mutation)

    def _mutate(self, operation: str, mutation: OutboundMutation) -> str:
        message = {"serial": mutation.serial, "data": mutation.data, "extras": mutation.extras}
        write = self._begin(operation, {"op": operation, "message": message})
        self._clock += 1
        write["result"] = {"versionSerial": self._serial(0)}
        return self._serial(0)

    def _begin(self, operation: str, write: dict[str, Any]) -> dict[str, Any]:
        write = copy.deepcopy(write)
        self.writes.append(write)
        self._calls[operation] += 1
        call = self._calls[operation]
        if call in self._script.get(f"fail_{operation}", ()):
            error: Mapping[str, Any] = self._script.get("error") or {
                **_DEFAULT_ERROR,
                "message": f"simulated {operation} failure",
            }
            message = f"{error['message']} #{call}"
            write["error"] = {
                "class": "ErrorInfo", "code": error["code"], "statusCode": error["statusCode"], "message": message
            }  # fmt: skip
            raise ChannelError(message, code=error["code"], status_code=error["statusCode"])
        return write

    def _serial(self, index: int) -> str:
        return f"{_EPOCH_MS + self._clock:014d}-000@vec:{index:03d}"
