"""What a channel lets in: data it can carry, within its size limit, as copies that the sender cannot change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ai_transport_codecs.wire.absent import ABSENT
from ai_transport_codecs.wire.messages import OutboundMessage
from ai_transport_codecs.wire.size import data_size, message_size

from . import refusals
from .json_values import most_bytes, normalised
from .records import Draft, Mutation
from .serials import MAX_INDEX

MAX_BATCH: Final = MAX_INDEX + 1

_BYTES_PER_CHARACTER: Final = 4


def admitted_drafts(drafts: Sequence[Draft], client_id: str | None, limit: int) -> list[Draft]:
    """The messages of one publish, normalised.

    Raises ChannelError 40013 for data or extras that cannot be carried, 40034 for too many messages, 40031 for ids that
    do not belong together, 40009 when they are larger than ``limit`` together.
    """
    if len(drafts) > MAX_BATCH:
        raise refusals.too_many(len(drafts), MAX_BATCH)
    own = [_admitted_draft(draft, client_id) for draft in drafts]
    _check_ids(own)
    if sum(_most_bytes(draft) for draft in own) > limit:
        size = sum(_exact_bytes(draft) for draft in own)
        if size > limit:
            raise refusals.too_large("publish", size, limit)
    return own


def admitted_mutation(mutation: Mutation, doing: str, client_id: str | None, limit: int) -> Mutation:
    """The mutation, normalised; ``doing`` names it. Raises ChannelError 40003, 40013 or 40009 as for a publish."""
    if not mutation.serial or not isinstance(mutation.serial, str):
        raise refusals.missing_serial(doing)
    data = _admitted_data(mutation.data, doing)
    extras = ABSENT if mutation.extras is ABSENT else _admitted_extras(mutation.extras, doing)
    _check_text(mutation.name, "name", doing)
    own = mutation._replace(data=data, extras=extras)
    draft = Draft(own.name, data, None if extras is ABSENT else extras, client_id=client_id)
    if _most_bytes(draft) > limit:
        size = _exact_bytes(draft)
        if size > limit:
            raise refusals.too_large(doing, size, limit)
    return own


def admitted_presence_data(data: Any, limit: int) -> Any:
    """What a member wants to show of itself, normalised. Raises ChannelError 40013 or 40009."""
    own = _admitted_data(data, "announce presence")
    size = data_size(own)
    if size > limit:
        raise refusals.too_large("announce presence", size, limit)
    return own


def _admitted_draft(draft: Draft, client_id: str | None) -> Draft:
    _check_text(draft.name, "name", "publish")
    _check_text(draft.id, "id", "publish")
    data = _admitted_data(draft.data, "publish")
    extras = _admitted_extras(draft.extras, "publish")
    return Draft(draft.name, data, extras, draft.id or None, draft.client_id or client_id, draft.encoding)


def _admitted_data(data: Any, doing: str) -> Any:
    if type(data) is str or data is None or data is ABSENT:
        return data
    if isinstance(data, bytes | bytearray):
        return bytes(data)
    if not isinstance(data, str | dict | list):
        raise refusals.unsupported_data(doing, f"its data is a {type(data).__name__}")
    try:
        return normalised(data)
    except (TypeError, ValueError) as error:
        raise refusals.unsupported_data(doing, f"its data is not JSON: {error}") from error


def _admitted_extras(extras: Any, doing: str) -> Any:
    if extras is None:
        return None
    if not isinstance(extras, dict):
        raise refusals.bad_argument(
            f"unable to {doing}; its extras are a {type(extras).__name__}, and have to be an object"
        )
    try:
        return normalised(extras)
    except (TypeError, ValueError) as error:
        raise refusals.unsupported_data(doing, f"its extras are not JSON: {error}") from error


def _check_text(value: Any, what: str, doing: str) -> None:
    if value is not None and not isinstance(value, str):
        raise refusals.bad_argument(f"unable to {doing}; its {what} is a {type(value).__name__}, and has to be text")


def _check_ids(drafts: Sequence[Draft]) -> None:
    if len(drafts) < 2 or all(draft.id is None for draft in drafts):
        return
    base = (drafts[0].id or "").rpartition(":")[0]
    if not base or any(draft.id != f"{base}:{index}" for index, draft in enumerate(drafts)):
        raise refusals.bad_batch_ids()


def _most_bytes(draft: Draft) -> int:
    """At least the size, found cheaply: hardly any message comes near the limit."""
    data = draft.data
    if type(data) is str:
        size = _BYTES_PER_CHARACTER * len(data)
    elif isinstance(data, bytes):
        size = len(data)
    else:
        size = 0 if data is None or data is ABSENT else most_bytes(data)
    text = len(draft.name or "") + len(draft.client_id or "")
    return size + _BYTES_PER_CHARACTER * text + (0 if draft.extras is None else most_bytes(draft.extras))


def _exact_bytes(draft: Draft) -> int:
    if draft.extras is None:
        return message_size(OutboundMessage(draft.name or "", draft.data, {}), draft.client_id) - len("{}")
    return message_size(OutboundMessage(draft.name or "", draft.data, draft.extras), draft.client_id)
