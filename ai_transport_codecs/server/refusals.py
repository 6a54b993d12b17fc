"""Why the server refuses: its own errors, with Ably's codes (Ably protocol 3, 6.5 and 8), and how errors are sent."""

from __future__ import annotations

from typing import Any

from ai_transport_codecs.errors import AITransportError, ChannelError


def error_info(error: AITransportError) -> dict[str, Any]:
    """The error as clients get it."""
    return {
        "code": error.code,
        "statusCode": error.status_code,
        "message": error.message,
        "href": f"https://help.ably.io/error/{error.code}",
    }


def _refusal(code: int, status: int, message: str) -> ChannelError:
    return ChannelError(message, code=code, status_code=status)


# -- what was sent -----------------------------------------------------------------------------------------------------


def malformed(what: str, why: str) -> ChannelError:
    """40000: something that is not the protocol's."""
    return _refusal(40000, 400, f"{what} cannot be understood: {why}")


def bad_field(what: str, field: str, why: str) -> ChannelError:
    """40003: a field or parameter has a value that makes no sense."""
    return _refusal(40003, 400, f"{what} has a bad {field}: {why}")


def bad_channel(name: object) -> ChannelError:
    """40010: no channel can be called that."""
    return _refusal(
        40010,
        400,
        f"{name!r} is not the name of a channel, which is a text of 1 to 2048 characters that does not begin with '['"
        " or ':' (for channel options, use params)",
    )


def unsupported(what: str) -> ChannelError:
    """40020: a part of Ably that this server leaves out."""
    return _refusal(
        40020, 400, f"{what} not supported by this server, which is for development and tests; use Ably for them"
    )


def undecodable(doing: str, why: str) -> ChannelError:
    """40013: data that is not in the encoding that it names."""
    return _refusal(40013, 400, f"unable to {doing}; {why}")


# -- who sent it -------------------------------------------------------------------------------------------------------


def no_credentials() -> ChannelError:
    """40101: nothing that says who it is."""
    return _refusal(40101, 401, "no key and no token was given; send one of them")


def bad_key() -> ChannelError:
    """40101: not one of the server's keys."""
    return _refusal(40101, 401, "the key is not one of this server's; it was started with --key, or printed its own")


def identity_conflict(wanted: str, has: str | None) -> ChannelError:
    """40102: a client id that the credentials do not allow."""
    whose = "the token's holder is anonymous" if has is None else f"the credentials are those of {has!r}"
    return _refusal(40102, 401, f"client id {wanted!r} cannot be used: {whose}")


def foreign_identity(wanted: str, has: str | None) -> ChannelError:
    """40012: a message that claims to be somebody else's."""
    whose = "has none" if has is None else f"is {has!r}"
    return _refusal(40012, 400, f"client id {wanted!r} cannot be used in a message: this connection's {whose}")


def token_expired() -> ChannelError:
    """40142: the token's time is over."""
    return _refusal(40142, 401, "the token has expired; request another one")


def token_unknown() -> ChannelError:
    """40143: no token of this server."""
    return _refusal(40143, 401, "the token is not one of this server's; request one from it")


def token_invalid(why: str) -> ChannelError:
    """40144: a JWT that does not hold."""
    return _refusal(40144, 401, f"the JWT is not valid: {why}")


def bad_token_request(why: str) -> ChannelError:
    """40003: a token request that makes no sense."""
    return _refusal(40003, 400, f"the token request is not valid: {why}")


def stale_token_request() -> ChannelError:
    """40104: a token request of another time."""
    return _refusal(
        40104, 401, "the token request's timestamp is not within two minutes of the server's time; ask for /time"
    )


def repeated_nonce() -> ChannelError:
    """40105: a token request that was used before."""
    return _refusal(40105, 401, "the token request's nonce was used before; sign a new request")


def bad_signature() -> ChannelError:
    """40101: a token request that its key did not sign."""
    return _refusal(40101, 401, "the token request's mac does not match; sign it with the secret of its key")


def beyond_key(why: str) -> ChannelError:
    """40160: a token that could do more than whoever asks for it."""
    return _refusal(40160, 401, f"the token request asks for too much: {why}")


# -- what becomes of the connection ------------------------------------------------------------------------------------


def not_resumable() -> ChannelError:
    """80018: nothing is known of the connection that a client wants back."""
    return _refusal(
        80018, 400, "the connection cannot be resumed: its key is not known here, or no longer; this is a new one"
    )


def too_slow(size: int) -> ChannelError:
    """42920: a client that does not read."""
    return _refusal(42920, 429, f"the connection is closed: {size} bytes wait for a client that does not read them")


def too_fast(limit: int) -> ChannelError:
    """42911: more messages than a connection may publish."""
    return _refusal(
        42911, 429, f"rate limit exceeded; a connection publishes at most {limit} messages per second, try again later"
    )


def channel_too_fast(limit: int) -> ChannelError:
    """42913: more messages than a channel takes."""
    return _refusal(
        42913, 429, f"rate limit exceeded; a channel takes at most {limit} messages per second, try again later"
    )


def too_many_channels(limit: int) -> ChannelError:
    """90021: more channels than a connection may attach."""
    return _refusal(90021, 400, f"a connection attaches at most {limit} channels; detach some, or use another one")


def not_attached(doing: str, channel: str) -> ChannelError:
    """90001: something that needs an attachment."""
    return _refusal(90001, 400, f"unable to {doing}; channel {channel!r} is not attached, attach it first")


def storage_failed() -> ChannelError:
    """50000: what was published cannot be kept."""
    return _refusal(50000, 500, "the server cannot write its database any more, and stops; see its log")


def went_wrong() -> ChannelError:
    """50000: a fault of the server."""
    return _refusal(50000, 500, "the server failed at this, which is a bug of it; its log says more")


def body_too_large(limit: int) -> ChannelError:
    """40009: more than the server reads of one request."""
    return _refusal(40009, 413, f"the request's body is larger than {limit} bytes; send it in smaller pieces")


def not_found(what: str) -> ChannelError:
    """40400: nothing there."""
    return _refusal(40400, 404, what)


def wrong_method(method: str, path: str) -> ChannelError:
    """40500: the wrong verb."""
    return _refusal(40500, 405, f"{method} is not for {path}")


def lost_access(channel: str) -> ChannelError:
    """40160: a new token that does not cover what is attached."""
    return _refusal(40160, 401, f"the new token allows nothing on channel {channel!r}, which is detached")
