"""Which of LlamaIndex's events are carried, dropped or refused, and what their fields are as plain data.

Tables by class: an event of a subclass goes the way of its nearest listed base. Classes are looked up by name in the
installed packages, since some are newer than the oldest version supported.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any, Final

import workflows.events
from llama_index.core.agent.workflow import workflow_events
from llama_index.core.base.response import schema
from llama_index.core.instrumentation import events as instrumentation
from llama_index.core.workflow import Event
from workflows import handler

from .plain import Plainer

try:
    from llama_index.core.chat_ui import events as _chat_ui
except ImportError:  # an older version
    _chat_ui = None  # type: ignore[assignment]


def _classes(module: ModuleType | None, rows: Mapping[str, str]) -> dict[type[Any], str]:
    found = {getattr(module, name, None): value for name, value in rows.items()}
    return {cls: value for cls, value in found.items() if isinstance(cls, type)}


CARRIED: Final[Mapping[type[Any], str]] = {
    **_classes(
        workflow_events,
        {
            "AgentInput": "_agent_input",
            "AgentStream": "_agent_stream",
            "AgentStreamStructuredOutput": "_structured",
            "AgentOutput": "_agent_output",
            "ToolCall": "_tool_call",
            "ToolCallResult": "_tool_result",
        },
    ),
    **_classes(
        workflows.events,
        {
            "InputRequiredEvent": "_input_required",
            "HumanResponseEvent": "_human_response",
            "StopEvent": "_stop",
            "WorkflowTimedOutEvent": "_timed_out",
            "WorkflowCancelledEvent": "_cancelled",
            "WorkflowFailedEvent": "_failed",
            "Event": "_custom",
        },
    ),
    **_classes(_chat_ui, {"UIEvent": "_ui", "SourceNodesEvent": "_source_nodes", "ArtifactEvent": "_artifact"}),
}
"""Event classes, and the translator's method for each."""

DROPPED: Final[Mapping[type[Any], str]] = {
    **_classes(
        workflow_events,
        {
            "AgentSetup": "the input of the model, with the system prompt: it stays with the agent",
            "AgentWorkflowStartEvent": "what the run was started with; readers have the conversation",
        },
    ),
    **_classes(
        workflows.events,
        {
            "StartEvent": "what the run was started with; readers have the conversation",
            "IdleReleasedEvent": "of the runtime, which released an idle workflow; nothing was said",
            "InternalDispatchEvent": "internals of the workflow's steps",
            "WorkflowIdleEvent": "internals of the workflow's steps",
            "UnhandledEvent": "internals of the workflow's steps",
            "StepStateChanged": "internals of the workflow's steps",
            "CollectionReleaseEvent": "internal: the input of a step that collects",
            "StepFailedEvent": "for the step that handles errors: it holds the whole input of the failed one",
        },
    ),
}
"""Event classes that readers have no use for, or must not see, and why."""

REFUSED: Final[Mapping[type[Any], str]] = {
    **_classes(
        instrumentation,
        {"BaseEvent": "it is for observability and holds all of a model's input; stream the responses themselves"},
    ),
    **_classes(
        schema,
        {
            "Response": "it is the result of a query, not a stream; stream response.response, or a chat engine",
            "PydanticResponse": "it is the result of a query, not a stream; stream response.response",
            "StreamingResponse": "stream its text: pipe response.response_gen",
            "AsyncStreamingResponse": "stream its text: pipe response.async_response_gen()",
        },
    ),
    **_classes(handler, {"WorkflowHandler": "pipe handler.stream_events()"}),
}
"""What a source may yield by mistake, and what to do instead."""

SOURCE_NODES: Final[type[Any] | None] = getattr(_chat_ui, "SourceNodesEvent", None)
"""The event that says what an answer draws on, if the installed LlamaIndex has it."""

_FRAMEWORK: Final = ("llama_index.core.", "workflows.")


def is_unknown(event: Any) -> bool:
    """Whether an event is the framework's own, but of a version that this table does not know."""
    return isinstance(event, Event) and type(event) not in CARRIED and type(event).__module__.startswith(_FRAMEWORK)


def plain_fields(plainer: Plainer, event: Event) -> dict[str, Any]:
    """The fields of an event, declared and dynamic ones, as plain data."""
    cls = type(event)
    declared = {name: getattr(event, name) for name, field in cls.model_fields.items() if not field.exclude}
    return plainer.plain_object(cls.__name__, {**declared, **dict(event.items())})
