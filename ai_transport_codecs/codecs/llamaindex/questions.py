"""What a workflow asks people, as messages, and what they answer.

A question is an assistant's message with a call of a tool that is the person: its ``tool_name`` is the name of the
``InputRequiredEvent``'s class, its ``tool_kwargs`` the event's fields, its ``tool_call_id`` begins with
:data:`QUESTION`. So every reader of tool calls can show it, and its answer is the call's result. A model never sees
either: ``as_history`` leaves them out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import uuid4

from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock, ToolCallBlock
from llama_index.core.bridge.pydantic import ValidationError
from llama_index.core.workflow import HumanResponseEvent

from ai_transport_codecs.codec.contract import CodecMessage, Event
from ai_transport_codecs.wire.json_text import dump_json, parse_json

from .inputs import QUESTION, human_response
from .plain import restored

_WAITING: Final = frozenset({"suspended", "active"})
"""How a run stands whose questions may be answered."""

_RESPONSE: Final = "response"
"""The field that LlamaIndex itself gives a text answer."""


@dataclass(frozen=True, slots=True)
class InputRequest:
    """A question of a workflow that nobody has answered: its ``InputRequiredEvent``, as plain data.

    ``name`` is that of the event's class, ``data`` its fields. ``refused`` says why an earlier answer to it was of no
    use; it is empty before.
    """

    id: str
    name: str
    data: Mapping[str, Any]
    message_id: str
    run_id: str
    refused: str = ""

    def answer(self, said: str | HumanResponseEvent) -> Event:
        """The input that answers it: a text, or the event that the workflow waits for; see :func:`open_requests`."""
        made: Any = HumanResponseEvent
        event = made(response=said) if isinstance(said, str) else said
        return human_response(self.message_id, event, question_id=self.id)


class Asked(Protocol):
    """What a client's view tells of a run that asks."""

    @property
    def run_id(self) -> str: ...
    @property
    def status(self) -> str: ...


class AskingView(Protocol):
    """What is needed of a client's view."""

    def get_messages(self) -> Sequence[CodecMessage[ChatMessage]]:
        """The messages, oldest first."""
        ...

    def run_of(self, message_id: str, /) -> Asked | None:
        """The run of a message."""
        ...


def open_requests(view: AskingView) -> list[InputRequest]:
    """The questions in a client's view that nobody has answered, and whose runs have not ended, oldest first.

    ::

        for request in open_requests(session.view):
            await session.view.send(request.answer(input(request.data["prefix"])), run_id=request.run_id)

    Another device may be faster: then ``session.view.run_of(request.message_id).answered_by`` says who answered.
    """
    found: dict[str, InputRequest] = {}
    for entry in view.get_messages():
        found.pop(_answered(entry.message), None)
        run = view.run_of(entry.id)  # None for an answer, which has no id of its own
        if run is None or run.status not in _WAITING:
            continue
        if entry.message.role == MessageRole.USER:  # who says something else to a run takes its questions away
            found = {id_: each for id_, each in found.items() if each.run_id != run.run_id}
        for call in question_calls(entry.message):
            refused = "".join(block.text for block in entry.message.blocks if isinstance(block, TextBlock))
            found[call.id] = InputRequest(call.id, call.name, call.data, entry.id, run.run_id, refused)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Question:
    """A question as its workflow asked it."""

    id: str
    name: str
    data: Mapping[str, Any]

    @classmethod
    def new(cls, name: str, data: Mapping[str, Any]) -> Question:
        """A question that was not asked before."""
        return cls(f"{QUESTION}{uuid4().hex}", name, data)

    def message(self, refused: str = "") -> ChatMessage:
        """What readers get; ``refused`` is why the answer before was of no use."""
        call = ToolCallBlock(tool_call_id=self.id, tool_name=self.name, tool_kwargs=dict(self.data))
        blocks = [TextBlock(text=refused), call] if refused else [call]
        return ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks)


def question_calls(message: ChatMessage) -> Iterator[Question]:
    """The questions of a message."""
    for block in message.blocks:
        if isinstance(block, ToolCallBlock) and (block.tool_call_id or "").startswith(QUESTION):
            kwargs = block.tool_kwargs
            yield Question(block.tool_call_id or "", block.tool_name, kwargs if isinstance(kwargs, dict) else {})


def asks(message: ChatMessage) -> bool:
    """Whether a message asks people something."""
    return any(True for _ in question_calls(message))


def asked_since_user(messages: Sequence[ChatMessage]) -> bool:
    """Whether something was asked after what the user said last."""
    for message in reversed(messages):
        if message.role == MessageRole.USER or asks(message):
            return message.role != MessageRole.USER
    return False


def replies_of(messages: Iterable[ChatMessage]) -> dict[str, ChatMessage]:
    """The answers to questions, by the question's id."""
    found: dict[str, ChatMessage] = {}
    for message in messages:
        if (id_ := _answered(message)).startswith(QUESTION):
            found.setdefault(id_, message)
    return found


class RefusedAnswerError(Exception):
    """An answer that is not what the workflow waits for."""


def response_of(
    reply: ChatMessage, question: Question, classes: Sequence[type[HumanResponseEvent]]
) -> HumanResponseEvent:
    """The event that a reply is, of one of the classes that the workflow waits for.

    The fields of the question that the class does not declare are the answer's too, unless it says otherwise: by such a
    field a workflow that asks several people knows who answered (``requirements`` of ``ctx.wait_for_event``).

    Raises RefusedAnswerError when it is of none of them.
    """
    fields = _fields(reply)
    if not fields:
        raise RefusedAnswerError("it is empty")
    named = [cls for cls in classes if cls.__name__ == reply.additional_kwargs.get("name")]
    refusals: list[str] = []
    for cls in named or classes:
        try:
            return cls(**_echoed(question.data, cls, fields), **fields)
        except ValidationError as error:
            refusals.append("; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()))
        except (TypeError, ValueError) as error:  # a validator of the user's, or a field of a name that cannot be
            refusals.append(str(error))
    raise RefusedAnswerError(refusals[0])


def _echoed(data: Mapping[str, Any], cls: type[HumanResponseEvent], fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key not in cls.model_fields and key not in fields}


def _answered(message: ChatMessage) -> str:
    """The call that a message is the result of."""
    id_ = message.additional_kwargs.get("tool_call_id") if message.role == MessageRole.TOOL else None
    return id_ if isinstance(id_, str) else ""


def _fields(reply: ChatMessage) -> dict[str, Any]:
    text = reply.content or ""
    said = _try_object(text)
    if said is None:
        return {_RESPONSE: text} if text else {}
    return {key: value for key, value in restored(said).items() if not key.startswith("_")}


def _try_object(text: str) -> dict[str, Any] | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        found = parse_json(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def answer_text(data: Any) -> str:
    """An answer's fields, as plain data, as the text of a tool's result, from which they can be told again."""
    if isinstance(data, dict) and data.keys() == {_RESPONSE}:
        said = data[_RESPONSE]
        if isinstance(said, str) and _try_object(said) is None:
            return said
    try:
        return dump_json(data)
    except ValueError:  # nested too deeply
        return ""
