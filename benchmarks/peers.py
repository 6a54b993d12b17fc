"""What other packages cost for the same job, measured once elsewhere: for orientation beside this run's figures.

Microseconds per text delta, best of three runs, Python 3.11 on two shared cores, November 2026.
"""

from __future__ import annotations

from typing import Final

PEERS: Final[dict[str, float]] = {
    "langchain-vercel-ai-sdk-adapter 0.2.0, whole path, text only": 4.76,
    "ai-datastream 0.1.1, whole path": 5.31,
    "ai-sdk-stream-python 0.4.1, whole path": 5.83,
    "assistant-stream 0.0.36, whole path": 6.31,
    "pydantic-ai-slim 2.68.0 to Vercel, whole path": 11.44,
    "deepagents-serve 0.1.0, whole path": 12.97,
    "ai 0.8.0, whole path": 15.92,
    "pydantic-ai-slim 2.68.0 to AG-UI, whole path": 21.49,
    "ag-ui-langgraph 0.0.47, whole path": 752.09,
    "langserve 0.3.3, decode": 26.40,
    "langgraph-sdk 0.4.14, decode": 4.45,
    "langchain-core 1.7.2, acc + chunk": 18.46,
    "@ably/ai-transport 0.8.0 (JavaScript), encode": 3.7,
    "@ably/ai-transport 0.8.0 (JavaScript), decode and fold": 1.3,
}
