"""The names of this codec's own kinds, and the limits of what they carry.

The reference knows messages, reasoning and function calls. Whatever else the API streams travels in messages of kinds
that begin with ``x-``: a reference reader decodes them to nothing, and what it can say itself it still sees, because
text, reasoning, calls and their outputs travel in its own kinds only.

* ``x-item`` states an item of another type, ``x-item-patch`` changes an item of any type, by JSON pointers;
* ``x-text`` extends the text at a pointer of an item, or of the message's audio when it names no item;
* ``x-progress`` tells the phase of a hosted tool, ``x-response`` status and usage of the response;
* ``x-event`` carries an event that has no place in an item, ``x-delta`` the growing text of unknown ones;
* ``x-chunk`` is one piece of any of these that is too large for a message.
"""

from __future__ import annotations

from typing import Final

ITEM: Final = "x-item"
PATCH: Final = "x-item-patch"
PROGRESS: Final = "x-progress"
RESPONSE: Final = "x-response"
EVENT: Final = "x-event"
CHUNK: Final = "x-chunk"
TEXT: Final = "x-text"
TEXT_START: Final = "x-text-start"
TEXT_DELTA: Final = "x-text-delta"
TEXT_END: Final = "x-text-end"
DELTA: Final = "x-delta"
DELTA_START: Final = "x-delta-start"
DELTA_DELTA: Final = "x-delta-delta"
DELTA_END: Final = "x-delta-end"

PART: Final = "x-"
"""What begins the part type of content that the reference cannot say in a user message, such as ``x-input_image``."""

ITEM_ADDED: Final = "response.output_item.added"
ITEM_DONE: Final = "response.output_item.done"
PART_ADDED: Final = "response.content_part.added"
SUMMARY_PART_ADDED: Final = "response.reasoning_summary_part.added"
OUTPUT: Final = "function_call_output"
APPROVAL_REQUEST: Final = "tool-approval-request"

MESSAGE: Final = "message"
REASONING: Final = "reasoning"
FUNCTION_CALL: Final = "function_call"
REFERENCE_ITEMS: Final = (MESSAGE, REASONING, FUNCTION_CALL)
"""No set: what is looked for in it is foreign, and may have no hash."""

MAX_WHOLE: Final = 24_576
"""Bytes of JSON that travel as one message; the smallest limit that Ably has for one is 65,536, headers included."""

MAX_HEADER: Final = 4_096
"""Bytes of JSON in the headers that each append of a stream repeats."""

MAX_CHUNKS: Final = 512
MAX_PENDING: Final = 8
"""Values of one message that a reader assembles at the same time."""
