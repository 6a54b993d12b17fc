"""Who answers in the web demo: a model for each kind of question, recorded or real."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool, tool
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from ai_transport_codecs.cli.demo.conversation import ConversationProvider
from ai_transport_codecs.cli.demo.isolation import local_environment
from ai_transport_codecs.cli.demo.options import RealProvider
from ai_transport_codecs.cli.demo.pacing import no_pauses
from ai_transport_codecs.cli.demo.provider import Take
from ai_transport_codecs.cli.demo.recording import Recording, buildings, story, weather

Model: TypeAlias = Runnable[Any, BaseMessage]
Api: TypeAlias = Literal["chat", "responses"]


@tool
def get_current_weather(location: str) -> str:
    """The current weather in a city."""
    return f"72°F, sunny and windy in {location}"


TOOLS: Final[dict[str, BaseTool]] = {get_current_weather.name: get_current_weather}
"""What the agent can do. Each call waits for a person's approval."""

_THINKS: Final = ("building", "think", "reason")


@dataclass(frozen=True, slots=True)
class Cast:
    """A model for each kind of question. ``suggestions`` are questions that show what there is to see."""

    plain: Model
    thinking: Model
    with_tools: Model
    suggestions: tuple[str, ...]

    def model_for(self, question: str) -> Model:
        """The one that answers it."""
        words = question.casefold()
        if "weather" in words:
            return self.with_tools
        return self.thinking if any(word in words for word in _THINKS) else self.plain


class _Repertoire(ConversationProvider):
    """A recorded conversation; ``fast`` leaves out the pauses of a provider."""

    def __init__(self, *rounds: Recording, api: Api, fast: bool) -> None:
        super().__init__(rounds, api=api)
        self._fast = fast

    def choose(self, body: dict[str, Any]) -> Take:
        take = super().choose(body)
        return replace(take, pauses=no_pauses(take.recording)) if self._fast else take


@asynccontextmanager
async def open_cast(real: RealProvider | None, *, fast: bool) -> AsyncIterator[Cast]:
    """The provider's model for everything, or else one for each recording."""
    if real is not None:
        model = ChatOpenAI(model=real.model, base_url=real.base_url, api_key=SecretStr(real.api_key))
        acting = model.bind_tools(list(TOOLS.values()))
        questions = ("What is the weather in Boston?", "Write a story about a cat.")
        yield Cast(acting, acting, acting, questions)
        return
    async with AsyncExitStack() as stack:
        stack.enter_context(local_environment())

        async def recorded(*rounds: Recording, api: Api = "chat") -> ChatOpenAI:
            provider = await stack.enter_async_context(_Repertoire(*rounds, api=api, fast=fast))
            return ChatOpenAI(
                model="recorded",
                base_url=provider.base_url,
                api_key=SecretStr("none"),
                use_responses_api=api == "responses",
            )

        cat, thought, sky = story(), buildings(), weather("chat")
        yield Cast(
            plain=await recorded(cat),
            thinking=await recorded(thought, api="responses"),
            with_tools=(await recorded(*sky)).bind_tools(list(TOOLS.values())),
            suggestions=(cat.question, thought.question, sky[0].question),
        )
