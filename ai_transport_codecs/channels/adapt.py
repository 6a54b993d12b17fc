"""From what people have in hand to what sessions use: a client of another library becomes a channel provider."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Final

from ai_transport_codecs.errors import InvalidArgumentError, MissingExtraError

from .protocol import ChannelProvider

_ADAPTERS: Final = {"ably": "ai_transport_codecs.channels.ably"}
"""By the package that a client's class comes from, the module whose ``provider_of`` takes it."""


def as_provider(client: object) -> ChannelProvider:
    """The client itself when channels can be taken from it; else what makes it so, if somebody does.

    Raises InvalidArgumentError for what is no client, MissingExtraError when the library itself is not there.
    """
    if callable(getattr(client, "channel", None)):
        return client  # type: ignore[return-value]
    for kind in type(client).__mro__:
        package = kind.__module__.partition(".")[0]
        adapter = _ADAPTERS.get(package)
        if adapter is None:
            continue
        if find_spec(package) is None:
            raise MissingExtraError(f"{package!r} is not installed; pip install 'ai-transport-codecs[{package}]'")
        provider: ChannelProvider = import_module(adapter).provider_of(client)
        return provider
    raise InvalidArgumentError(
        f"a session takes its channel from a client; a {type(client).__name__} is none. Give it an AblyRealtime client,"
        " what connect_ably() gives (pip install 'ai-transport-codecs[ably]'), or a client of a MemoryHub"
    )
