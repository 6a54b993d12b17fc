"""Reading one HTTP/1.1 request with a JSON body, within bounds."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final, NamedTuple

_LARGEST_BODY: Final = 8 * 1024 * 1024


class BadRequestError(Exception):
    """A request that is answered with an HTTP error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Request(NamedTuple):
    """A request. Names of ``headers`` are lower-case; ``body`` is empty when there is none."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


async def read_request(reader: asyncio.StreamReader) -> Request:
    """The next request. Raises BadRequestError, and IncompleteReadError when the client closes within it."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.LimitOverrunError as error:
        raise BadRequestError(431, "the headers are too large") from error
    first, *lines = head.split("\r\n")
    method, path = _request_line(first)
    headers = dict(_header(line) for line in lines if line)
    return Request(method, path, headers, await _body(reader, method, headers))


def _request_line(line: str) -> tuple[str, str]:
    parts = line.split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise BadRequestError(400, "this is no HTTP/1.1 request")
    return parts[0], parts[1].partition("?")[0]


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        raise BadRequestError(400, "a header has no colon")
    return name.strip().lower(), value.strip()


async def _body(reader: asyncio.StreamReader, method: str, headers: dict[str, str]) -> dict[str, Any]:
    length = headers.get("content-length")
    if length is None:
        if method == "POST":
            raise BadRequestError(411, "a body needs a content-length")
        return {}
    if not length.isascii() or not length.isdigit():
        raise BadRequestError(400, "the content-length is no number")
    if len(length) > 12 or int(length) > _LARGEST_BODY:
        raise BadRequestError(413, "the body is too large")
    try:
        body = json.loads(await reader.readexactly(int(length)) or b"{}")
    except (ValueError, RecursionError) as error:
        raise BadRequestError(400, "the body is not JSON") from error
    if not isinstance(body, dict):
        raise BadRequestError(400, "the body is no JSON object")
    return body
