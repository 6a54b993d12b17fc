"""What an agent remembers, as plain data: LlamaIndex leaves it out of the contexts that it writes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.memory import ChatMemoryBuffer

from ai_transport_codecs.codecs.llamaindex.blocks import build_blocks, build_message, plain_blocks, plain_kwargs
from ai_transport_codecs.codecs.llamaindex.plain import Plainer, restored


def plain_memory(messages: Iterable[ChatMessage], token_limit: int | None) -> dict[str, Any]:
    """A memory of these messages, as plain data."""
    plainer = Plainer()
    plain = [
        {
            "role": message.role.value,
            "blocks": plain_blocks(plainer, message.blocks),
            "kwargs": plain_kwargs(plainer, message),
        }
        for message in messages
    ]
    return {"messages": plain, "token_limit": token_limit}


def build_memory(plain: dict[str, Any]) -> ChatMemoryBuffer:
    """A memory of these messages."""
    messages = [
        build_message(each["role"], build_blocks(restored(each["blocks"])), restored(each["kwargs"]))
        for each in plain["messages"]
    ]
    return ChatMemoryBuffer.from_defaults(chat_history=messages, token_limit=plain["token_limit"])
