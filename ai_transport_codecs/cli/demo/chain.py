"""The chain that answers: LangChain's own parts, nothing of ours in it."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import Runnable
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from .backend import Backend


def build_chain(backend: Backend) -> Runnable[Any, BaseMessage]:
    """A prompt and a chat model of the backend's provider, as anybody would write it."""
    prompt = ChatPromptTemplate.from_messages(
        [("system", "You are friendly, and you tell good stories."), MessagesPlaceholder("messages")]
    )
    model = ChatOpenAI(model=backend.model, base_url=backend.base_url, api_key=SecretStr(backend.api_key))
    return prompt | model
