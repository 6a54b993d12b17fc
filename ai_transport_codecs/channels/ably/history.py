"""Pages of a channel's past, over REST (P9, P11)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import quote

from ai_transport_codecs.wire.messages import InboundMessage

from . import refusals
from .frames import read_messages
from .sdk import API_VERSION, AblyException

_TOKEN_ERRORS: Final = range(40140, 40150)


class HistoryReader:
    """Reads the past of one channel. ``rest`` makes the client when it is needed first."""

    def __init__(self, channel: str, rest: Callable[[], Any]) -> None:
        self._channel = channel
        self._rest = rest

    async def read(self, limit: int, *, through: str | None) -> AblyHistoryPage:
        """The newest page of ``limit`` messages; with ``through`` only those up to that place in the channel.

        Raises ChannelError with Ably's code, or 80003 when Ably cannot be reached.
        """
        # ably-python would write a space as a plus, which is another name; and it knows no 'from_serial' (P11).
        path = f"/channels/{quote(self._channel, safe='')}/messages"
        params = {"limit": str(limit), "direction": "backwards"}
        if through is not None:
            params["from_serial"] = through
        return await self.page(lambda: self._rest().request("GET", path, API_VERSION, params))

    async def page(self, ask: Callable[[], Any]) -> AblyHistoryPage:
        """The page that ``ask`` gets, with a new token if the old one has expired."""
        try:
            response = await ask()
            if not response.success and self._error_of(response)["code"] in _TOKEN_ERRORS:
                await self._rest().auth.authorize()
                response = await ask()
        except Exception as error:  # whatever its HTTP client raises
            if isinstance(error, AblyException):
                raise refusals.refused("read history", self._channel, error) from error
            raise refusals.unreachable("read history", self._channel, error) from error
        if not response.success:
            raise refusals.answered("read history", self._channel, self._error_of(response))
        items = list(read_messages({"channel": self._channel, "messages": response.items}))
        return AblyHistoryPage(self, response, items)

    @staticmethod
    def _error_of(response: Any) -> dict[str, Any]:
        """The error in the body of a response; made up from its status when there is none."""
        items = response.items
        body = items[0] if isinstance(items, list) and items else {}
        error = body.get("error") if isinstance(body, dict) else None
        known = error if isinstance(error, dict) else {}
        return refusals.whole_error({"code": response.status_code * 100, "statusCode": response.status_code, **known})


class AblyHistoryPage:
    """One page of history, newest message first."""

    __slots__ = ("_items", "_reader", "_response")

    def __init__(self, reader: HistoryReader, response: Any, items: list[InboundMessage]) -> None:
        self._reader = reader
        self._response = response
        self._items = items

    @property
    def items(self) -> Sequence[InboundMessage]:
        return self._items

    @property
    def has_next(self) -> bool:
        return bool(self._response.has_next())

    async def next(self) -> AblyHistoryPage | None:
        """The page of older messages, or None when there is none."""
        return await self._reader.page(self._response.next) if self.has_next else None
