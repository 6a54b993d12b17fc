"""A run as readers see it."""

from __future__ import annotations

from typing import NamedTuple

from ai_transport_codecs.errors import AgentError

from .events import RunStatus
from .nodes import RunNode
from .steps import StepInfo


class RunInfo(NamedTuple):
    """A run as it stands; what happens to it later does not change this.

    ``answered_by`` is the client whose answer resumed the run last, which is the first one that was given.
    """

    run_id: str
    status: RunStatus
    client_id: str
    invocation_id: str
    steps: list[StepInfo]
    error: AgentError | None
    answered_by: str | None = None


def run_info(node: RunNode) -> RunInfo:
    """What is known of a run now."""
    return RunInfo(
        node.run_id, node.status, node.client_id, node.invocation_id, node.steps, node.error, node.answered_by
    )
