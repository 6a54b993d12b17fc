"""Message names and fixed header values of AI Transport 0.8 (codec spec 0, session spec 2.2)."""

from __future__ import annotations

from typing import Final

INPUT: Final = "ai-input"
OUTPUT: Final = "ai-output"
RUN_START: Final = "ai-run-start"
RUN_SUSPEND: Final = "ai-run-suspend"
RUN_RESUME: Final = "ai-run-resume"
RUN_END: Final = "ai-run-end"
STEP_START: Final = "ai-step-start"
STEP_END: Final = "ai-step-end"
CANCEL: Final = "ai-cancel"

RUN_LIFECYCLE: Final = frozenset({RUN_START, RUN_SUSPEND, RUN_RESUME, RUN_END})
STEP_LIFECYCLE: Final = frozenset({STEP_START, STEP_END})

# Values of the `status` header of a streamed message.
STREAMING: Final = "streaming"
COMPLETE: Final = "complete"
CANCELLED: Final = "cancelled"

# Message actions, as Ably client libraries name them.
CREATE: Final = "message.create"
APPEND: Final = "message.append"
UPDATE: Final = "message.update"
DELETE: Final = "message.delete"
META: Final = "meta"
SUMMARY: Final = "message.summary"
