"""Request bodies and the names in them: read up to a limit, and untrusted until parsed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from ai_transport_codecs.errors import ErrorCode
from ai_transport_codecs.session.invocation import Invocation
from ai_transport_codecs.wire.json_text import parse_json

from .faults import TOO_LARGE, RequestError

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"

_MAX_FIELDS: Final = 100
_MAX_NAME: Final = 512
_MAX_ID: Final = 256
# Besides what no channel can be called: in a token's capability, "*" would stand for other people's channels.
_NAME: Final = re.compile(r"[^\[:*\x00-\x1f\x7f\ud800-\udfff][^*\x00-\x1f\x7f\ud800-\udfff]*")
_ID: Final = re.compile(r"[^*\x00-\x1f\x7f\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How many bytes a body may have, and how many seconds a client may take to send it."""

    size: int
    timeout: float


async def read_fields(request: Request, limits: BodyLimits, *, types: tuple[str, ...] = (JSON,)) -> Mapping[str, Any]:
    """The fields of a body in one of ``types``. Raises RequestError for any other."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in types:
        raise RequestError(f"the body has to be {' or '.join(types)}, not {kind or 'untyped'!r}", status_code=415)
    body = await _read(request, limits)
    try:
        text = body.decode("utf-8")
        fields = parse_json(text) if kind == JSON else dict(parse_qsl(text, max_num_fields=_MAX_FIELDS))
    except ValueError as error:
        raise RequestError(f"the body cannot be read as {kind}; {error}", code=ErrorCode.BAD_REQUEST) from error
    if not isinstance(fields, dict):
        raise RequestError(f"the body is a JSON object, not {type(fields).__name__}", code=ErrorCode.BAD_REQUEST)
    return fields


def read_invocation(fields: Mapping[str, Any]) -> Invocation:
    """The invocation that a client posted. Raises InvalidArgumentError naming what is wrong with it."""
    invocation = Invocation.parse(fields)
    check_session_name(invocation.session_name)
    if not invocation.input_event_id:
        raise RequestError('"inputEventId" is empty; it names the input to answer, which was published before')
    _check("inputEventId", invocation.input_event_id, _ID, _MAX_ID)
    return invocation


def read_session_name(fields: Mapping[str, Any]) -> str:
    """The session that a token is asked for."""
    name = fields.get("sessionName")
    if not isinstance(name, str):
        raise RequestError('a token is for one session: name it in the text "sessionName"')
    check_session_name(name)
    return name


def read_client_id(fields: Mapping[str, Any]) -> str | None:
    """Who the client says it is; None when it does not say."""
    client_id = fields.get("clientId")
    if client_id is None:
        return None
    if not isinstance(client_id, str):
        raise RequestError(f'"clientId" is a text, not {type(client_id).__name__}')
    _check("clientId", client_id, _ID, _MAX_ID)
    return client_id


def check_session_name(name: str) -> None:
    """Raises RequestError for what is no channel's name, or stands for several channels."""
    _check("sessionName", name, _NAME, _MAX_NAME)


def _check(field: str, value: str, pattern: re.Pattern[str], longest: int) -> None:
    if len(value) > longest or not pattern.fullmatch(value):
        raise RequestError(
            f'"{field}" has 1 to {longest} characters, without "*" or control characters'
            + (', and does not begin with "[" or ":"' if pattern is _NAME else "")
        )


async def _read(request: Request, limits: BodyLimits) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > limits.size:
        raise _too_large(limits.size)
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.timeout):
            async for piece in request.stream():
                size += len(piece)
                if size > limits.size:
                    raise _too_large(limits.size)
                pieces.append(piece)
    except TimeoutError:
        raise RequestError(f"the body did not arrive within {limits.timeout:g} s", status_code=408) from None
    return b"".join(pieces)


def _too_large(limit: int) -> RequestError:
    return RequestError(
        f"the body is larger than {limit} bytes; it only names the input, which goes over the channel",
        code=TOO_LARGE,
        status_code=413,
    )
