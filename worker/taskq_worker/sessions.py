"""Sessions in a worker: tasks that hold a slot for cells, which come in a queue of their own.

A session is one process of its slot, with what its cells have defined in it. It ends when that process does, when it
was idle for too long, and when somebody ends it; the slot has a fresh process then.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any

import msgspec

from taskq_kernel.broker.client import Broker
from taskq_kernel.broker.names import session_queue
from taskq_kernel.domain import TaskStatus, ValueKind
from taskq_kernel.messages import ErrorInfo, ValueInfo
from taskq_worker import task_errors
from taskq_worker.claims.claim import Claim
from taskq_worker.claims.claimer import Claimer
from taskq_worker.claims.claims import Claims
from taskq_worker.julia.prepared_project import PreparedProject
from taskq_worker.julia.process_key import ProcessKey
from taskq_worker.service_api import ServiceApi
from taskq_worker.slots.job import Job, Report
from taskq_worker.slots.slot import Slot

log = logging.getLogger(__name__)

#: How often a session looks at its process, and at the messages that it has in hand, in seconds.
LOOK_S = 0.1
#: What a cell's name may begin with: it is what stack traces call it.
_CELL = re.compile(r"In\[\d+\]")


class Arguments(msgspec.Struct, frozen=True):
    """What a session is submitted with."""

    #: How long it may be without a cell; at most, and by default, what its worker allows.
    idle_seconds: float | None = None


class Sessions:
    """The open sessions of a worker.

    Parameters
    ----------
    broker, api, claims
        The worker's own.
    idle_s : float
        How long a session may be without a cell, in seconds.
    stop_attempt : callable
        Called with an attempt of a cell that runs here no longer.
    on_change : callable
        Called when there is another queue to be served, or one less.
    """

    def __init__(
        self, broker: Broker, api: ServiceApi, claims: Claims, *,
        idle_s: float, stop_attempt: Callable[[Claim], Awaitable[None]], on_change: Callable[[], None],
    ) -> None:
        self._broker = broker
        self._api = api
        self._claims = claims
        self._idle_s = idle_s
        self._stop_attempt = stop_attempt
        self._on_change = on_change
        #: The users' names of the queues that carry their cells.
        self.queues: list[str] = []

    def open(
        self, claim: Claim, slot: Slot, variables: tuple[tuple[str, str], ...], project: PreparedProject | None,
        run_cell: Callable[[Claim, Claimer], Awaitable[None]],
    ) -> Session:
        """A session, as the claim of its task asks for it, in a slot; its process has all this."""
        claims = self._claims.lane()
        queue = session_queue(claim.task.id)
        claimer = Claimer(
            self._broker, self._api, claims, slots=1, queues=[queue], stop_attempt=self._stop_attempt,
            one_process=True,
        )
        idle_s = self._idle_of(claim)
        task = claim.task
        key = slot.key_for(task.threads or 1, variables, task.memory_limit_bytes, project)
        return Session(slot, claims, claimer, key=key, idle_s=idle_s, run_cell=lambda cell: run_cell(cell, claimer))

    async def serve(self, claim: Claim, session: Session) -> Report:
        """Run a session until it ends, with its queue among those of the worker."""
        queue = session_queue(claim.task.id)
        self.queues.append(queue)
        self._on_change()
        try:
            return await session.run()
        finally:
            self.queues.remove(queue)
            self._on_change()

    def _idle_of(self, claim: Claim) -> float:
        try:
            asked = msgspec.json.decode(claim.task.arguments, type=Arguments).idle_seconds
        except msgspec.MsgspecError:
            asked = None
        return self._idle_s if asked is None else min(max(asked, 0.0), self._idle_s)


class Session:
    """One session: runs its cells in the slot's process, one after another.

    Parameters
    ----------
    slot : Slot
        Where its process is.
    claims, claimer
        Of its cells alone.
    key : ProcessKey
        What its process is started with.
    idle_s : float
        How long it may be without a cell, in seconds.
    run_cell : callable
        Runs a cell that is claimed, and hands on how it ended.
    """

    def __init__(
        self, slot: Slot, claims: Claims, claimer: Claimer, *, key: ProcessKey,
        idle_s: float, run_cell: Callable[[Claim], Awaitable[None]],
    ) -> None:
        self._slot = slot
        self._claims = claims
        self._claimer = claimer
        self._key = key
        self._idle_s = idle_s
        self._run_cell = run_cell
        self._process: int | None = None
        self._cell: Claim | None = None
        self._count = 0
        #: Why it ends, from outside; and why it ends as soon as no cell runs.
        self._stopped: ErrorInfo | None = None
        self._leaving: ErrorInfo | None = None
        self._changed = asyncio.Event()
        self._background: set[asyncio.Task[None]] = set()

    def prepare(self, job: Job, name: str) -> Job:
        """A cell's job, as it runs in this session."""
        self._count += 1
        named = _CELL.match(name)
        return replace(job, cell=named.group() if named else f"cell {self._count}", process=self._process)

    async def run(self) -> Report:
        """Take cells until it ends; how it ended."""
        began_at, began = time.time(), time.monotonic()
        await self._slot.start_pristine(self._key)
        self._process = self._slot.pid
        jobs = [asyncio.create_task(job) for job in (self._claimer.run(), self._look())]
        try:
            error = await self._serve()
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
            await self._claimer.close()
            await self._claimer.release_stale()
            await self._slot.renew("a session has ended")
        value = None if error is not None else self._idle_value()
        status = TaskStatus.FINISHED if error is None else TaskStatus.FAILED
        return Report(
            status, value, error, False, began_at, time.time(), time.monotonic() - began, 0, self._slot.julia_version
        )

    def stop(self, error: ErrorInfo) -> None:
        """End it, with the cell that runs."""
        self._stopped = self._stopped or error
        self._changed.set()
        self._in_background(self._slot.stop_task(error))

    def leave(self, error: ErrorInfo) -> None:
        """End it once no cell runs."""
        self._leaving = self._leaving or error
        self._changed.set()

    def stop_cell(self, claim: Claim, error: ErrorInfo) -> None:
        """Interrupt this attempt of a cell, if it is the one that runs; what was defined is kept, if it heeds that."""
        if self._cell is claim:
            self._in_background(self._slot.interrupt_task(error))

    async def _serve(self) -> ErrorInfo | None:
        """Run cells until it ends; why, or None if it was idle for too long."""
        idle_since = time.monotonic()
        while True:
            if (error := self._stopped or self._leaving) is not None:
                return error
            if self._slot.pid != self._process:
                return task_errors.session_lost()
            if time.monotonic() - idle_since > self._idle_s:
                return None
            if self._claims.waiting and not self._claims.outcomes_full:
                self._cell = await self._claims.next_ready()
                try:
                    await self._run_cell(self._cell)
                finally:
                    self._claims.leave_slot(self._cell)
                    self._cell = None
                idle_since = time.monotonic()
            else:
                await self._wait()

    async def _wait(self) -> None:
        """Wait until there may be a cell, or something else to be looked at."""
        coming = asyncio.ensure_future(self._claims.startable())
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait({coming, changed}, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            coming.cancel()
            changed.cancel()
            self._changed.clear()

    async def _look(self) -> None:
        while True:
            self._claimer.look()
            await self._claimer.release_stale()
            await asyncio.sleep(LOOK_S)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        # Not awaited by who asks for it: the heartbeat goes on meanwhile.
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _idle_value(self) -> ValueInfo:
        text = f"no cell came for {self._idle_s:g} s, so its slot was given back"
        return ValueInfo(kind=ValueKind.JSON, type="String", text=text, data=msgspec.Raw(msgspec.json.encode(text)))
