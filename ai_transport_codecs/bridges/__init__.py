"""Bridges: what any framework streams, for a React page that reads UI messages (``useChat``), and back as history.

An existing handler, in a session with ``codec="vercel"``::

    from ai_transport_codecs.bridges import bridged
    from ai_transport_codecs.codecs.langchain import chain_turn

    async with AgentSession(client, "conversations:42", codec="vercel") as session:
        await session.serve(bridged(chain_turn(prompt | model), "langchain"))

A handler of one's own::

    async def answer(run):
        await run.view.load()
        history = ui_history(run.view.get_messages(), "langchain")
        await run.pipe(ui_chunks(chain.astream(history), "langchain"))

Text, reasoning, tool calls with their inputs as they come and their results, sources, files, data, steps, the reason
why it ended, model and tokens: what a framework's message says when it is whole, as :mod:`ai_transport_codecs.convert`
reads it, the UI message says too. A framework is loaded when its bridge is used.
"""

from __future__ import annotations

from .chunks import UiChunks, ui_chunks
from .frameworks import FRAMEWORKS
from .history import ui_history
from .run import BridgedRun, PipedResult, bridged
from .translator import UiTranslator

__all__ = ["FRAMEWORKS", "BridgedRun", "PipedResult", "UiChunks", "UiTranslator", "bridged", "ui_chunks", "ui_history"]
