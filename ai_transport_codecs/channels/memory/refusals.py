"""Why a channel refuses: every error of the in-process channel, with Ably's codes (Ably protocol 6.5, 7 and 8)."""

from __future__ import annotations

from collections.abc import Iterable

from ai_transport_codecs.errors import ChannelError


def not_connected(doing: str) -> ChannelError:
    """80003: there is no connection; trying again once there is one may help."""
    return ChannelError(
        f"unable to {doing}; the client is disconnected, try again once it is reconnected", code=80003, status_code=503
    )


def unacknowledged() -> ChannelError:
    """80003: the connection went while an operation was under way."""
    return ChannelError(
        "the connection was lost before the operation was acknowledged; it may or may not have been applied, so repeat"
        " it in a way that does no harm twice",
        code=80003,
        status_code=503,
    )


def closed(doing: str) -> ChannelError:
    """80017: the client was closed."""
    return ChannelError(
        f"unable to {doing}; the client's connection is closed, use a new client", code=80017, status_code=400
    )


def wrong_state(doing: str, channel: str, state: str, cause: BaseException | None = None) -> ChannelError:
    """90001: the channel's state does not allow it."""
    reason = "" if cause is None else f" ({cause})"
    return ChannelError(
        f"unable to {doing}; channel {channel!r} is {state}{reason}, attach it again",
        code=90001,
        status_code=400,
        cause=cause,
    )


def superseded(doing: str, channel: str, by: str) -> ChannelError:
    """90001: a later call decided otherwise."""
    return ChannelError(f"unable to {doing} channel {channel!r}; {by} came in between", code=90001, status_code=400)


def not_attached(doing: str, channel: str, state: str) -> ChannelError:
    """40000: something that is defined by the attachment was asked for without one."""
    return ChannelError(
        f"unable to {doing}; channel {channel!r} is {state}, attach it first", code=40000, status_code=400
    )


def denied(doing: str, channel: str, operation: str) -> ChannelError:
    """40160: the client's capability does not cover it."""
    return ChannelError(
        f"unable to {doing} on channel {channel!r}; the client's capability does not include {operation!r} for it",
        code=40160,
        status_code=401,
    )


def not_in_modes(doing: str, channel: str, mode: str, granted: Iterable[str]) -> ChannelError:
    """40160: the attachment was made without the mode."""
    return ChannelError(
        f"unable to {doing} on channel {channel!r}; it was attached with modes {sorted(granted)}, without {mode}",
        code=40160,
        status_code=401,
    )


def no_presence_subscription(channel: str) -> ChannelError:
    """91008: presence was asked for without the mode."""
    return ChannelError(
        f"unable to read presence of channel {channel!r}; it was attached without the mode PRESENCE_SUBSCRIBE",
        code=91008,
        status_code=400,
    )


def anonymous_presence(channel: str) -> ChannelError:
    """91000: presence needs an identity."""
    return ChannelError(
        f"unable to enter presence of channel {channel!r}; the client has no client id, connect with one",
        code=91000,
        status_code=400,
    )


def anonymous_owner(doing: str, operation: str) -> ChannelError:
    """40166: "own" needs an identity."""
    return ChannelError(
        f"unable to {doing}; {operation!r} covers only a client's own messages, and this client has no client id",
        code=40166,
        status_code=401,
    )


def bad_argument(message: str) -> ChannelError:
    """40003: an argument makes no sense."""
    return ChannelError(message, code=40003, status_code=400)


def missing_serial(doing: str) -> ChannelError:
    """40003: a mutation names no message."""
    return bad_argument(
        f"unable to {doing} a message without a serial; use the serial that its publish was acknowledged with"
    )


def unsupported_data(doing: str, why: str) -> ChannelError:
    """40013: what was to be sent cannot be carried."""
    return ChannelError(
        f"unable to {doing}; {why}. Data is text, bytes, a JSON object or list, or nothing", code=40013, status_code=400
    )


def cannot_concatenate(there: str, added: str) -> ChannelError:
    """40013: an append does not fit the message."""
    return ChannelError(
        f"unable to append; {added} cannot be concatenated to {there}, send data of the message's type or an update",
        code=40013,
        status_code=400,
    )


def too_large(doing: str, size: int, limit: int) -> ChannelError:
    """40009: over the limit for one operation."""
    return ChannelError(
        f"unable to {doing}; it is {size} bytes, more than the channel's limit of {limit} for name, client id, extras"
        " and data. Send it in smaller pieces",
        code=40009,
        status_code=400,
    )


def grown_too_large(limit: int) -> ChannelError:
    """40009: a message would become too large by appends."""
    return ChannelError(
        f"unable to append; the message's data would grow beyond {limit} bytes, which clients cannot take in one piece."
        " Go on in another message",
        code=40009,
        status_code=400,
    )


def too_many(count: int, limit: int) -> ChannelError:
    """40034: too many messages in one publish."""
    return ChannelError(
        f"unable to publish; {count} messages are more than the {limit} that one publish may hold, use several",
        code=40034,
        status_code=400,
    )


def bad_batch_ids() -> ChannelError:
    """40031: the ids of an atomic publish do not belong together (Ably protocol 6.2)."""
    return ChannelError(
        "unable to publish; when messages published together have ids, these are '<base>:0', '<base>:1' and so on with"
        " one base",
        code=40031,
        status_code=400,
    )


def immutable(doing: str, channel: str) -> ChannelError:
    """93002: the namespace does not allow mutations."""
    return ChannelError(
        f"unable to {doing} messages of channel {channel!r}; mutable messages are not enabled for its namespace, enable"
        " them or use another namespace",
        code=93002,
        status_code=400,
    )


def unknown_message(doing: str, channel: str, serial: str) -> ChannelError:
    """40400: there is no such message."""
    return ChannelError(
        f"unable to {doing}; channel {channel!r} has no message with serial {serial!r}", code=40400, status_code=404
    )


def expired(channel: str) -> ChannelError:
    """90003: what was missed is no longer held."""
    return ChannelError(
        f"Unable to recover channel {channel!r} (messages expired); read what was missed from history",
        code=90003,
        status_code=404,
    )
