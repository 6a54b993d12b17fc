"""Which events there are, and what becomes of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ai_transport_codecs.codec.descriptors import Drop, OutputEvent, OutputStream
from ai_transport_codecs.codec.tables import is_wildcard
from ai_transport_codecs.errors import UnsupportedEventError
from ai_transport_codecs.testing.conformance.channel import Log
from ai_transport_codecs.testing.conformance.subject import Subject
from ai_transport_codecs.testing.conformance.violation import LawViolation, NotApplicable, require, shown


def every_event_type_is_accounted_for(subject: Subject) -> None:
    """Each event type of the framework is carried, dropped with a reason, or refused: none is lost by oversight."""
    if not subject.event_types:
        raise NotApplicable("the framework's own list of event types is not given")
    wrong = []
    for type_, item in subject.event_types.items():
        fate, stated = _fate(subject, type_, item), _stated_fates(subject, type_)
        if fate not in stated:
            wrong.append(f"{type_!r} is {fate}, not {' or '.join(stated)}")
    gone = sorted({*subject.refused_types, *subject.dropped_types} - set(subject.event_types))
    wrong += [f"{type_!r} is stated to be refused or dropped, and unknown to the framework" for type_ in gone]
    wrong += [f"{type_!r} is dropped without a reason" for type_, why in subject.dropped_types.items() if not why]
    require(
        not wrong,
        f"{'; '.join(wrong)}: give each type a row (event, stream, or drop with a reason), or state it in"
        " refused_types or dropped_types, no more and no less",
    )


def _stated_fates(subject: Subject, type_: str) -> list[str]:
    """What may become of a type, by what its author says."""
    if type_ in subject.refused_types:
        return ["refused"]
    return ["lost without a word"] if type_ in subject.dropped_types else ["carried", "dropped"]


def dropped_events_have_a_reason(subject: Subject) -> None:
    """Who reads the table must see why an event is not carried, or it looks forgotten."""
    rows = subject.table_rows("outputs")
    if rows is None:
        raise NotApplicable("the codec has no tables")
    without = [row.type for row in rows if isinstance(row, Drop) and not row.reason.strip()]
    require(not without, f"dropped without a reason: {', '.join(without)}; say it in drop(type, reason)")


def dropped_events_write_nothing(subject: Subject) -> None:
    """An event that is dropped costs nothing on the wire."""
    rows = subject.table_rows("outputs")
    if rows is None:
        raise NotApplicable("the codec has no tables")
    for row in rows:
        if isinstance(row, Drop):
            operations = list(subject.codec.create_encoder().encode_output({"type": row.type}))
            require(not operations, f"dropped event {row.type!r} writes {shown(operations)}")


def unknown_events_are_refused_by_name(subject: Subject) -> None:
    """A newer framework may stream what this codec does not know: the error names it, so that one sees what is lost."""
    name = "x9-no-such-type"
    encoder = subject.codec.create_encoder()
    try:
        operations = list(encoder.encode_output({"type": name}))
    except UnsupportedEventError as error:
        require(name in str(error), f"the error for an unknown event does not name it: {error}")
    except Exception as error:
        raise LawViolation(f"an unknown event raised {error!r}, not UnsupportedEventError") from error
    else:
        raise LawViolation(f"an unknown event was encoded as {shown(operations)}; refuse what no row carries")


def what_is_no_event_is_refused(subject: Subject) -> None:
    """A source of another framework is told apart at once, by an UnsupportedEventError, and not half-way through."""
    for item in (object(), 5, None):
        translator, encoder = subject.codec.create_translator(), subject.codec.create_encoder()
        try:
            for event in translator.translate(item):
                encoder.encode_output(event)
        except UnsupportedEventError:
            continue
        except Exception as error:
            raise LawViolation(f"streaming {item!r} raised {error!r}, not UnsupportedEventError") from error
        raise LawViolation(f"streaming {item!r} was accepted")


def samples_cover_the_table(subject: Subject) -> None:
    """A row that no sample uses is not held to any law, so the samples use every row."""
    rows = subject.table_rows("outputs")
    if rows is None:
        raise NotApplicable("the codec has no tables")
    used = {each.event["type"] for recording in subject.recordings for each in recording.written}
    unused = [type_ for row in rows for type_ in _types(row) if not _is_used(type_, used)]
    unused = [type_ for type_ in unused if type_ not in subject.excused_types]
    require(not unused, f"no sample has {', '.join(sorted(set(unused)))}; give one, or add generated samples")


def _fate(subject: Subject, type_: str, item: Any) -> str:
    rows = subject.table_rows("outputs")
    listed = set() if rows is None else {literal for row in rows for literal in _types(row)}
    if rows is not None and type_ in {row.type for row in rows if isinstance(row, Drop)}:
        return "dropped"
    if type_ in listed:
        return "carried"
    encoder = subject.codec.create_encoder()
    try:
        translator = subject.codec.create_translator()
        log = Log()
        items: list[Any] = item if isinstance(item, list) else [item]
        for each in items[:-1]:
            for event in translator.translate(each):
                encoder.encode_output(event)
        for event in [*translator.translate(items[-1]), *translator.finish()]:
            log.write(encoder.encode_output(event))
    except UnsupportedEventError as error:
        return "refused" if type_ in str(error) else f"refused without being named ({error})"
    except Exception as error:
        return f"answered with {type(error).__name__}: {error}"
    return "carried" if log.deliveries else "lost without a word"


def _types(row: Any) -> Iterator[str]:
    match row:
        case OutputStream():
            yield from (row.start.type, row.delta.type, row.end.type)
        case OutputEvent():
            yield row.type


def _is_used(literal: str, used: set[str]) -> bool:
    return any(each.startswith(literal[:-1]) for each in used) if is_wildcard(literal) else literal in used
