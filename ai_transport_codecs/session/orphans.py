"""Runs that an agent process left active when it was killed: which they are, and what becomes of them.

Nothing on the wire tells a run in progress from one whose process is gone, so devices would wait for ever. A session
that serves therefore enters presence, and the messages of a run tell which connection they came from.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from ai_transport_codecs.channels.protocol import HistoryPage, PresenceEvent, PresenceMember
from ai_transport_codecs.errors import AITransportError, ChannelError, StreamError
from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.headers import transport_headers
from ai_transport_codecs.wire.messages import InboundMessage, OutboundMutation

from .events import RunStatus, Unsubscribe
from .invocation import Invocation
from .nodes import RunNode

if TYPE_CHECKING:
    from .agent import AgentSession
    from .opening import AdoptedRun

_log = logging.getLogger("ai_transport_codecs.session")

OrphanPolicy: TypeAlias = Literal["end", "answer", "leave"]

GRACE: Final = 15.0
"""Seconds after an agent left presence until its runs are given up: connections that were cut come back by then."""
_PRESENCE_TIMEOUT: Final = 5.0
_ERROR_TEXT: Final = "the agent that was answering is gone; ask again"


class Orphans:
    """Looks after runs of other processes under this session's client id. ``answer`` begins one anew, if it can."""

    def __init__(
        self, session: AgentSession[Any], policy: OrphanPolicy, answer: Callable[[str, AdoptedRun[Any]], None]
    ) -> None:
        self._session = session
        self._policy = policy
        self._answer = answer
        self._token = str(uuid.uuid4())
        self._is_announced = False

    async def announce(self) -> None:
        """Enter presence, so that other processes know that this one is there; without, nobody's runs are touched."""
        if self._session.connection.client_id is None:
            return
        try:
            async with asyncio.timeout(_PRESENCE_TIMEOUT):
                await self._session.presence.enter({"agent": self._token, "orphans": self._policy})
            self._is_announced = True
        except (ChannelError, TimeoutError) as error:
            _log.info("the agent could not enter presence, and leaves runs of processes that are gone alone: %s", error)

    def watch(self, on_gone: Callable[[], None]) -> Unsubscribe:
        """Call ``on_gone`` when another connection of the same client leaves presence."""

        def on_presence(event: PresenceEvent) -> None:
            if event.action == "leave" and event.member.client_id == self._session.connection.client_id:
                on_gone()

        return self._session.presence.subscribe(on_presence)

    async def look(self, *, patience: float = 0) -> None:
        """Wait, then end or answer each run that nobody works on any more."""
        if not self._is_announced or self._policy == "leave":
            return
        try:
            await asyncio.sleep(patience)
            await self._session.hydrator.fold_until(lambda: False)
            members = await self._session.presence.get()
        except AITransportError as error:
            self._report(error)
            return
        for node in self._orphans(members) if self._is_in_charge(members) else ():
            try:
                await self._take_over(node)
            except AITransportError as error:
                self._report(error)

    def _report(self, error: AITransportError) -> None:
        if not self._session.connection.is_closed:
            self._session.connection.report(error)

    # --- which they are

    def _orphans(self, members: list[PresenceMember]) -> list[RunNode]:
        client_id = self._session.connection.client_id
        present = {each.connection_id for each in members if each.client_id == client_id and not self._is_own(each)}
        return [
            run
            for run in self._session.tree.runs()
            if run.status is RunStatus.ACTIVE
            and run.agent is not None
            and run.agent.client_id == client_id
            and run.agent.connection_id not in present
            and self._session.cancels.find(run.run_id) is None
        ]

    def _is_in_charge(self, members: list[PresenceMember]) -> bool:
        """Whether it is this process that acts: of several, the one whose connection comes first."""
        client_id = self._session.connection.client_id
        acting = [each for each in members if each.client_id == client_id and _policy_of(each) not in (None, "leave")]
        return bool(acting) and self._is_own(min(acting, key=lambda each: each.connection_id))

    async def is_first(self) -> bool:
        """Whether this process is the one that acts for all that serve under its client id; alone, it is."""
        if not self._is_announced:
            return True
        try:
            members = await self._session.presence.get()
        except AITransportError as error:
            self._report(error)
            return True
        client_id = self._session.connection.client_id
        serving = [each for each in members if each.client_id == client_id and _policy_of(each) is not None]
        return not any(map(self._is_own, serving)) or self._is_own(min(serving, key=lambda each: each.connection_id))

    def _is_own(self, member: PresenceMember) -> bool:
        return isinstance(member.data, dict) and member.data.get("agent") == self._token

    # --- what becomes of them

    async def _take_over(self, node: RunNode) -> None:
        event_id = self._session.triggers.try_event_id_of(node)
        run = self._session.adopt_run(
            Invocation(event_id or "", self._session.connection.channel.name),
            run_id=node.run_id,
            invocation_id=node.last_resume_invocation_id or node.invocation_id or str(uuid.uuid4()),
        )
        if self._policy == "answer" and event_id is not None:
            self._answer(event_id, run)
            return
        _log.warning("run %r was left active by a process that is gone, and is ended", node.run_id)
        await run.load()
        try:
            await self._close_streams(node)
        except ChannelError as error:
            _log.info("a stream that run %r left open stays so: %s", node.run_id, error)
        await run.end("error", StreamError(_ERROR_TEXT))

    async def _close_streams(self, node: RunNode) -> None:
        """Close as cancelled what the process was writing: else it shows as being written for ever."""
        channel, since = self._session.connection.channel, node.serial or ""
        page: HistoryPage | None = await channel.history(limit=100, until_attach=False)
        while page is not None:
            for message in page.items:
                if _is_open_stream(message, node.run_id):
                    await channel.append(_closing(message))
            is_done = not page.has_next or any((each.serial or "") <= since for each in page.items)
            page = None if is_done else await page.next()


def _policy_of(member: PresenceMember) -> object:
    return member.data.get("orphans") if isinstance(member.data, dict) and "agent" in member.data else None


def _is_open_stream(message: InboundMessage, run_id: str) -> bool:
    headers = transport_headers(message.extras)
    is_output = message.name == names.OUTPUT and message.action != names.DELETE and isinstance(message.serial, str)
    return is_output and headers.get(h.RUN_ID) == run_id and headers.get(h.STATUS) == "streaming"


def _closing(message: InboundMessage) -> OutboundMutation:
    ai = message.extras["ai"]
    extras = {**message.extras, "ai": {**ai, "transport": {**ai["transport"], h.STATUS: "cancelled"}}}
    return OutboundMutation(str(message.serial), "", extras)
