"""From what people have in hand to what sessions use: a client of another library becomes a channel provider."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from ai_transport_codecs.errors import InvalidArgumentError

from .protocol import ChannelProvider

_ADAPTERS: Final = {"ably": "ai_transport_codecs.channels.ably"}
"""By the package that a client's class comes from, the module whose ``provider_of`` takes it."""


def as_provider(client: object) -> ChannelProvider:
    """The client itself when channels can be taken from it; else what makes it so, if somebody does.

    Raises InvalidArgumentError for what is no client.
    """
    if callable(getattr(client, "channel", None)):
        return client  # type: ignore[return-value]
    for kind in type(client).__mro__:
        adapter = _ADAPTERS.get(kind.__module__.partition(".")[0])
        if adapter is not None:
            provider: ChannelProvider = import_module(adapter).provider_of(client)
            return provider
    raise InvalidArgumentError(
        f"a session takes its channel from a client; a {type(client).__name__} is none. Give it an AblyRealtime client,"
        " what connect_ably() gives (pip install 'ai-transport-codecs[ably]'), or a client of a MemoryHub"
    )
