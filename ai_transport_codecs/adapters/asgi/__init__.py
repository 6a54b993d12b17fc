"""Agents behind HTTP, for Starlette, FastAPI and every ASGI server. Needs the extra ``asgi``.

:func:`agent_app` makes the application: clients say something on a channel and post the invocation; the agent is woken,
answers at once with the ids of its run, and streams over the channel.
"""

from __future__ import annotations

from .access import Allow
from .app import AgentApp, agent_app
from .desk import posted

__all__ = ["AgentApp", "Allow", "agent_app", "posted"]
