"""A framework's items to UI message chunks, for those who iterate themselves."""

from __future__ import annotations

from typing import Any

from .frameworks import create_teller
from .teller import Answer
from .writer import Chunk


class UiTranslator:
    """The items that one source of ``framework`` streams, to the chunks of one UI message.

    ::

        translator = UiTranslator("langchain")
        for item in chain.stream(messages):
            for chunk in translator.translate(item):
                ...
        for chunk in translator.finish():
            ...

    ``framework`` is a codec's name: ``langchain``, ``llamaindex``, ``openai-chat`` or ``openai-responses``.

    Tool calls become parts of type ``tool-NAME``; with ``dynamic=True``, parts of type ``dynamic-tool``, for pages that
    read a session's messages. A page whose ``useChat`` reads the chunks off a channel must not get these: the wire has
    no place to say that a complete input is of a dynamic tool (codec spec f.1), and it would show each call twice.

    Raises InvalidArgumentError for another name; what ``get_codec`` raises when the framework is not installed.
    """

    def __init__(self, framework: str, *, dynamic: bool = False) -> None:
        self._ui = Answer(dynamic=dynamic)
        self._teller = create_teller(framework, self._ui)

    def translate(self, item: Any) -> list[Chunk]:
        """The chunks that one item gives. The item may change afterwards.

        Raises UnsupportedEventError for what is none of the framework's.
        """
        self._teller.tell(item)
        return self._ui.writer.take()

    def finish(self) -> list[Chunk]:
        """The chunks that are owed when the source is exhausted; the last is ``finish``, unless it failed before."""
        self._teller.finish()
        self._ui.finish()
        return self._ui.writer.take()

    def fail(self, error: BaseException) -> list[Chunk]:
        """The chunks that end the message because the source raised; the last is ``error``."""
        self._ui.writer.fail(str(error) or type(error).__name__)
        return self._ui.writer.take()
