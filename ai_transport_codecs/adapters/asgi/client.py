"""The one connection that all sessions of an app share: given, or made when the app starts."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, TypeAlias

ClientSource: TypeAlias = Any
"""A client as sessions take it; or a function that makes one, at once, as an awaitable or as a context manager."""


async def open_client(source: ClientSource, stack: AsyncExitStack) -> Any:
    """The client; what was made is closed with ``stack``, what was given is not."""
    if not _is_factory(source):
        return source
    made = source()
    if inspect.isawaitable(made):
        made = await made
    if isinstance(made, AbstractAsyncContextManager):
        return await stack.enter_async_context(made)
    return made


def _is_factory(source: ClientSource) -> Callable[[], Any] | None:
    return source if callable(source) and not hasattr(source, "channel") and not hasattr(source, "channels") else None
