"""What went wrong on Ably, with the remedy (Ably protocol 6.5 and 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ai_transport_codecs.errors import ChannelError

from .sdk import AblyException, ably_error

CONNECTION_LOST: Final = 80003

_REMEDIES: Final[Mapping[int, str]] = {
    40009: "it is larger than the account's limit for one publish; send it in smaller pieces",
    40012: "the client id does not fit the key or token; connect with the client id that the token was issued for",
    40101: "Ably does not know the key; copy it from the dashboard of the app",
    40102: "the client id differs from the token's; issue the token for this client id",
    40142: "the token has expired; give connect_ably() a token_callback, so that it can be renewed",
    40160: "the key or token lacks the capability for it; add {operation!r} for this channel to its capabilities",
    40171: "the token has expired and nothing can renew it; give connect_ably() a token_callback or a key",
    42911: "more messages per second were published than the connection may; lower messages_per_second to the"
    " account's limit, or spread the sessions over several connections",
    42913: "more messages per second were published on the channel than it may take; publish less on it at a time",
    93002: "mutable messages are not enabled for the channel's namespace; enable the rule 'Message annotations,"
    " updates, deletes and appends' for the part of its name before the first ':' in the dashboard of the Ably app,"
    " or use a channel of a namespace that has it",
}
_OPERATIONS: Final[Mapping[str, str]] = {
    "attach": "subscribe",
    "read history": "history",
    "enter presence": "presence",
    "append": "message-update-own",
    "update": "message-update-own",
    "delete": "message-delete-own",
}


def refused(doing: str, channel: str, error: BaseException) -> ChannelError:
    """The error with which an operation on a channel failed, with its own code and what to do about it."""
    if isinstance(error, ChannelError):
        return error
    if not isinstance(error, AblyException):
        return lost(doing, channel, error)
    code, status, message = _parts(error)
    if code == 90000:  # "cannot send while disconnected": the one of ably-python's own that is worth another try
        return not_connected(doing, error)
    # The local server says as much itself.
    message = message.removeprefix(f"unable to {doing} on channel {channel!r}; ")
    remedy = _REMEDIES.get(code)
    advice = "" if remedy is None else f". {_sentence(remedy.format(operation=_OPERATIONS.get(doing, doing)))}"
    return ChannelError(
        f"unable to {doing} on channel {channel!r}; {message}{advice}", code=code, status_code=status, cause=error
    )


def from_frame(doing: str, channel: str, error: Any) -> ChannelError | None:
    """The error that a frame carries, if any."""
    return answered(doing, channel, whole_error(error)) if isinstance(error, dict) else None


def answered(doing: str, channel: str, error: Mapping[str, Any]) -> ChannelError:
    """The error that Ably answers with; one that is whole."""
    return refused(doing, channel, ably_error(error["message"], status_code=error["statusCode"], code=error["code"]))


def whole_error(error: Mapping[str, Any]) -> dict[str, Any]:
    """The error of a frame with every field that ably-python relies on."""
    code, status, message = error.get("code"), error.get("statusCode"), error.get("message")
    known = code if type(code) is int else 50000
    return {
        **error,
        "code": known,
        "statusCode": status if type(status) is int else (known // 100 if 40000 <= known < 60000 else 400),
        "message": message if isinstance(message, str) else "no reason was given",
    }


def not_connected(doing: str, cause: BaseException | None = None) -> ChannelError:
    """80003: there is no connection; it is being made again by itself."""
    reason = "" if cause is None else f" ({cause})"
    return ChannelError(
        f"unable to {doing}; the client is not connected to Ably{reason}. It keeps trying: do it again later",
        code=CONNECTION_LOST,
        status_code=503,
        cause=cause,
    )


def lost(doing: str, channel: str, cause: BaseException | None = None) -> ChannelError:
    """80003: the connection went while the operation was under way."""
    reason = "" if cause is None else f" ({str(cause) or type(cause).__name__})"
    return ChannelError(
        f"unable to {doing} on channel {channel!r}; the connection was lost before it was acknowledged{reason}, so it"
        " may or may not have been applied: repeat it in a way that does no harm twice",
        code=CONNECTION_LOST,
        status_code=503,
        cause=cause,
    )


def connection_refused(error: BaseException) -> ChannelError:
    """Ably refused the connection, and will refuse it again."""
    code, status, message = _parts(error)
    remedy = _REMEDIES.get(code, "")
    return ChannelError(
        f"unable to connect to Ably; {message}. {_sentence(remedy)}".rstrip(". ")
        + ("" if remedy else "; use a new client once it is put right"),
        code=code,
        status_code=status,
        cause=error,
    )


def closed(doing: str, state: str, cause: BaseException | None = None) -> ChannelError:
    """80017: the client is of no use any more."""
    reason = "" if cause is None else f" ({cause})"
    return ChannelError(
        f"unable to {doing}; the client's connection is {state}{reason}, use a new client",
        code=80017,
        status_code=400,
        cause=cause,
    )


def unreachable(doing: str, channel: str, cause: BaseException) -> ChannelError:
    """80003: Ably's REST interface does not answer."""
    return ChannelError(
        f"unable to {doing} on channel {channel!r}; Ably cannot be reached ({str(cause) or type(cause).__name__}), try"
        " again",
        code=CONNECTION_LOST,
        status_code=503,
        cause=cause,
    )


def timed_out(doing: str, channel: str) -> ChannelError:
    """90007: the channel did not answer."""
    return ChannelError(
        f"unable to {doing} on channel {channel!r}; Ably did not answer in time, try again", code=90007, status_code=504
    )


def _parts(error: Any) -> tuple[int, int, str]:
    """Code, status and message. ably-python has the two numbers the wrong way round in some of its own errors."""
    code, status = error.code, error.status_code
    if type(code) is int and type(status) is int and code < 1000 <= status:
        code, status = status, code
    known = code if type(code) is int else 50000
    return known, status if type(status) is int else 500, str(error.message or "no reason was given").rstrip(".")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
