"""What readers hold while a completion grows, and what it costs."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from tests.codecs.openai.chat.test_translator import chunk, completion_of
from tests.codecs.openai.chat.wire import Log, live, write_all, write_each


def progress(log: Log) -> Any:
    """A field that the SDK does not know, as a reader holds it."""
    choice: dict[str, Any] = {**live(log.deliveries).completions[0]["choices"][0]}
    return choice.get("progress")


def test_a_field_that_changed_is_said_when_its_choice_finishes() -> None:
    log = Log()
    items = [chunk(progress=1), chunk(progress=2), chunk(progress=3, finish_reason="stop"), chunk(progress=4)]
    seen = [progress(log) for _ in write_each(log, items)]
    assert seen == [1, 1, 3, 3]
    assert progress(log) == 4


def test_an_empty_piece_of_an_objects_text_costs_no_message() -> None:
    said = chunk({"audio": {"id": "a", "data": "QUJD"}})
    empty = chunk({"audio": {"data": "", "transcript": ""}})
    few, more = write_all([said, empty]), write_all([said, *[empty] * 20])
    assert len(more.deliveries) == len(few.deliveries)
    assert completion_of([said, empty])["choices"][0]["message"]["audio"] == {
        "id": "a",
        "data": "QUJD",
        "transcript": "",
    }


def test_choices_may_be_any_mapping() -> None:
    whole = chunk({"role": "assistant", "content": "Hi"}, finish_reason="stop")
    choices: list[Any] = [OrderedDict(each) for each in whole["choices"]]
    assert completion_of([{**whole, "choices": choices}]) == completion_of([whole])
