"""For each law a codec that breaks it: the proof that the kit can fail."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from ai_transport_codecs.codec.contract import CodecMessage, Decoded, FoldMeta
from ai_transport_codecs.codec.descriptors import Data, Discrete, drop, event, input_batch, input_event, part, text_data
from ai_transport_codecs.codec.fields import HeaderField, flag, text
from ai_transport_codecs.codec.operations import Append, Close, Publish, PublishBatch
from ai_transport_codecs.errors import UnsupportedEventError
from ai_transport_codecs.testing import Sample, Subject
from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.headers import codec_headers, transport_headers
from ai_transport_codecs.wire.messages import InboundMessage
from tests.testing import acme
from tests.testing.acme import ACME, INPUTS, OUTPUTS, Reducer, Translator, subject


class Variant:
    """The healthy object with other members."""

    def __init__(self, healthy: Any, **members: Any) -> None:
        self._healthy = healthy
        self.__dict__.update(members)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._healthy, name)


def outputs(*rows: Any) -> Any:
    """The codec with these rows in the place of those that have the same type."""
    changed = {getattr(row, "type", getattr(row, "kind", "")): row for row in rows}
    return acme.acme(outputs=[changed.get(getattr(row, "type", getattr(row, "kind", "")), row) for row in OUTPUTS])


def inputs(*rows: Any) -> Any:
    """The same for input rows."""
    changed = {row.kind: row for row in rows}
    return acme.acme(inputs=[changed.get(row.kind, row) for row in INPUTS])


def reducing(**methods: Any) -> Any:
    """The codec with a reducer that has other methods."""
    return acme.acme(reducer=type("Broken", (Reducer,), methods)())


def translating(**methods: Any) -> Any:
    return acme.acme(translator=type("Broken", (Translator,), methods))


def encoding(make: Callable[[Any], Any]) -> Any:
    """The codec whose encoders are what ``make`` makes of healthy ones."""
    return Variant(ACME, create_encoder=lambda options=None: make(ACME.create_encoder(options)))


def rewriting(change: Callable[[Any], Iterable[Any]]) -> Any:
    """The codec whose encoders write other operations."""

    def make(healthy: Any) -> Any:
        def write(method: Callable[..., Any]) -> Callable[..., Any]:
            return lambda *given: [new for operation in method(*given) for new in change(operation)]

        return Variant(
            healthy,
            encode_output=write(healthy.encode_output),
            encode_input=write(healthy.encode_input),
            cancel_streams=write(healthy.cancel_streams),
        )

    return encoding(make)


def decoding(broken: type[BrokenDecoder]) -> Any:
    return Variant(ACME, create_decoder=lambda: broken(ACME))


class BrokenDecoder:
    """A decoder to be broken; healthy as it is."""

    def __init__(self, codec: Any) -> None:
        self.codec = codec
        self.healthy = codec.create_decoder()
        self.seen: dict[Any, Any] = {}

    def decode(self, message: InboundMessage) -> Decoded:
        decoded: Decoded = self.healthy.decode(message)
        return decoded

    def restate(self, serial: str) -> Decoded:
        decoded: Decoded = self.healthy.restate(serial)
        return decoded


# ------------------------------------------------------------------------------------------------- broken decoders


class OnlyForwards(BrokenDecoder):
    """Skips what is older than what it has seen."""

    def decode(self, message: InboundMessage) -> Decoded:
        newest = max(self.seen.get("serial", ""), message.serial or "")
        self.seen["serial"] = newest
        return Decoded() if (message.serial or "") < newest else super().decode(message)


class NoUpdates(BrokenDecoder):
    """Skips updates of what it knows."""

    def decode(self, message: InboundMessage) -> Decoded:
        is_known = message.serial in self.seen
        self.seen[message.serial] = True
        return Decoded() if is_known and message.action == names.UPDATE else super().decode(message)


class NoFirstContact(BrokenDecoder):
    """Knows streams by their start only."""

    def decode(self, message: InboundMessage) -> Decoded:
        if message.action == names.CREATE:
            self.seen[message.serial] = True
        is_open = transport_headers(message.extras).get(h.STATUS) == names.STREAMING
        return Decoded() if is_open and message.serial not in self.seen else super().decode(message)


class BeginsAnew(BrokenDecoder):
    """Forgets everything when a delivery comes twice."""

    def decode(self, message: InboundMessage) -> Decoded:
        key = (message.serial, message.version)
        if key in self.seen:
            self.healthy = self.codec.create_decoder()
        self.seen[key] = True
        return super().decode(message)


class TakesUpdatesForAppends(BrokenDecoder):
    def decode(self, message: InboundMessage) -> Decoded:
        is_known = message.serial in self.seen
        self.seen[message.serial] = True
        if is_known and message.action == names.UPDATE:
            message = message._replace(action=names.APPEND)
        return super().decode(message)


class HidesReplacement(BrokenDecoder):
    def decode(self, message: InboundMessage) -> Decoded:
        return super().decode(message)._replace(replaced=False)


class GoesOnAfterTheEnd(BrokenDecoder):
    def decode(self, message: InboundMessage) -> Decoded:
        decoded = super().decode(message)
        deltas = [each for each in decoded.outputs if each["type"] == "text-delta"]
        if deltas:
            self.seen[message.serial] = deltas[0]
        elif message.data == "MORE" and message.serial in self.seen:
            return Decoded((), [{**self.seen[message.serial], "delta": message.data}])
        return decoded


class OneRunOnly(BrokenDecoder):
    def decode(self, message: InboundMessage) -> Decoded:
        run = transport_headers(message.extras).get(h.RUN_ID)
        return super().decode(message) if self.seen.setdefault("run", run) == run else Decoded()


class RestatesNoText(BrokenDecoder):
    def restate(self, serial: str) -> Decoded:
        return Decoded((), super().restate(serial).outputs[:1])


class TakesHeadersAway(BrokenDecoder):
    def decode(self, message: InboundMessage) -> Decoded:
        decoded = super().decode(message)
        message.extras["ai"]["codec"].pop(h.KIND, None)
        return decoded


class NamelessEvents(BrokenDecoder):
    def decode(self, message: InboundMessage) -> Decoded:
        decoded = super().decode(message)
        return Decoded(decoded.inputs, [{k: v for k, v in each.items() if k != "type"} for each in decoded.outputs])


class KnownKindsOnly(BrokenDecoder):
    def decode(self, message: InboundMessage) -> Decoded:
        kind = codec_headers(message.extras).get(h.KIND)
        if message.name is not None and kind not in {"text", "args", "note", "done", *ACME.inputs.kinds}:
            raise KeyError(kind)
        return super().decode(message)


class WantsAnEnvelope(BrokenDecoder):
    def decode(self, message: InboundMessage) -> Decoded:
        return super().decode(message) if message.extras["ai"] else Decoded()


class TrustsHeaders(BrokenDecoder):
    def decode(self, message: InboundMessage) -> Decoded:
        for value in codec_headers(message.extras).values():
            value.encode("utf-8")
        return super().decode(message)


class DatasLength(BrokenDecoder):
    def decode(self, message: InboundMessage) -> Decoded:
        decoded = super().decode(message)
        if decoded.outputs and decoded.outputs[0]["type"] == "note":
            assert isinstance(decoded.outputs[0]["body"], dict)
        return decoded


# ---------------------------------------------------------------------------------------------- broken in other parts


def _shared_projection() -> Any:
    shared: dict[str, Any] = {}
    return reducing(init=lambda self: shared)


def _counting_translator() -> Any:
    counter = itertools.count()

    class Counting(Translator):
        def translate(self, item: Any) -> Iterable[Any]:
            number = next(counter)
            return [{**each, "meta": number} for each in super().translate(item)]

    return acme.acme(translator=Counting)


def _bang_on_reading(self: Reducer, projection: Any) -> Any:
    for message in projection.values():
        message["parts"].append({"type": "read"})
    return Reducer.get_messages(self, projection)


def _number_header() -> Any:
    return outputs(event("note", HeaderField("topic", lambda value: 5, lambda header: "x"), data=acme.NOTE.data))  # type: ignore[arg-type,return-value]


def _without_kind(event: Any, context: Any) -> Sequence[Any]:
    publishing: Sequence[Any] = context.core.publish_discrete(Discrete(names.OUTPUT, "", {}))
    return publishing


def _consuming(self: Translator, item: Any) -> Iterable[Any]:
    events = [*Translator.translate(self, dict(item) if isinstance(item, dict) else item)]
    item["streamed"] = True
    return events


def _random_ids(self: Translator, item: Any) -> Iterable[Any]:
    for each in Translator.translate(self, item):
        yield {**each, "topic": str(uuid.uuid4())} if each["type"] == "note" else each


def _marking(event: Any, context: Any) -> Sequence[Any]:
    event["written"] = True
    publishing: Sequence[Any] = context.core.publish_discrete(
        Discrete(names.OUTPUT, "", {h.KIND: "done", "why": event["why"]})
    )
    return publishing


def _appending_after_close(operation: Any) -> Iterable[Any]:
    return (operation, Append(operation.stream, "!")) if isinstance(operation, Close) else (operation,)


def _closing_bare(operation: Any) -> Iterable[Any]:
    return (operation._replace(codec={}),) if isinstance(operation, Close) else (operation,)


def _one_by_one(operation: Any) -> Iterable[Any]:
    return map(Publish, operation.messages) if isinstance(operation, PublishBatch) else (operation,)


def _cancels_again(healthy: Any) -> Any:
    first = healthy.cancel_streams

    def cancel(found: list[Any] = []) -> Any:  # noqa: B006 - remembered on purpose
        found.extend(first())
        return list(found)

    return Variant(healthy, cancel_streams=lambda kept=[]: cancel(kept))


def _completes_on_cancel(healthy: Any) -> Any:
    def cancel() -> Any:
        return [
            each._replace(transport={**each.transport, h.STATUS: names.COMPLETE}) for each in healthy.cancel_streams()
        ]

    return Variant(healthy, cancel_streams=cancel)


def _writes_pings(healthy: Any) -> Any:
    def encode(event: Any, options: Any = None) -> Any:
        event = {"type": "done", "why": "stop"} if event == {"type": "ping"} else event
        return healthy.encode_output(event, options)

    return Variant(healthy, encode_output=encode)


def _writes_nothing_for_unknown(healthy: Any) -> Any:
    def encode(event: Any, options: Any = None) -> Any:
        try:
            return healthy.encode_output(event, options)
        except UnsupportedEventError:
            return ()

    return Variant(healthy, encode_output=encode)


def _swallowing(self: Translator, item: Any) -> Iterable[Any]:
    return () if isinstance(item, Mapping) and item.get("type") == "surprise" else Translator.translate(self, item)


def _taking_all(self: Translator, item: Any) -> Iterable[Any]:
    return Translator.translate(self, item) if isinstance(item, Mapping) else ()


def _order_of_first_text(self: Reducer, projection: Any, event: Any, message_id: str) -> None:
    Reducer.delta(self, projection, event, message_id)
    found = self.find(projection, message_id, event.get("id"))
    if found is not None and len(found["pieces"]) == 1:
        projection[message_id]["parts"].remove(found)
        projection[message_id]["parts"].append(found)


def _marks_events(self: Reducer, projection: Any, event: Any, message_id: str) -> None:
    event["folded"] = True
    Reducer.note(self, projection, event, message_id)


def _delta_of_known(self: Reducer, projection: Any, event: Any, message_id: str) -> None:
    projection[message_id]["parts"][0].setdefault("pieces", []).append(event["delta"])


def _done_of_known(self: Reducer, projection: Any, event: Any, message_id: str) -> None:
    projection[message_id]["why"] = event["why"]


def _counts_pieces(self: Reducer, part: Any) -> Any:
    shown = Reducer.shown_part(self, part)
    return {**shown, "count": len(part["pieces"])} if "pieces" in part else shown


def _parses_arguments(self: Reducer, part: Any) -> Any:
    shown = Reducer.shown_part(self, part)
    return {**shown, "text": json.loads(shown["text"])} if part["type"] == "args" else shown


def _strips(self: Reducer, projection: Any, event: Any, message_id: str) -> None:
    Reducer.delta(self, projection, {**event, "delta": event["delta"].strip()}, message_id)


def _spaces(self: Reducer, part: Any) -> Any:
    shown = Reducer.shown_part(self, part)
    return {**shown, "text": " ".join(part["pieces"])} if "pieces" in part else shown


def _finds_in_any(self: Reducer, projection: Any, message_id: str, id_: Any) -> Any:
    parts = [each for message in projection.values() for each in message["parts"]]
    return next((each for each in parts if "pieces" in each and each["id"] == id_), None)


def _upper(self: Reducer, part: Any) -> Any:
    shown = Reducer.shown_part(self, part)
    return {**shown, "text": shown["text"].upper()} if "pieces" in part else shown


def _other_ids(self: Reducer, projection: Any) -> Any:
    return [CodecMessage(f"x-{each.id}", each.message) for each in Reducer.get_messages(self, projection)]


def _tuples(self: Reducer, message: Any) -> Any:
    shown = Reducer.shown(self, message)
    return {**shown, "parts": tuple(shown["parts"])}


class _Unpicklable(dict[str, Any]):
    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("cannot pickle this projection")

    def __deepcopy__(self, memo: Any) -> Any:
        return _Unpicklable(json.loads(json.dumps(self)))


class _Shared(dict[str, Any]):
    def __deepcopy__(self, memo: Any) -> Any:
        return self


def _lone(self: Reducer, projection: Any, event: Any, meta: FoldMeta) -> Any:
    if event["type"] == "note":
        assert event["topic"].startswith("p") or event["topic"].startswith("t")
    return Reducer.fold_output(self, projection, event, meta)


_UNNAMED_NOTE: Final = event("note", flag("loud"), data=acme.NOTE.data)
_NUMBER_NOTE: Final = event(
    "note", text("topic"), flag("loud"), data=Data(lambda event: 42, lambda data: {"body": data})
)
_NO_ALT: Final = input_batch(
    "user-message",
    part("text", data=text_data("text")),
    part("image", data=text_data("url")),
    explode=acme.explode,
    assemble=lambda part, transport, codec: {"message": {"parts": [part]}},
)


MUTANTS: Final[Mapping[str, Callable[[], Subject]]] = {
    "codec_keeps_the_contract": lambda: subject(acme.acme(name="Acme Codec")),
    "capabilities_are_as_stated": lambda: subject(writes_streams=False),
    "projections_begin_empty_and_apart": lambda: subject(_shared_projection()),
    "codec_is_stateless": lambda: subject(_counting_translator()),
    "reading_messages_changes_nothing": lambda: subject(reducing(get_messages=_bang_on_reading)),
    "everything_written_can_travel": lambda: subject(outputs(_NUMBER_NOTE)),
    "headers_are_strings": lambda: subject(_number_header()),
    "messages_say_what_they_are": lambda: subject(outputs(event("done", encode=_without_kind))),
    "headers_of_the_session_are_kept": lambda: subject(
        Variant(ACME, create_encoder=lambda options=None: ACME.create_encoder())
    ),
    "streams_open_grow_and_close_once": lambda: subject(rewriting(_appending_after_close)),
    "complete_sources_leave_no_stream_open": lambda: subject(translating(finish=lambda self: ())),
    "appends_repeat_the_streams_headers": lambda: subject(rewriting(_closing_bare)),
    "translating_is_repeatable": lambda: subject(translating(translate=_random_ids)),
    "source_items_are_not_changed": lambda: subject(translating(translate=_consuming)),
    "events_are_not_changed_by_encoding": lambda: subject(outputs(event("done", *acme.DONE.fields, encode=_marking))),
    "hooks_see_every_message": lambda: subject(
        Variant(ACME, create_encoder=lambda options=None: ACME.create_encoder(_without_hook(options)))
    ),
    "cancelling_twice_is_cancelling_once": lambda: subject(encoding(_cancels_again)),
    "closed_encoders_refuse": lambda: subject(encoding(lambda healthy: Variant(healthy, close=lambda: None))),
    "batches_are_one_unit": lambda: subject(rewriting(_one_by_one)),
    "wire_equals_direct_fold": lambda: subject(outputs(_UNNAMED_NOTE)),
    "messages_are_the_frameworks_own": lambda: subject(reducing(shown_part=_upper)),
    "messages_belong_to_what_the_wire_names": lambda: subject(reducing(get_messages=_other_ids)),
    "messages_can_be_read_at_every_point": lambda: subject(reducing(shown_part=_parses_arguments)),
    "refolding_equals_folding": lambda: subject(reducing(delta=_order_of_first_text)),
    "events_are_not_changed_by_folding": lambda: subject(reducing(note=_marks_events)),
    "deliveries_are_not_changed_by_decoding": lambda: subject(decoding(TakesHeadersAway)),
    "events_without_context_do_no_harm": lambda: subject(reducing(delta=_delta_of_known)),
    "decoders_name_their_events": lambda: subject(decoding(NamelessEvents)),
    "joining_before_loading_history": lambda: subject(decoding(OnlyForwards)),
    "joining_after_loading_history": lambda: subject(decoding(NoUpdates)),
    "history_that_overlaps_what_was_live": lambda: subject(decoding(TakesUpdatesForAppends)),
    "history_in_pages_from_the_newest": lambda: subject(decoding(OnlyForwards)),
    "compacted_history_equals_live": lambda: subject(reducing(shown_part=_counts_pieces)),
    "joining_without_history_is_harmless": lambda: subject(reducing(done=_done_of_known)),
    "open_streams_can_be_restated": lambda: subject(decoding(RestatesNoText)),
    "any_split_of_text_is_the_same": lambda: subject(reducing(delta=_strips)),
    "any_roll_up_is_the_same": lambda: subject(reducing(shown_part=_spaces)),
    "repeated_deliveries_count_once": lambda: subject(decoding(BeginsAnew)),
    "updates_equal_appends": lambda: subject(decoding(NoUpdates)),
    "repaired_streams_lose_nothing": lambda: subject(decoding(TakesUpdatesForAppends)),
    "replaced_text_is_as_if_always_there": lambda: subject(decoding(HidesReplacement)),
    "out_of_order_messages_refold_the_same": lambda: subject(decoding(OnlyForwards)),
    "every_way_at_once_is_the_same": lambda: subject(decoding(BeginsAnew)),
    "deliveries_after_the_end_are_ignored": lambda: subject(decoding(GoesOnAfterTheEnd)),
    "concurrent_runs_do_not_mix": lambda: subject(decoding(OneRunOnly)),
    "messages_of_one_run_do_not_mix": lambda: subject(reducing(find=_finds_in_any)),
    "cancelled_streams_stay_readable": lambda: subject(
        encoding(lambda healthy: Variant(healthy, cancel_streams=lambda: ()))
    ),
    "cancelled_streams_say_so": lambda: subject(encoding(_completes_on_cancel)),
    "failed_streams_stay_readable": lambda: subject(decoding(NoFirstContact)),
    "inputs_equal_their_direct_fold": lambda: subject(inputs(_NO_ALT)),
    "inputs_answer_what_was_streamed": lambda: subject(inputs(input_event("tool-result", text("call")))),
    "inputs_stay_as_they_are": lambda: subject(
        Variant(ACME, to_input=lambda value: {**ACME.to_input(value), "nonce": str(uuid.uuid4())})
    ),
    "what_cannot_be_sent_is_refused": lambda: subject(acme.acme(to_input=lambda value: acme.to_input(str(value)))),
    "regenerating_can_be_asked_for": lambda: subject(acme.acme(inputs=INPUTS[:-1])),
    "user_messages_can_be_made": lambda: subject(
        acme.acme(user_message=lambda message: acme.user_message({"parts": message["parts"][:1]}))
    ),
    "inputs_are_read_in_any_order": lambda: subject(decoding(OnlyForwards)),
    "unknown_kinds_are_skipped": lambda: subject(decoding(KnownKindsOnly)),
    "other_peoples_messages_are_skipped": lambda: subject(decoding(WantsAnEnvelope)),
    "malformed_messages_are_skipped": lambda: subject(decoding(TrustsHeaders)),
    "malformed_versions_do_not_raise": lambda: subject(decoding(DatasLength)),
    "lone_malformed_messages_do_not_raise": lambda: subject(reducing(fold_output=_lone)),
    "every_event_type_is_accounted_for": lambda: subject(
        translating(translate=_swallowing), event_types={"surprise": {"type": "surprise"}}
    ),
    "dropped_events_have_a_reason": lambda: subject(outputs(drop("ping"))),
    "dropped_events_write_nothing": lambda: subject(encoding(_writes_pings)),
    "unknown_events_are_refused_by_name": lambda: subject(encoding(_writes_nothing_for_unknown)),
    "what_is_no_event_is_refused": lambda: subject(translating(translate=_taking_all)),
    "samples_cover_the_table": lambda: subject(samples=[Sample("say", acme.SAY)]),
    "messages_survive_the_frameworks_own_json": lambda: subject(reducing(shown=_tuples)),
    "projections_survive_pickling": lambda: subject(reducing(init=lambda self: _Unpicklable())),
    "projections_can_be_forked": lambda: subject(reducing(init=lambda self: _Shared())),
}
"""Each law's name, and a codec (or a statement about one) that it must catch."""


def _without_hook(options: Any) -> Any:
    if options is not None:
        options.hook = None
    return options
