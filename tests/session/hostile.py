"""A channel on which a stranger says whatever he likes: real messages with anything in them changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Final

from ai_transport_codecs.channels.protocol import (
    Channel,
    ChannelProvider,
    ChannelState,
    HistoryPage,
    MessageListener,
    Presence,
    StateListener,
    Unsubscribe,
)
from ai_transport_codecs.wire.messages import InboundMessage, OutboundMessage, OutboundMutation

JUNK: Final[tuple[Any, ...]] = (
    *(None, "", "true", "\ud800", "\x00", "99999999999999999999", 0, -1, 10**30, 1.5, float("nan"), True, b"bytes"),
    *([], ["a", {}], {}, {"transport": []}, {"transport": {"run-id": 7}, "codec": "x"}, [[[[[[]]]]]]),
    *("[" * 5_000, '{"a":' * 500, "x" * 70_000, "null", "{", "[1]", '{"type":"text"}', object()),
)
ACTIONS: Final = ("message.create", "message.update", "message.append", "message.delete", "meta", "message.summary")
NAMES: Final = ("ai-input", "ai-output", "ai-run-start", "ai-run-end", "ai-run-suspend", "ai-run-resume")
MORE_NAMES: Final = ("ai-step-start", "ai-step-end", "ai-cancel", "somebody-elses", None)
HEADERS: Final = (
    *("run-id", "step-id", "step-start-serial", "parent", "fork-of", "msg-regenerate", "supersedes", "stream"),
    *("status", "stream-id", "discrete", "role", "codec-message-id", "event-id", "invocation-id", "run-reason"),
    *("error-code", "error-message", "steer-codec-message-ids", "input-codec-message-id", "step-reason", "kind"),
)


def mutated(message: InboundMessage, random: Random) -> InboundMessage:
    """The message with one to four things wrong, anywhere in it."""
    for _ in range(random.randint(1, 4)):
        message = _mutated_once(message, random)
    return message


def _mutated_once(message: InboundMessage, random: Random) -> InboundMessage:
    match random.randrange(6):
        case 0:
            return message._replace(**{random.choice(InboundMessage._fields): random.choice(JUNK)})
        case 1:
            return message._replace(action=random.choice(ACTIONS))
        case 2:
            return message._replace(name=random.choice((*NAMES, *MORE_NAMES)))
        case 3:
            return message._replace(data=_changed(message.data, random))
        case _:
            return message._replace(extras=_changed(message.extras, random))


def _changed(value: Any, random: Random) -> Any:
    """A copy with one thing in it, however deep, replaced, left out, added or cut."""
    if isinstance(value, Mapping) and value and random.randrange(8):
        copy = dict(value)
        key = random.choice(list(copy))
        match random.randrange(8):
            case 0:
                del copy[key]
            case 1:
                copy[random.choice(HEADERS)] = random.choice(JUNK)
            case 2:
                copy[random.choice(HEADERS)] = copy[key]
            case _:
                copy[key] = _changed(copy[key], random)
        return copy
    if isinstance(value, list) and value and random.randrange(4):
        index = random.randrange(len(value))
        return [*value[:index], _changed(value[index], random), *value[index + random.randrange(3) :]]
    if isinstance(value, str) and value and random.randrange(2):
        cut = random.randrange(len(value))
        return value[:cut] + random.choice(("", "\x00", "{", '"', "é", "-1")) + value[cut + random.randrange(2) :]
    return random.choice(JUNK)


class HostileProvider:
    """A provider whose channels also deliver what is injected."""

    def __init__(self, provider: ChannelProvider) -> None:
        self._provider = provider
        self.channels: dict[str, HostileChannel] = {}

    def channel(
        self, name: str, *, params: Mapping[str, str] | None = None, modes: Sequence[str] | None = None
    ) -> Channel:
        if name not in self.channels:
            self.channels[name] = HostileChannel(self._provider.channel(name, params=params, modes=modes))
        return self.channels[name]


class HostileChannel:
    """A channel as it is, and :meth:`inject`."""

    def __init__(self, inner: Channel) -> None:
        self._inner = inner
        self._listeners: list[MessageListener] = []

    def inject(self, message: InboundMessage) -> None:
        for listener in self._listeners:
            listener(message)

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def state(self) -> ChannelState:
        return self._inner.state

    @property
    def client_id(self) -> str | None:
        return self._inner.client_id

    @property
    def max_message_size(self) -> int:
        return self._inner.max_message_size

    @property
    def presence(self) -> Presence:
        return self._inner.presence

    async def attach(self) -> None:
        await self._inner.attach()

    async def detach(self) -> None:
        await self._inner.detach()

    def subscribe(self, listener: MessageListener) -> Unsubscribe:
        self._listeners.append(listener)
        unsubscribe = self._inner.subscribe(listener)

        def forget() -> None:
            self._listeners.remove(listener)
            unsubscribe()

        return forget

    def on_state_change(self, listener: StateListener) -> Unsubscribe:
        return self._inner.on_state_change(listener)

    async def publish(self, messages: OutboundMessage | Sequence[OutboundMessage]) -> list[str | None]:
        return await self._inner.publish(messages)

    async def append(self, mutation: OutboundMutation) -> str | None:
        return await self._inner.append(mutation)

    async def update(self, mutation: OutboundMutation) -> str | None:
        return await self._inner.update(mutation)

    async def delete(self, serial: str) -> str | None:
        return await self._inner.delete(serial)

    async def history(self, *, limit: int = 100, until_attach: bool = False) -> HistoryPage:
        return await self._inner.history(limit=limit, until_attach=until_attach)
