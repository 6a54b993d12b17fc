"""Random streams of chunks: readers hold LangChain's sum, whenever they joined and however text is cut on the way."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessageChunk

from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.messages import InboundMessage
from tests.codecs.langchain.expected import summed
from tests.codecs.langchain.wire import joined, live, write_all

TEXT = st.text(alphabet='ab "{}[]:1é😀\n/#~$', max_size=4)


def blocks(index: int) -> st.SearchStrategy[dict[str, Any]]:
    """A piece of the block with this index, or a block without one."""

    def block(type_: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
        return st.fixed_dictionaries({"type": st.just(type_), **fields})

    at = st.just(index)
    numbers = st.lists(st.integers(0, 3), max_size=2)
    summary = block("summary_text", text=TEXT, index=st.integers(0, 1))
    return st.one_of(
        block("text", text=TEXT, index=at),
        block("text", text=TEXT, index=at, annotations=st.lists(block("citation", n=st.integers()), max_size=2)),
        block("text", index=at, extras=st.dictionaries(st.sampled_from("x/ "), numbers, max_size=2)),
        block("thinking", thinking=TEXT, index=at),
        block("input_json_delta", partial_json=TEXT, index=at),
        block("reasoning", index=at, summary=st.lists(summary, max_size=1)),
        *[block("image", base64=TEXT)] * 3,  # often, since several in a row are written in another way
    )


def once_each(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without a second block of one index, which LangChain would keep apart in a first chunk."""
    seen: set[int] = set()
    kept = []
    for block in found:
        if (index := block.get("index")) not in seen:
            kept.append(block)
            seen |= set() if index is None else {index}
    return kept


LISTS = st.lists(st.integers(0, 2).flatmap(blocks), max_size=3).map(once_each)
CONTENTS = st.sampled_from([TEXT, LISTS, st.one_of(TEXT, LISTS)])


@st.composite
def streams(draw: st.DrawFn) -> list[AIMessageChunk]:
    """The chunks of one message, as a provider may send them and LangChain adds up without harm."""
    contents = draw(CONTENTS)
    count = draw(st.integers(1, 10))
    called: set[int] = set()
    has_usage = False
    chunks = []
    for number in range(count):
        content = draw(contents)
        calls = draw(st.lists(st.integers(0, 2), max_size=2, unique=True))
        fields: dict[str, Any] = {
            "tool_call_chunks": [
                {
                    "name": None if index in called else f"f{index}",
                    "args": draw(TEXT),
                    "id": None if index in called else f"c{index}",
                    "index": index,
                }
                for index in calls
            ]
        }
        called |= set(calls)
        kwargs = st.fixed_dictionaries(
            {}, optional={"reasoning_content": TEXT, "function_call": st.fixed_dictionaries({"arguments": TEXT})}
        )
        fields["additional_kwargs"] = draw(kwargs)
        tokens = st.lists(st.fixed_dictionaries({"token": TEXT}), max_size=2)
        fields["response_metadata"] = draw(
            st.fixed_dictionaries(
                {}, optional={"model_provider": st.just("x"), "n": st.integers(0, 3), "logprobs": tokens}
            )
        )
        if draw(st.booleans()):
            fields["usage_metadata"] = {"input_tokens": 0 if has_usage else 5, "output_tokens": 1, "total_tokens": 1}
            has_usage = True
        fields["id"] = draw(st.sampled_from([None, "lc_run--1", "own"]))
        if number == count - 1 and draw(st.booleans()):
            fields["chunk_position"] = "last"
        # An empty list at first, then text, is what LangChain loses.
        said: Any = "" if number == 0 and content == [] else content
        chunks.append(AIMessageChunk(content=said, **fields))
    return chunks


def cut(deliveries: list[InboundMessage], data: st.DataObject) -> list[InboundMessage]:
    """The same deliveries with the text of some appends cut in two, as an outbox or a channel may do."""
    found: list[InboundMessage] = []
    for delivery in deliveries:
        if delivery.action == names.APPEND and delivery.data and data.draw(st.booleans()):
            at = data.draw(st.integers(0, len(delivery.data)))
            streaming = {"ai": {**delivery.extras["ai"], "transport": {**delivery.extras["ai"]["transport"]}}}
            streaming["ai"]["transport"]["status"] = names.STREAMING
            version = delivery.version or ""
            found.append(delivery._replace(version=f"{version}a", data=delivery.data[:at], extras=streaming))
            found.append(delivery._replace(version=f"{version}b", data=delivery.data[at:]))
        else:
            found.append(delivery)
    return found


@given(streams(), st.data())
def test_readers_hold_langchains_sum_whenever_they_join(chunks: list[AIMessageChunk], data: st.DataObject) -> None:
    expected = summed(chunks)
    deliveries = write_all(chunks).deliveries
    assert live(deliveries).messages == [expected]
    position = data.draw(st.integers(0, len(deliveries)))
    assert joined(deliveries, position).messages == [expected]


@given(streams(), st.data())
def test_how_text_is_cut_on_the_way_does_not_matter(chunks: list[AIMessageChunk], data: st.DataObject) -> None:
    deliveries = write_all(chunks).deliveries
    assert live(cut(deliveries, data)).messages == live(deliveries).messages


@given(st.lists(streams(), min_size=2, max_size=3), st.randoms(use_true_random=False))
def test_messages_that_several_tasks_stream_at_once_do_not_mix(
    sources: list[list[AIMessageChunk]], random: Any
) -> None:
    order = [number for number, chunks in enumerate(sources) for _ in chunks]
    random.shuffle(order)
    remaining = [iter(chunks) for chunks in sources]
    items = [(next(remaining[number]), {"langgraph_checkpoint_ns": f"task:{number}"}) for number in order]
    messages = live(write_all(items).deliveries).messages
    assert messages == [summed(sources[number]) for number in dict.fromkeys(order)]
