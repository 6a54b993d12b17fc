"""What the routes answer when they do not do what was asked: JSON with a code, and what each code stands for."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from starlette.responses import JSONResponse

from ai_transport_codecs.errors import (
    AITransportError,
    ErrorCode,
    InsufficientCapabilityError,
    InvalidArgumentError,
    SessionClosedError,
)

TOO_LARGE: Final = 40009
"""Ably's code for what exceeds a size limit."""

_NOT_FOUND: Final = 40400
_RETRY_AFTER: Final = {"Retry-After": "1"}


class RequestError(InvalidArgumentError):
    """The request itself is wrong: who sent it has to change it."""


def refusal(session_name: str) -> InsufficientCapabilityError:
    """The application's ``allow`` said no."""
    return InsufficientCapabilityError(
        f"this client may not use the session {session_name!r}; the application refused it", status_code=403
    )


def nobody_allowed() -> InsufficientCapabilityError:
    """No ``allow`` was given, so nobody is let in."""
    return InsufficientCapabilityError(
        "no session is allowed, because the application did not say which are; give agent_app(..., allow=...) a"
        " function of (request, session_name, client_id) that returns True for what this user may use",
        status_code=403,
    )


def closing() -> SessionClosedError:
    """The application shuts down."""
    return SessionClosedError("this agent is shutting down and takes nothing new; send it again", status_code=503)


def not_started() -> InvalidArgumentError:
    """Nobody runs the application's lifespan."""
    return InvalidArgumentError(
        "this agent app was not started, so nobody would end its runs when the process stops; frameworks do not start"
        " what is mounted: give the outer application lifespan=agents.lifespan",
        status_code=500,
    )


def busy(limit: int) -> AITransportError:
    """As many invocations as there may be are under way."""
    return AITransportError(f"{limit} invocations are under way, which is the limit; try again later", status_code=503)


def error_response(error: AITransportError) -> JSONResponse:
    """The error as Ably's clients know errors."""
    status = error.status_code if 400 <= error.status_code <= 599 else 500
    content: dict[str, Any] = {"error": {"code": error.code, "statusCode": status, "message": error.message}}
    headers = {"Cache-Control": "no-store"} | (_RETRY_AFTER if status == HTTPStatus.SERVICE_UNAVAILABLE else {})
    return JSONResponse(content, status, headers)


def http_error(status: int, detail: str) -> AITransportError:
    """An error of the HTTP layer, as one with a code: 40400 for what is not there, 401.. and 403 as refusals."""
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return InsufficientCapabilityError(detail, status_code=status)
    if status == HTTPStatus.NOT_FOUND:
        return RequestError(detail, code=_NOT_FOUND, status_code=status)
    code = ErrorCode.BAD_REQUEST if status < 500 else ErrorCode.INTERNAL_ERROR
    return AITransportError(detail, code=code, status_code=status)


def unexpected() -> AITransportError:
    """Something raised that nobody expected: the log has it, strangers do not."""
    return AITransportError("the agent's application failed; its log says why", status_code=500)
