"""Any framework's messages as another's, with a list of what was lost.

::

    from ai_transport_codecs.convert import convert

    messages, losses = convert(session.view.messages, to="langchain")

Messages are read into neutral content blocks (:mod:`.blocks`) and written from them. Nothing is dropped in silence:
what the other framework has no place for is a :class:`~.blocks.Loss`. Ids are names, not content: they are kept where
there is a place for them, and not listed where there is none.
"""

from __future__ import annotations

from .blocks import Loss, Losses, Message
from .conversion import Conversion, Converter, convert, from_neutral, to_neutral

__all__ = ["Conversion", "Converter", "Loss", "Losses", "Message", "convert", "from_neutral", "to_neutral"]
