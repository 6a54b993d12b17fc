"""Random encoder operations write what codec spec b says; where writes fail, the deviation keeps its rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ai_transport_codecs.testing.vectors.runner import run_vector

from .vector_model import recorded

IDS = st.sampled_from(["a", "b", ""])
TEXT = st.sampled_from(["", "x", "yz", "é😀"])
HEADERS = st.dictionaries(
    st.sampled_from(["run-id", "stream", "status", "codec-message-id", "role", "own"]), st.sampled_from(["", "1", "2"])
)
WRITE_OPTIONS = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {}, optional={"extras": st.builds(lambda held: {"headers": held}, HEADERS), "messageId": TEXT}
    ),
)
HOOKS = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {},
        optional={
            "throw_on": st.lists(st.integers(1, 5), max_size=2),
            "set_transport": st.just({"stamp": "yes"}),
            "set_codec": st.just({"via": "hook"}),
            "counter": st.just("h"),
        },
    ),
)
PAYLOADS = st.fixed_dictionaries(
    {"name": st.sampled_from(["ai-output", "ai-input", ""]), "data": TEXT},
    optional={
        "codecHeaders": st.dictionaries(st.sampled_from(["kind", "id"]), TEXT),
        "transportHeaders": HEADERS,
        "ephemeral": st.booleans(),
    },
)


def with_options(operation: Any) -> Any:
    return st.builds(
        lambda made, options: made if options is None else made | {"options": options}, operation, WRITE_OPTIONS
    )


def operation(name: str, **parts: Any) -> Any:
    return st.fixed_dictionaries({"op": st.just(name), **parts})


OPERATIONS = st.one_of(
    with_options(operation("startStream", streamId=IDS, payload=PAYLOADS)),
    operation("appendStream", streamId=IDS, data=TEXT),
    operation("appendStream", streamId=IDS, data=TEXT),
    operation("closeStream", streamId=IDS, payload=PAYLOADS),
    with_options(operation("cancelAllStreams")),
    with_options(operation("publishDiscrete", payload=PAYLOADS)),
    with_options(operation("publishDiscreteBatch", payloads=st.lists(PAYLOADS, max_size=3))),
    operation("close"),
)
OPENING = st.builds(
    lambda headers, hook: {
        "op": "encoderCore",
        "options": {"extras": {"headers": headers}} | ({"hook": hook} if hook else {}),
    },
    HEADERS,
    HOOKS,
)
EVENTS = st.builds(lambda first, rest: [first, *rest], OPENING, st.lists(OPERATIONS, max_size=12))
CALLS = st.lists(st.integers(1, 4), max_size=2, unique=True)


def _core(op: str, **fields: Any) -> dict[str, Any]:
    return {"op": op, **fields}


_STARTED = {"name": "ai-output", "data": ""}
REOPENED = [
    _core("encoderCore", options={"extras": {"headers": {}}}),
    *(_core("startStream", streamId=id, payload=dict(_STARTED)) for id in "aaba"),
    _core("cancelAllStreams"),
]
"""Starts that fail leave no place in the order in which streams are cancelled."""


@given(EVENTS, st.fixed_dictionaries({}, optional={"fail_publish": CALLS, "no_serial_on_publish": CALLS}))
@example(REOPENED, {"fail_publish": [1, 2]})
@settings(deadline=None, max_examples=100, derandomize=True)
def test_what_is_written_is_what_the_rules_say(events: list[Any], writer: dict[str, Any]) -> None:
    verdict = run_vector(recorded(events, writer), Path())
    assert verdict.outcome == "passed", verdict.reason


@given(EVENTS, st.fixed_dictionaries({"fail_append": CALLS}, optional={"fail_update": CALLS, "fail_publish": CALLS}))
@settings(deadline=None, max_examples=100, derandomize=True)
def test_a_vector_with_lost_writes_is_held_to_the_deviations_rule(events: list[Any], writer: dict[str, Any]) -> None:
    verdict = run_vector(recorded(events, writer), Path())
    assert verdict.outcome == "passed", verdict.reason
