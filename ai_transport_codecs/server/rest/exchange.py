"""What a handler is given and gives back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from ai_transport_codecs.errors import AITransportError
from ai_transport_codecs.server import refusals
from ai_transport_codecs.server.formats import JSON, MSGPACK, Format
from ai_transport_codecs.server.identity import Identity


class Request(NamedTuple):
    """An HTTP request: the parts of its path, decoded; ``headers`` are found whatever their case."""

    method: str
    path: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""

    def value(self) -> Any:
        """What the body says. Raises ChannelError 40000 when it says nothing in its format."""
        is_msgpack = "msgpack" in self.headers.get("Content-Type", "").lower()
        return (MSGPACK if is_msgpack else JSON).decode(self.body)

    def answer_format(self) -> Format:
        """The format that the answer is to have."""
        wanted = self.headers.get("Accept", "").lower() or self.query.get("format", "")
        return MSGPACK if "msgpack" in wanted else JSON


class Reply(NamedTuple):
    """An answer; ``value`` None for nothing."""

    status: int
    value: Any
    headers: Mapping[str, str] = {}


class Call(NamedTuple):
    """A request of somebody: who it is, and the parts of the path that a route leaves open."""

    request: Request
    identity: Identity
    names: Mapping[str, str]
    binary: bool


def split_path(raw: str) -> tuple[str, ...]:
    """The parts of a path as it was sent. Raises ChannelError 40000 for what is not UTF-8.

    Only ``%XX`` is decoded, and only within a part: ably-python writes a space as ``+``, which stays one here.
    """
    parts = raw.partition("?")[0].split("/")[1:]
    try:
        return tuple(unquote_to_bytes(part).decode() for part in parts)
    except UnicodeDecodeError as error:
        raise refusals.malformed("the address", str(error)) from error


def error_reply(error: AITransportError) -> Reply:
    """The answer that says why not."""
    text = error.message.encode("ascii", "replace").decode("ascii").replace("\n", " ").replace("\r", " ")
    headers = {"X-Ably-Errorcode": str(error.code), "X-Ably-Errormessage": text}
    status = error.status_code if 400 <= error.status_code < 600 else 500
    return Reply(status, {"error": refusals.error_info(error)}, headers)
