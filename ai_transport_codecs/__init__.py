"""Durable AI chat sessions over Ably: codecs for Python frameworks, and sessions that speak AI Transport's wire.

``import ai_transport_codecs`` loads nothing else: each name below is imported when it is first used, and a framework
only when its codec is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ai_transport_codecs.channels.memory import MemoryHub
    from ai_transport_codecs.codec.contract import CodecMessage
    from ai_transport_codecs.codec.define import define_codec
    from ai_transport_codecs.codec.registry import get_codec, installed_codecs, register_codec
    from ai_transport_codecs.errors import (
        AgentError,
        AITransportError,
        CancelListenerError,
        ChannelContinuityError,
        ChannelError,
        ChannelNotReadyError,
        CodecConflictError,
        CodecDefinitionError,
        CodecLoadError,
        CodecVersionError,
        EncoderRecoveryError,
        ErrorCode,
        HistoryFetchError,
        InputEventNotFoundError,
        InsufficientCapabilityError,
        InternalError,
        InvalidArgumentError,
        MissingExtraError,
        OperationCancelledError,
        RunLifecycleError,
        SessionClosedError,
        SessionSendError,
        SessionSubscriptionError,
        StreamError,
        UnknownCodecError,
        UnsupportedEventError,
        UsageError,
    )
    from ai_transport_codecs.session.agent import AgentSession
    from ai_transport_codecs.session.cancel import CancelToken
    from ai_transport_codecs.session.client import ClientSession
    from ai_transport_codecs.session.hydration import page_until_located
    from ai_transport_codecs.session.invocation import Invocation
    from ai_transport_codecs.session.outcome import RunOutcome, run_outcome
    from ai_transport_codecs.session.waking import with_agent_session

    __version__: str

__all__ = [
    "AITransportError",
    "AgentError",
    "AgentSession",
    "CancelListenerError",
    "CancelToken",
    "ChannelContinuityError",
    "ChannelError",
    "ChannelNotReadyError",
    "ClientSession",
    "CodecConflictError",
    "CodecDefinitionError",
    "CodecLoadError",
    "CodecMessage",
    "CodecVersionError",
    "EncoderRecoveryError",
    "ErrorCode",
    "HistoryFetchError",
    "InputEventNotFoundError",
    "InsufficientCapabilityError",
    "InternalError",
    "InvalidArgumentError",
    "Invocation",
    "MemoryHub",
    "MissingExtraError",
    "OperationCancelledError",
    "RunLifecycleError",
    "RunOutcome",
    "SessionClosedError",
    "SessionSendError",
    "SessionSubscriptionError",
    "StreamError",
    "UnknownCodecError",
    "UnsupportedEventError",
    "UsageError",
    "__version__",
    "define_codec",
    "get_codec",
    "installed_codecs",
    "page_until_located",
    "register_codec",
    "run_outcome",
    "with_agent_session",
]

# Every public name that is not listed here is an error, or ErrorCode.
_HOMES: Final = {
    "AgentSession": "session.agent",
    "CancelToken": "session.cancel",
    "ClientSession": "session.client",
    "CodecMessage": "codec.contract",
    "Invocation": "session.invocation",
    "MemoryHub": "channels.memory",
    "RunOutcome": "session.outcome",
    "define_codec": "codec.define",
    "get_codec": "codec.registry",
    "installed_codecs": "codec.registry",
    "page_until_located": "session.hydration",
    "register_codec": "codec.registry",
    "run_outcome": "session.outcome",
    "with_agent_session": "session.waking",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = _version() if name == "__version__" else _imported(name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _imported(name: str) -> object:
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'errors')}"), name)


def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version("ai-transport-codecs")
    except metadata.PackageNotFoundError:  # used from a source tree that is not installed
        return "0+unknown"
