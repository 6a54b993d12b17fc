"""Completions as objects of OpenAI's SDK. The only module of this codec that imports it."""

from __future__ import annotations

from typing import Any

from openai.types.chat import ChatCompletion

from .completion import Completion


def sdk_completion(completion: Completion) -> ChatCompletion:
    """The completion as the SDK returns one that is not streamed; unknown and mistyped fields are kept."""
    values: dict[str, Any] = dict(completion)
    return ChatCompletion.construct(**values)
