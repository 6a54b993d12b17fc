"""How a run is opened: started for an input, or taken over from another process (session spec 4.4, 4.5)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import ClassVar, Final, TypeVar

from ai_transport_codecs.errors import (
    AITransportError,
    HistoryFetchError,
    InputEventNotFoundError,
    InvalidArgumentError,
    OperationCancelledError,
    RunLifecycleError,
)
from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire import names

from .events import RunStatus
from .nodes import RunNode
from .publishing import to_the_end
from .run import Run, error_headers

MessageT = TypeVar("MessageT")

LOAD_TIMEOUT: Final = 30.0
"""Seconds that :meth:`AdoptedRun.load` looks for its run."""

_LIVE_GRACE: Final = 5.0
"""Seconds that it still waits for live messages once history has nothing more."""


class OpenableRun(Run[MessageT]):
    """A run that answers an input, or goes on with the suspended run that the input is an answer to."""

    async def start(self) -> None:
        """Locate the input this run answers and publish the run's start, or its resume. A second call does nothing.

        Looks for the input among live messages, then in history, and waits for it if need be (no deadline: use
        ``asyncio.timeout``, or :func:`~.hydration.page_until_located` before). A cancel that came before the run is
        honoured now, and the start is published all the same: end the run as cancelled.

        Raises OperationCancelledError (40033) when cancelled before, publishing nothing; InvalidArgumentError, likewise
        when the run to go on with is over (the reference publishes a resume that nobody can follow, design D4);
        RunLifecycleError (104003) when the start cannot be published: should it turn up on the channel later, the
        session ends the run as an error, unless somebody adopted it; SessionClosedError (104004).
        """
        await self.ready("start")
        if not self._begin("start"):
            return
        session = self.session
        try:
            await session.locate(self)
            self._check_resumable()
        except BaseException:
            session.forget(self)
            raise
        if self.trigger.message_id is not None:
            deferred = session.cancels.take_deferred(self.trigger.message_id)
            if deferred is not None:
                await self.request_cancel(deferred)
        # Once it is published, readers wait for this run's end: a cancellation meanwhile must not lose that it is open.
        await to_the_end(self._open())

    def _check_resumable(self) -> None:
        if self.trigger.continued_run_id is not None and self.status.is_terminal:
            raise self._read_only("resume")

    async def _open(self) -> None:
        continues = self.trigger.continued_run_id is not None
        name = names.RUN_RESUME if continues else names.RUN_START
        make = self.trigger.lifecycle_headers if continues else self.trigger.start_headers
        try:
            await self._publish(name, make(self.run_id, self.invocation_id), "start")
        except RunLifecycleError:
            node = self.session.tree.run(self.run_id)
            # Only the acknowledgement was lost when it came back: readers know of the run.
            if node is None or not node.progress.was_opened_by(self.invocation_id):
                self.session.lost_starts.add(self)
                self.session.forget(self)
                raise
        self.is_open = True
        if not continues:
            self._insert_locally()
        self._opened()

    async def end_lost(self, error: AITransportError) -> None:
        """Publish the end of a run whose start failed here, and was on the channel all the same.

        Raises RunLifecycleError (104003).
        """
        own = self.trigger.lifecycle_headers(self.run_id, self.invocation_id)
        await self._publish(names.RUN_END, own | {h.RUN_REASON: "error"} | error_headers(error), "end")

    def _insert_locally(self) -> None:
        """The agent's own tree knows the run at once, not only when the channel echoes its start."""
        trigger = self.trigger
        self.session.tree.start_run(
            self.run_id,
            client_id=trigger.client_id,
            invocation_id=self.invocation_id,
            parent=trigger.run_parent,
            fork_of=trigger.fork_of,
            regenerates=trigger.regenerates,
            input_message_id=trigger.message_id,
        )


class AdoptedRun(Run[MessageT]):
    """A run that another process opened: a step of a durable workflow goes on with it, under the ids it was given."""

    _opening_verb: ClassVar[str] = "load"

    async def load(self, timeout: float = LOAD_TIMEOUT) -> None:  # noqa: ASYNC109  # what was looked for is in the error
        """Find the run and its input, and open it here. Publishes nothing. A second call does nothing.

        Fetches history until both are there. Raises InputEventNotFoundError (104010) when they are not found in
        ``timeout`` seconds, or some seconds after the end of history: try again; InvalidArgumentError when the run is
        suspended (a run created for the answer resumes it) or over; OperationCancelledError (40033) when cancelled.
        """
        await self.ready("load")
        if not self._begin("load"):
            return
        try:
            await self._find(timeout)
            await self.located
            self._check_status(self.status)
        except BaseException:
            self.session.forget(self)
            raise
        node = self._node()
        owner = "" if node is None else node.client_id
        self.take_trigger(replace(self.trigger, client_id=owner))
        self.is_open = True
        self._opened()

    @property
    def _follows_trigger(self) -> bool:
        """An adopted run keeps its id even if the trigger names another run (session spec 10.27)."""
        return False

    def _node(self) -> RunNode | None:
        node = self.session.tree.run(self.run_id)
        return node if node is not None and node.is_started else None

    async def _find(self, timeout: float) -> None:  # noqa: ASYNC109  # as above
        changed = asyncio.Event()
        endings = [
            self.session.tree.on("run", lambda _: changed.set()),
            self.cancel_token.on_cancel(changed.set),
            self.session.connection.on_close(changed.set),
        ]
        failure: AITransportError | None = None
        try:
            async with asyncio.timeout(timeout):
                try:
                    await self.session.hydrator.fold_until(self._is_found)
                except HistoryFetchError as error:
                    failure = error
                async with asyncio.timeout(_LIVE_GRACE if failure is None else 0):
                    await self._await_live(changed)
        except TimeoutError:
            raise self._not_found(failure) from failure
        finally:
            for ending in endings:
                ending()

    async def _await_live(self, changed: asyncio.Event) -> None:
        while not self._is_found():
            self.session.connection.check_open("load")
            if self.cancel_token.is_cancelled:
                raise OperationCancelledError(f"unable to load; run {self.run_id!r} was cancelled")
            if self._node() is None:
                changed.clear()
                await changed.wait()
            else:
                await self.located

    def _is_found(self) -> bool:
        return self.located.is_settled and self._node() is not None

    def _check_status(self, status: RunStatus) -> None:
        if status is RunStatus.SUSPENDED:
            raise InvalidArgumentError(
                f"unable to load; run {self.run_id!r} is suspended: resume via create_run(...).start() with the"
                " invocation of the answer"
            )
        if status.is_terminal:
            raise InvalidArgumentError(
                f"unable to load; run {self.run_id!r} is terminal (read-only), it is already {status}: create a new run"
            )

    def _not_found(self, cause: BaseException | None) -> InputEventNotFoundError:
        what = "the start of the run" if self.located.is_set else f"the input {self.input_event_id!r}"
        return InputEventNotFoundError(
            f"unable to load run {self.run_id!r}; {what} was not found on channel"
            f" {self.session.connection.channel.name!r}. It may not have arrived yet: try again",
            cause=cause,
        )
