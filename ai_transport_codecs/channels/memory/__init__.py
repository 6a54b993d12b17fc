"""An engine without a network: channels in this process, doing exactly what Ably does with mutable messages."""

from __future__ import annotations

from .channel import MemoryChannel
from .client import MemoryClient
from .hub import MemoryHub

__all__ = ["MemoryChannel", "MemoryClient", "MemoryHub"]
