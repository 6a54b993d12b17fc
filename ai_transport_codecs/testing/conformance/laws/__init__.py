"""The laws that every codec keeps, as one table. Each is a function of a :class:`~..subject.Subject`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from ai_transport_codecs.testing.conformance.subject import Subject

from . import (
    contract,
    delivering,
    ending,
    inputs,
    inventory,
    joining,
    messages,
    reading,
    strangers,
    together,
    writing,
)


@dataclass(frozen=True, slots=True)
class Law:
    """One law: its name, its promise in a sentence, and the check, which raises LawViolation or NotApplicable."""

    name: str
    promise: str
    check: Callable[[Subject], None]


_CHECKS: Final[tuple[Callable[[Subject], None], ...]] = (
    contract.codec_keeps_the_contract,
    contract.capabilities_are_as_stated,
    contract.projections_begin_empty_and_apart,
    contract.codec_is_stateless,
    contract.reading_messages_changes_nothing,
    writing.everything_written_can_travel,
    writing.headers_are_strings,
    writing.messages_say_what_they_are,
    writing.headers_of_the_session_are_kept,
    writing.streams_open_grow_and_close_once,
    writing.complete_sources_leave_no_stream_open,
    writing.appends_repeat_the_streams_headers,
    writing.translating_is_repeatable,
    writing.source_items_are_not_changed,
    writing.events_are_not_changed_by_encoding,
    writing.hooks_see_every_message,
    writing.cancelling_twice_is_cancelling_once,
    writing.closed_encoders_refuse,
    writing.batches_are_one_unit,
    reading.wire_equals_direct_fold,
    reading.messages_are_the_frameworks_own,
    reading.messages_belong_to_what_the_wire_names,
    reading.messages_can_be_read_at_every_point,
    reading.refolding_equals_folding,
    reading.events_are_not_changed_by_folding,
    reading.deliveries_are_not_changed_by_decoding,
    reading.events_without_context_do_no_harm,
    reading.decoders_name_their_events,
    joining.joining_before_loading_history,
    joining.joining_after_loading_history,
    joining.history_that_overlaps_what_was_live,
    joining.history_in_pages_from_the_newest,
    joining.compacted_history_equals_live,
    joining.joining_without_history_is_harmless,
    joining.open_streams_can_be_restated,
    delivering.any_split_of_text_is_the_same,
    delivering.any_roll_up_is_the_same,
    delivering.repeated_deliveries_count_once,
    delivering.updates_equal_appends,
    delivering.repaired_streams_lose_nothing,
    delivering.replaced_text_is_as_if_always_there,
    delivering.out_of_order_messages_refold_the_same,
    delivering.every_way_at_once_is_the_same,
    delivering.deliveries_after_the_end_are_ignored,
    together.concurrent_runs_do_not_mix,
    together.messages_of_one_run_do_not_mix,
    ending.cancelled_streams_stay_readable,
    ending.cancelled_streams_say_so,
    ending.failed_streams_stay_readable,
    inputs.inputs_equal_their_direct_fold,
    inputs.inputs_answer_what_was_streamed,
    inputs.inputs_stay_as_they_are,
    inputs.what_cannot_be_sent_is_refused,
    inputs.regenerating_can_be_asked_for,
    inputs.user_messages_can_be_made,
    inputs.inputs_are_read_in_any_order,
    strangers.unknown_kinds_are_skipped,
    strangers.other_peoples_messages_are_skipped,
    strangers.malformed_messages_are_skipped,
    strangers.malformed_versions_do_not_raise,
    strangers.lone_malformed_messages_do_not_raise,
    inventory.every_event_type_is_accounted_for,
    inventory.dropped_events_have_a_reason,
    inventory.dropped_events_write_nothing,
    inventory.unknown_events_are_refused_by_name,
    inventory.what_is_no_event_is_refused,
    inventory.samples_cover_the_table,
    messages.messages_survive_the_frameworks_own_json,
    messages.projections_survive_pickling,
    messages.projections_can_be_forked,
)

LAWS: Final[Mapping[str, Law]] = {
    check.__name__: Law(check.__name__, " ".join((check.__doc__ or "").split()), check) for check in _CHECKS
}
"""Every law by its name, in the order in which they explain each other best."""
