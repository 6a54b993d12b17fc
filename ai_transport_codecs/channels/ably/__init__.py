"""Channels of Ably, and of the local server, through ably-python. Needs the extra ``ably``.

A session takes an ``AblyRealtime`` client as it is. :func:`connect_ably` makes one that suits, from a key, a token
callback or the URL of a local server. What ably-python 3.1.4 does wrong is put right on each client that a session
uses; :class:`AblyProvider` says how.
"""

from __future__ import annotations

from .connecting import connect_ably
from .provider import AblyProvider, provider_of

__all__ = ["AblyProvider", "connect_ably", "provider_of"]
