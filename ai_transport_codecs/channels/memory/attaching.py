"""The state of a channel as one client sees it, and the ways from one state to the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from ai_transport_codecs.channels.protocol import ChannelState, ChannelStateChange, PresenceMember
from ai_transport_codecs.errors import AITransportError

from . import refusals
from .attach_params import parse_params
from .attachment import Attachment
from .capability import Grant
from .connection import Connection
from .hosted import HostedChannel, Sink
from .listeners import Listeners
from .records import Entry, Record


class AttachedFrame(NamedTuple):
    """What the hub answers to an attach. ``attachment`` is None when the one before goes on, with what it missed."""

    epoch: int
    attachment: Attachment | None
    backlog: Sequence[Record]
    missed: Sequence[Entry]
    members: Sequence[PresenceMember]
    reason: AITransportError | None


class Attaching:
    """Attaches and detaches one channel of one connection, and tells of every change of state.

    ``entered`` is called with what the hub sent once the channel is attached, and ``left`` when it is not any more;
    ``is_heard`` tells whether anybody listens for messages.
    """

    def __init__(
        self,
        connection: Connection,
        hosted: HostedChannel,
        sink: Sink,
        *,
        entered: Callable[[AttachedFrame], None],
        left: Callable[[], None],
        is_heard: Callable[[], bool],
    ) -> None:
        self.state = ChannelState.INITIALIZED
        self.changes: Listeners[ChannelStateChange] = Listeners("state")
        self.params: dict[str, str] = {}
        self.modes: frozenset[str] = frozenset()
        self.requested_modes: tuple[str, ...] | None = None
        self.attachment: Attachment | None = None
        self.received = ""
        """The channel serial up to which this client was delivered everything."""
        self.grant: Grant = connection.capability.operations(hosted.name)
        self._connection = connection
        self._hosted = hosted
        self._sink = sink
        self._entered = entered
        self._left = left
        self._is_heard = is_heard
        # Answers of the hub that belong to an attempt which is over carry an older number.
        self._epoch = 0
        self._transition: asyncio.Future[None] | None = None

    def configure(self, params: Mapping[str, str] | None, modes: Sequence[str] | None) -> None:
        """What the next attachment asks for."""
        self.params.update(params or {})
        if modes is not None:
            self.requested_modes = tuple(modes)

    # -- what the application asks for ---------------------------------------------------------------------------------

    async def attach(self) -> None:
        """Attach, unless attached. Raises ChannelError with the hub's reason, and the state is failed then."""
        while self.state in {ChannelState.ATTACHING, ChannelState.DETACHING}:
            was_attaching = self.state is ChannelState.ATTACHING
            await self._settled()
            if was_attaching:
                return
        if self.state is ChannelState.ATTACHED:
            return
        self._connection.check_usable("attach")
        self._begin(ChannelState.ATTACHING)
        self._request_attachment()
        await self._settled()

    async def detach(self) -> None:
        """Detach, unless detached or never attached. Raises ChannelError 90001 when the channel failed."""
        if self.state in {ChannelState.INITIALIZED, ChannelState.DETACHED}:
            return
        if self.state is ChannelState.FAILED:
            raise refusals.wrong_state("detach", self._hosted.name, self.state)
        if self.state is ChannelState.DETACHING:
            await self._settled()
            return
        self._settle(refusals.superseded("attach", self._hosted.name, "a detach"))
        self._begin(ChannelState.DETACHING)
        self._hosted.detach(self._connection.id)
        if self._connection.is_open:
            self._connection.courier.post(self._detached, self._epoch)
            await self._settled()
        else:
            self._end(ChannelState.DETACHED, None)

    # -- what happens to the connection --------------------------------------------------------------------------------

    def cut(self) -> None:
        """The connection is gone. What was attached keeps its state; what was on its way gives up."""
        self._hosted.detach(self._connection.id)
        if self.state is ChannelState.ATTACHING:
            self._end(ChannelState.DETACHED, refusals.not_connected("attach"))
        elif self.state is ChannelState.DETACHING:
            self._end(ChannelState.DETACHED, None)

    def suspend(self) -> None:
        """The connection is gone for so long that nothing can be taken up again."""
        if self.state is ChannelState.ATTACHED:
            self._change(ChannelState.SUSPENDED, reason=refusals.not_connected("stay attached"))

    def close(self) -> None:
        """The connection is closed for good."""
        self._hosted.detach(self._connection.id)
        if self.state not in {ChannelState.INITIALIZED, ChannelState.DETACHED, ChannelState.FAILED}:
            self._end(ChannelState.DETACHED, refusals.closed("stay attached"))

    def reattach(self, *, resume: bool) -> None:
        """The connection is back: go on where deliveries ended, if that is possible, or else attach anew."""
        if self.state not in {ChannelState.ATTACHED, ChannelState.SUSPENDED}:
            return
        self._epoch += 1
        log = self._hosted.log
        resumes = resume and self.state is ChannelState.ATTACHED
        missed = log.since(self.received) if resumes else None
        reason = refusals.expired(self._hosted.name) if resumes and missed is None else None
        attachment = None
        if missed is None:
            attachment = Attachment(self._connection.id, log.position, parse_params(self.params), self.modes)
        self._answer(attachment, (), missed or (), reason)

    # -- the hub's side ------------------------------------------------------------------------------------------------

    def _request_attachment(self) -> None:
        try:
            params = parse_params(self.params)
            modes = self._granted_modes()
        except AITransportError as error:
            self._connection.courier.post(self._refused, (self._epoch, error))
            return
        self.modes = modes
        attachment = Attachment(self._connection.id, self._hosted.log.position, params, modes)
        past = [] if params.rewind is None else self._hosted.rewound(params.rewind)
        self._answer(attachment, attachment.rewound(past), (), None)

    def _granted_modes(self) -> frozenset[str]:
        modes = self.grant.modes(self.requested_modes)
        wants_messages = self.requested_modes is None or "SUBSCRIBE" in {mode.upper() for mode in self.requested_modes}
        # Ably would attach it and deliver nothing; who listens is better told.
        if not modes or (wants_messages and self._is_heard() and "SUBSCRIBE" not in modes):
            raise refusals.denied("attach", self._hosted.name, "subscribe")
        return modes

    def _answer(
        self,
        attachment: Attachment | None,
        backlog: Sequence[Record],
        missed: Sequence[Entry],
        reason: AITransportError | None,
    ) -> None:
        self._hosted.attach(self._connection.id, self._sink)
        frame = AttachedFrame(self._epoch, attachment, backlog, missed, self._hosted.presence.members, reason)
        self._connection.courier.post(self._attached, frame)

    # -- what arrives from it ------------------------------------------------------------------------------------------

    def _attached(self, frame: AttachedFrame) -> None:
        if frame.epoch != self._epoch:
            return
        if frame.attachment is not None:
            self.attachment = frame.attachment
            self.received = frame.attachment.start
        self._change(ChannelState.ATTACHED, resumed=frame.attachment is None, reason=frame.reason)
        self._settle(None)
        self._entered(frame)

    def _detached(self, epoch: int) -> None:
        if epoch == self._epoch:
            self._end(ChannelState.DETACHED, None)

    def _refused(self, answer: tuple[int, AITransportError]) -> None:
        epoch, error = answer
        if epoch == self._epoch:
            self._end(ChannelState.FAILED, error)

    # -- states --------------------------------------------------------------------------------------------------------

    def _begin(self, state: ChannelState) -> None:
        self._epoch += 1
        self._transition = asyncio.get_running_loop().create_future()
        self._change(state)

    def _end(self, state: ChannelState, error: AITransportError | None) -> None:
        self._epoch += 1
        self.attachment = None
        self._left()
        self._change(state, reason=error)
        self._settle(error)

    def _settle(self, error: AITransportError | None) -> None:
        """Tell those who wait for the present transition how it ended."""
        transition, self._transition = self._transition, None
        if transition is None or transition.done():
            return
        if error is None:
            transition.set_result(None)
        else:
            transition.set_exception(error)
            transition.exception()  # nobody may be waiting any more, which is no reason to complain

    async def _settled(self) -> None:
        if self._transition is not None:
            await asyncio.shield(self._transition)

    def _change(self, state: ChannelState, *, resumed: bool = False, reason: AITransportError | None = None) -> None:
        change = ChannelStateChange(state, self.state, resumed, reason)
        self.state = state
        self.changes.tell(lambda: change)
