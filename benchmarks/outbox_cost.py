"""Messages and bytes that 1,000 tokens cost on the channel: one append per token, and coalesced as they arrive."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ai_transport_codecs.codec.contract import Codec, EncoderOptions
from ai_transport_codecs.session.coalesce import ADAPTIVE, IMMEDIATE, CoalescePolicy, fixed_window
from ai_transport_codecs.session.outbox import Outbox
from ai_transport_codecs.wire.messages import OutboundMessage, OutboundMutation
from ai_transport_codecs.wire.size import message_size

from . import sources
from .codec_cost import HEADERS

TOKENS: Final = 1_000
TOKENS_PER_SECOND: Final = 100
ACKNOWLEDGEMENT_SECONDS: Final = 0.03

POLICIES: Final[dict[str, CoalescePolicy]] = {
    "immediate": IMMEDIATE,
    "adaptive": ADAPTIVE,
    "window 100 ms": fixed_window(0.1),
}


class CountingWriter:
    """A channel that acknowledges everything after a fixed time, and counts."""

    max_message_size = 65_536

    def __init__(self) -> None:
        self.messages = self.bytes = 0
        self.opened_at: float | None = None
        self.first_append_at: float | None = None

    async def publish(self, messages: OutboundMessage | Sequence[OutboundMessage]) -> list[str | None]:
        """Acknowledge a publish."""
        listed = [messages] if isinstance(messages, OutboundMessage) else list(messages)
        for message in listed:
            self._count(message)
        await asyncio.sleep(ACKNOWLEDGEMENT_SECONDS)
        if self.opened_at is None:
            self.opened_at = asyncio.get_running_loop().time()
        return [f"s{self.messages}-{index}" for index in range(len(listed))]

    async def append(self, mutation: OutboundMutation) -> str | None:
        """Acknowledge an append."""
        if self.first_append_at is None:
            self.first_append_at = asyncio.get_running_loop().time()
        self._count(mutation)
        await asyncio.sleep(ACKNOWLEDGEMENT_SECONDS)
        return f"v{self.messages}"

    async def update(self, mutation: OutboundMutation) -> str | None:
        """Acknowledge an update."""
        return await self.append(mutation)

    def _count(self, message: OutboundMessage | OutboundMutation) -> None:
        self.messages += 1
        self.bytes += message_size(message)


@dataclass(frozen=True, slots=True)
class ChannelCost:
    """What one policy sent; ``first_delta_ms`` is from the stream's start being acknowledged to its first append."""

    messages: int
    bytes: int
    first_delta_ms: float
    seconds: float


async def _measure(codec: Codec[Any, Any, Any, Any], policy: CoalescePolicy) -> ChannelCost:
    writer = CountingWriter()
    outbox = Outbox(writer, policy=policy)
    translator, encoder = codec.create_translator(), codec.create_encoder(EncoderOptions(HEADERS))
    chunks = sources.text_chunks(TOKENS)
    loop = asyncio.get_running_loop()
    begin = loop.time()
    # The first chunk opens the stream; what waits for that is the same for every policy.
    for event in translator.translate(chunks[0]):
        outbox.post(encoder.encode_output(event))
    for number, chunk in enumerate(chunks[1:], start=1):
        await asyncio.sleep(max(0.0, begin + number / TOKENS_PER_SECOND - loop.time()))
        for event in translator.translate(chunk):
            outbox.post(encoder.encode_output(event))
    for event in translator.finish():
        outbox.post(encoder.encode_output(event))
    await outbox.flush()
    if writer.opened_at is None or writer.first_append_at is None:
        raise RuntimeError("the stream was never opened, or nothing was appended to it")
    first = (writer.first_append_at - writer.opened_at) * 1e3
    return ChannelCost(writer.messages, writer.bytes, first, loop.time() - begin)


async def _measure_all(codec: Codec[Any, Any, Any, Any]) -> dict[str, ChannelCost]:
    costs = await asyncio.gather(*(_measure(codec, policy) for policy in POLICIES.values()))
    return dict(zip(POLICIES, costs, strict=True))


def channel_costs(codec: Codec[Any, Any, Any, Any]) -> dict[str, ChannelCost]:
    """The cost under each policy, all measured at the same time; takes about ten seconds."""
    return asyncio.run(_measure_all(codec))
