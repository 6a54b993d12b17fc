"""The behaviour that every engine's channels must show, as tests to inherit.

An engine passes by giving connected clients; everything else is done through the channel protocol::

    from ai_transport_codecs.testing.channel_suite import ChannelSuite, Feature

    class TestMyEngine(ChannelSuite):
        @pytest.fixture
        async def engine(self):
            engine = MyEngine()      # satisfies channel_suite.Engine
            yield engine
            await engine.close()

The tests are coroutines: run them with pytest-asyncio in its ``auto`` mode. What an engine does not offer, by
:class:`Feature`, is skipped.
"""

from __future__ import annotations

import pytest

# Their asserts explain themselves as in any test module; this has to be asked for before they are imported.
pytest.register_assert_rewrite(
    *(f"{__name__}.{part}" for part in (
        "reader", "base", "publishing", "mutating", "remembering", "connecting", "gathering", "converging"
    ))
)  # fmt: skip

from .connecting import Allowing, Attaching, Reconnecting  # noqa: E402
from .converging import Converging  # noqa: E402
from .engine import Engine, Feature  # noqa: E402
from .gathering import Gathering  # noqa: E402
from .mutating import Mutating, RollingUp  # noqa: E402
from .publishing import Publishing  # noqa: E402
from .remembering import Remembering, Rewinding  # noqa: E402

__all__ = ["ChannelSuite", "Engine", "Feature"]


class ChannelSuite(
    Publishing, Mutating, RollingUp, Remembering, Rewinding, Attaching, Reconnecting, Allowing, Gathering, Converging
):
    """All of it. A subclass whose name begins with ``Test`` overrides the fixture ``engine``."""
