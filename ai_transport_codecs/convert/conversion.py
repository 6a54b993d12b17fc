"""From one framework's messages to another's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, Final, NamedTuple, Protocol, cast

from ai_transport_codecs.codec.contract import CodecMessage
from ai_transport_codecs.errors import InvalidArgumentError, MissingExtraError

from .blocks import Loss, Losses, Message

_MODULES: Final[Mapping[str, str]] = {
    "langchain": "langchain",
    "llamaindex": "llamaindex",
    "openai-chat": "openai_chat",
    "openai-responses": "openai_responses",
    "vercel": "vercel",
}
_EXTRAS: Final = {"langchain_core": "langchain", "llama_index": "llamaindex"}


class Converter(Protocol):
    """What a framework's messages say, and messages that say it; give your own for a framework that is not ours."""

    def read(self, message: Any, losses: Losses) -> Sequence[Message]:
        """One message in neutral form; several when it is several steps."""
        ...

    def write(self, messages: Sequence[Message], losses: Losses) -> Sequence[Any]:
        """Neutral messages in the framework's. Sets ``losses.index`` to the message it is at."""
        ...


class Conversion(NamedTuple):
    """The messages, and what did not come along: a loss's index is that of the message given."""

    messages: list[Any]
    losses: list[Loss]


def convert(messages: Iterable[Any], *, to: str | Converter, source: str | Converter | None = None) -> Conversion:
    """``messages`` as those of ``to``: a codec's name, or a converter.

    Each may be a framework's message or a :class:`CodecMessage` of one; with one, a message that has no id of its own
    gets its ``codec-message-id``. ``source`` says whose they are; without it each message is asked. Messages that are
    of ``to`` already stay as they are.

    Raises InvalidArgumentError for an unknown name or something that is no message; MissingExtraError when a framework
    is not installed.
    """
    messages = list(messages)
    given = [entry.message if isinstance(entry, CodecMessage) else entry for entry in messages]
    ids = {index: entry.id for index, entry in enumerate(messages) if isinstance(entry, CodecMessage)}
    names = [source if source is not None else source_of(message) for message in given]
    if names and all(name == to for name in names):
        return Conversion(given, [])
    writer = _converter(to)
    losses = Losses()
    neutral: list[Message] = []
    origins: list[int] = []
    for losses.index, (message, name) in enumerate(zip(given, names, strict=True)):
        found = _converter(name).read(message, losses)
        neutral.extend(_named(found, ids.get(losses.index)))
        origins.extend([losses.index] * len(found))
    written = Losses()
    converted = list(writer.write(neutral, written))
    for loss in written.found:
        losses.index = origins[loss.message]
        losses.note(loss.what, loss.why)
    return Conversion(converted, sorted(losses.found, key=lambda loss: loss.message))


def to_neutral(messages: Iterable[Any], *, source: str | Converter | None = None) -> tuple[list[Message], list[Loss]]:
    """What ``messages`` say, in neutral form, and what that form has no place for. Raises as :func:`convert`."""
    losses = Losses()
    neutral: list[Message] = []
    for losses.index, entry in enumerate(messages):
        message, id_ = (entry.message, entry.id) if isinstance(entry, CodecMessage) else (entry, None)
        reader = _converter(source if source is not None else source_of(message))
        neutral.extend(_named(reader.read(message, losses), id_))
    return neutral, losses.found


def from_neutral(messages: Sequence[Message], *, to: str | Converter) -> Conversion:
    """Messages of ``to`` that say the same; a loss's index is that of the neutral one. Raises as :func:`convert`."""
    losses = Losses()
    return Conversion(list(_converter(to).write(messages, losses)), losses.found)


def source_of(message: Any) -> str:
    """The codec whose messages look like this one. Raises InvalidArgumentError when none do."""
    if isinstance(message, Mapping):
        for key, name in (("parts", "vercel"), ("items", "openai-responses"), ("role", "openai-chat")):
            if key in message:
                return name
    for kind in type(message).__mro__:
        root = kind.__module__.partition(".")[0]
        if root in _EXTRAS and kind.__name__ in {"BaseMessage", "ChatMessage"}:
            return _EXTRAS[root]
    raise InvalidArgumentError(
        f"unable to convert; a {type(message).__name__} is no message of {', '.join(_MODULES)}:"
        " pass source= with the codec's name, or with a converter of your own"
    )


def _named(messages: Sequence[Message], id_: str | None) -> Sequence[Message]:
    if id_ is None or not messages or messages[0].id is not None:
        return messages
    first = messages[0]
    named = Message(
        first.role, first.blocks, id_, first.name, first.model, first.finish_reason, first.usage, first.part_of
    )
    return [named, *messages[1:]]


def _converter(name: str | Converter) -> Converter:
    if not isinstance(name, str):
        return name
    module = _MODULES.get(name)
    if module is None:
        raise InvalidArgumentError(
            f"unable to convert; there is no converter for {name!r}, only for {', '.join(_MODULES)}:"
            " pass a converter of your own"
        )
    try:
        return cast("Converter", import_module(f"{__package__}.{module}"))
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        raise MissingExtraError(
            f"unable to convert; messages of {name!r} need {error.name}, which is not installed:"
            f" pip install 'ai-transport-codecs[{extra}]'",
            cause=error,
        ) from error
