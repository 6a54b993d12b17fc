"""Who a connection or a request is, and what it may do (Ably protocol 8)."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from ai_transport_codecs.channels.memory.capability import Capability

from . import refusals

ANYBODY: Final = "*"
"""The client id of credentials that may speak for anybody."""


class Identity(NamedTuple):
    """What credentials prove. ``client_id`` None and not ``is_wild``: anonymous.

    ``is_wild``: messages may name any client. ``expires`` in ms since the epoch, None for never; ``key_name`` is the
    key that all this comes from.
    """

    key_name: str
    capability: Capability
    client_id: str | None = None
    is_wild: bool = False
    expires: int | None = None

    def claimed_by(self, client_id: str | None) -> Identity:
        """The identity when the client says who it is. Raises ChannelError 40102 or 40012 when it may not."""
        if client_id is None or client_id == "":
            return self
        if client_id == ANYBODY:
            raise refusals.foreign_identity(client_id, self.client_id)
        if self.is_wild:
            return self._replace(client_id=client_id, is_wild=False)
        if client_id != self.client_id:
            raise refusals.identity_conflict(client_id, self.client_id)
        return self

    def speaker(self, client_id: Any) -> str | None:
        """Whose a message is that names ``client_id``. Raises ChannelError 40012 when it may not, or is no name."""
        if client_id is None or client_id == self.client_id:
            return self.client_id
        if not self.is_wild or not isinstance(client_id, str) or client_id in {"", ANYBODY}:
            raise refusals.foreign_identity(client_id, self.client_id)
        return client_id

    def can_replace(self, other: Identity) -> bool:
        """Whether a connection of ``other`` may go on as this."""
        return self.client_id == other.client_id and self.key_name.partition(".")[0] == other.key_name.partition(".")[0]
