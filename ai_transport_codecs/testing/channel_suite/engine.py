"""What an engine has to offer so that the channel suite can try it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

import pytest

from ai_transport_codecs.channels.protocol import ChannelProvider


class Feature(StrEnum):
    """Behaviour that not every engine has, or lets a test provoke. What is not offered is skipped, and said so."""

    RESUME = "resume"  # a cut connection can be taken up again without missing anything
    LOSS = "loss"  # a cut connection can be made to lose continuity
    REWIND = "rewind"
    ECHO_PARAM = "echo-param"
    MODES = "modes"
    PRESENCE = "presence"
    EPHEMERAL = "ephemeral"
    REPEATED_IDS = "repeated-ids"
    ROLLUP = "rollup"
    CAPABILITIES = "capabilities"
    IMMUTABLE_NAMESPACE = "immutable-namespace"


class Engine(Protocol):
    """Connected clients of one engine, and power over their connections.

    ``namespace`` and ``immutable_namespace`` are what names of channels with and without mutable messages begin with;
    each test makes up the rest. ``rollup_window`` is the shortest window for merging appends, in seconds.
    """

    @property
    def features(self) -> Collection[Feature]: ...
    @property
    def namespace(self) -> str: ...
    @property
    def immutable_namespace(self) -> str: ...
    @property
    def rollup_window(self) -> float: ...

    async def client(
        self,
        client_id: str | None = None,
        *,
        capability: Mapping[str, Sequence[str]] | None = None,
        append_rollup_window: float = 0.0,
    ) -> ChannelProvider:
        """A client that is connected, with a connection of its own."""
        ...

    async def disconnect(self, client: Any) -> None:
        """Cut the client's connection; returns when the client has noticed."""

    async def reconnect(self, client: Any, *, resume: bool) -> None:
        """Connect it again, going on where it was, or (``resume=False``) not being able to."""


def requires(engine: Engine, *features: Feature) -> None:
    """Skip the test when the engine does not offer all of these."""
    missing = [feature for feature in features if feature not in engine.features]
    if missing:
        pytest.skip(f"the engine does not offer {', '.join(missing)}")
