"""Every error this package raises, and whose fault each one is.

The tree::

    AITransportError                      code, status_code, cause
    ├── UsageError                        the caller's: change the call
    │   ├── InvalidArgumentError          40003
    │   │   ├── CodecDefinitionError      a codec's tables contradict themselves
    │   │   └── UnsupportedEventError     an event no table row carries
    │   ├── SessionClosedError            104004
    │   ├── ChannelNotReadyError          104007
    │   ├── UnknownCodecError             (also LookupError)
    │   ├── CodecConflictError            two packages claim one codec name
    │   ├── CodecLoadError                a codec was found but cannot be used
    │   ├── CodecVersionError             its framework is installed in a version it does not support
    │   └── MissingExtraError             (also ImportError) its framework is not installed
    ├── OperationCancelledError           40033   somebody cancelled
    ├── ChannelError                      the channel refused or failed; carries the channel's own code
    ├── InsufficientCapabilityError       40160
    ├── InternalError                     50000
    ├── EncoderRecoveryError              104000
    ├── SessionSubscriptionError          104001
    ├── CancelListenerError               104002
    ├── RunLifecycleError                 104003
    ├── SessionSendError                  104005
    ├── ChannelContinuityError            104006
    ├── StreamError                       104008
    ├── InputEventNotFoundError           104010
    ├── HistoryFetchError                 104011
    └── AgentError                        what an agent reported when it ended a run with an error

``code`` and ``status_code`` are Ably's (codec spec 0, session spec 8.1); messages say what happened and what to do.
``docs/errors.md`` is made of these docstrings: run ``python docs/generate.py`` after a change.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ErrorCode(IntEnum):
    """The numeric error codes of AI Transport (codec spec 0); 104009 is unused."""

    BAD_REQUEST = 40000
    INVALID_ARGUMENT = 40003
    OPERATION_CANCELLED = 40033
    INSUFFICIENT_CAPABILITY = 40160
    INTERNAL_ERROR = 50000
    ENCODER_RECOVERY_FAILED = 104000
    SESSION_SUBSCRIPTION_ERROR = 104001
    CANCEL_LISTENER_ERROR = 104002
    RUN_LIFECYCLE_ERROR = 104003
    SESSION_CLOSED = 104004
    SESSION_SEND_FAILED = 104005
    CHANNEL_CONTINUITY_LOST = 104006
    CHANNEL_NOT_READY = 104007
    STREAM_ERROR = 104008
    INPUT_EVENT_NOT_FOUND = 104010
    HISTORY_FETCH_FAILED = 104011


class AITransportError(Exception):
    """Anything that went wrong in this package.

    ``code`` is an Ably error code, ``status_code`` the HTTP-like class of it, ``cause`` the underlying error if any
    (also set as ``__cause__``).
    """

    default_code: ClassVar[int] = ErrorCode.INTERNAL_ERROR
    default_status_code: ClassVar[int] = 500

    def __init__(
        self,
        message: str,
        *,
        code: int | None = None,
        status_code: int | None = None,
        cause: BaseException | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = int(self.default_code if code is None else code)
        self.status_code = self.default_status_code if status_code is None else status_code
        self.cause = cause
        if cause is not None:
            self.__cause__ = cause

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r}, code={self.code}, status_code={self.status_code})"

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive the default pickling of exceptions.
        return (_rebuild, (type(self), self.message, dict(self.__dict__)))


def _rebuild(kind: type[AITransportError], message: str, state: dict[str, object]) -> AITransportError:
    error = kind.__new__(kind, message)
    Exception.__init__(error, message)
    error.__dict__.update(state)
    return error


class UsageError(AITransportError):
    """The caller did something that cannot work; nothing was published.

    To do: Read the message: it names the argument or the order of calls that is wrong. Trying again does not help.
    """

    default_code = ErrorCode.INVALID_ARGUMENT
    default_status_code = 400


class InvalidArgumentError(UsageError):
    """An argument, or a call at this moment, is not valid.

    To do: Change the call as the message says. Nothing was published.
    """


class CodecDefinitionError(InvalidArgumentError):
    """A codec's descriptor tables contradict themselves (codec spec d.4).

    To do: For the codec's author: the message names the row of the table.
    """


class UnsupportedEventError(InvalidArgumentError):
    """An event that no row of the codec's table carries.

    To do: Leave the event out of the stream, or use a version of the codec whose table has it.
    """


class SessionClosedError(UsageError):
    """A session, run or encoder was used after it was closed.

    To do: Make a new session. Whoever waited on the old one gets this too; it is how a wait ends when the session
    closes.
    """

    default_code = ErrorCode.SESSION_CLOSED


class ChannelNotReadyError(UsageError):
    """A write was asked for while the channel is neither attached nor attaching.

    To do: Wait until the connection is back and send again; nothing was published.
    """

    default_code = ErrorCode.CHANNEL_NOT_READY


class UnknownCodecError(UsageError, LookupError):
    """No installed codec has this name.

    To do: Use a name that the message lists, or install the package that has the codec.
    """


class CodecConflictError(UsageError):
    """Two distributions register the same codec name.

    To do: Ask for ``"distribution:name"``, or uninstall one of the two.
    """


class CodecLoadError(UsageError):
    """A codec was found but importing or checking it failed.

    To do: Read the chained exception; it is what the codec's module raised, or what its object lacks.
    """


class CodecVersionError(UsageError):
    """A codec's framework is installed in a version that the codec does not support.

    To do: Install a version of the framework in the range that the message states.
    """


class MissingExtraError(UsageError, ImportError):
    """A codec's framework is not installed.

    To do: Run the ``pip install`` that the message spells out.
    """


class OperationCancelledError(AITransportError):
    """The operation was cancelled before it could do its work.

    To do: Stop working on the run. A handler need not catch it: its run ends as cancelled.
    """

    default_code = ErrorCode.OPERATION_CANCELLED
    default_status_code = 400


class ChannelError(AITransportError):
    """The channel refused or failed an operation; the code is the channel's own.

    To do: Look the code up in Ably's list: 93002 is a namespace without mutable messages, 40009 a message that is too
    large, 429xx too many messages, 401xx a key or token that is refused.
    """


class InsufficientCapabilityError(AITransportError):
    """The client's key or token does not allow the operation.

    To do: Give the key or token the operation that the message names, on this channel.
    """

    default_code = ErrorCode.INSUFFICIENT_CAPABILITY
    default_status_code = 401


class InternalError(AITransportError):
    """Something that should not happen did; for example a publish acknowledged without a serial.

    To do: Report it, with the log.
    """


class EncoderRecoveryError(AITransportError):
    """Appends to a stream failed and so did every attempt to repair it with a full update.

    To do: The answer on the channel is incomplete. Answer again: ``regenerate``, or a new attempt of the step.
    """

    default_code = ErrorCode.ENCODER_RECOVERY_FAILED


class SessionSubscriptionError(AITransportError):
    """The session could not subscribe to its channel, or could not process a message.

    To do: Read the cause; mostly it is the connection or a missing capability. ``connect()`` may be called again.
    """

    default_code = ErrorCode.SESSION_SUBSCRIPTION_ERROR


class CancelListenerError(AITransportError):
    """An ``on_cancel`` or ``on_steer`` callback raised.

    To do: Mend the callback. A cancel whose ``on_cancel`` raised was not honoured: ask again.
    """

    default_code = ErrorCode.CANCEL_LISTENER_ERROR


class RunLifecycleError(AITransportError):
    """A run's start, suspend, resume or end could not be published.

    To do: Readers may still show the run as active. End it from another session, or let a new turn follow it.
    """

    default_code = ErrorCode.RUN_LIFECYCLE_ERROR


class SessionSendError(AITransportError):
    """An input could not be published.

    To do: Nothing is shown as sent; send again.
    """

    default_code = ErrorCode.SESSION_SEND_FAILED


class ChannelContinuityError(AITransportError):
    """The channel lost continuity: messages may have been missed.

    To do: Nothing, if the message says that what was missed was fetched; else load the conversation anew.
    """

    default_code = ErrorCode.CHANNEL_CONTINUITY_LOST


class StreamError(AITransportError):
    """The source of a run's output raised, or its output could not be published.

    To do: Read the cause: it is what the model, the chain or the channel raised.
    """

    default_code = ErrorCode.STREAM_ERROR


class InputEventNotFoundError(AITransportError):
    """The input that should trigger a run was not found on the channel.

    To do: Try again: the invocation may have overtaken its input. If it stays away, the input was never published here.
    """

    default_code = ErrorCode.INPUT_EVENT_NOT_FOUND
    default_status_code = 504


class HistoryFetchError(AITransportError):
    """The channel's history could not be fetched, after retries.

    To do: Try again. What was loaded before is still shown.
    """

    default_code = ErrorCode.HISTORY_FETCH_FAILED


class AgentError(AITransportError):
    """What an agent reported when it ended a run with reason ``error`` (session spec 2.5).

    To do: It is the agent's error, told to every client; its log has the whole story.
    """

    default_code = ErrorCode.STREAM_ERROR


def has_code(error: BaseException, code: int) -> bool:
    """Whether ``error`` is an :class:`AITransportError` with that Ably code."""
    return isinstance(error, AITransportError) and error.code == code
