"""The worker: takes tasks, runs them in its slots, brings their outcomes back.

One asyncio loop does it all; Julia runs in processes of its own, so nothing here waits
for task code. The parts:

- `Claimer` brings messages in and claims their tasks;
- a loop a slot takes the next claimed task and runs it;
- `Outcomes` keeps and publishes how they ended;
- the heartbeat renews the lease, brings progress and output, and hears what to stop.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import socket
import uuid
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from taskq_kernel.broker.client import Broker
from taskq_kernel.client.transport import GraphQLTransport
from taskq_kernel.errors import ServiceError, ServiceUnreachable, SetupError
from taskq_kernel.local.julia_project import manifest_sha256
from taskq_kernel.messages import SCHEMA, ErrorInfo, OutcomeMessage, Provenance
from taskq_kernel.settings import Settings
from taskq_worker.claims.claim_ahead import ClaimAhead
from taskq_worker.claims.claimer import Claimer
from taskq_worker.claims.claims import Claim, Claims, ClaimState
from taskq_worker.claims.outcomes import Outcomes
from taskq_worker.heartbeat_timer import HeartbeatTimer
from taskq_worker.julia.command import RunnerCommand
from taskq_worker.sandbox.sandboxes import Sandboxes
from taskq_worker.service_api import Lease, ServiceApi
from taskq_worker.slots.job import Job, Report
from taskq_worker.slots.slot import Slot

log = logging.getLogger(__name__)

#: How often room, stale claims and unsettled outcomes are looked at, in seconds.
TICK_S = 0.1
#: How long to wait before Julia is started again that did not start, in seconds.
RESTART_S = 2.0
#: How long a stopping worker waits for its published outcomes to be settled, in seconds.
SETTLE_S = 5.0

#: Codes of a service that is there and cannot serve: its database is locked, or its disk full.
NOT_NOW = frozenset({"UNAVAILABLE", "INTERNAL"})

STOPPED = ErrorInfo(name="Stopped", message="the task is no longer this worker's")


class Supervisor:
    """A worker with its slots.

    Parameters
    ----------
    settings : Settings
        `slots`, `queues`, `worker_name`, `memory_limit` and `grace` are this worker's.
    broker : Broker
        A broker that is not started yet.
    transport : GraphQLTransport
        The service, with a worker's token.
    runner : RunnerCommand
        How a Julia process is started.
    sandboxes : Sandboxes
        As whom, for each slot.
    folder : Path
        Where the tasks' temporary folders are made.
    """

    def __init__(
        self,
        settings: Settings,
        broker: Broker,
        transport: GraphQLTransport,
        runner: RunnerCommand,
        sandboxes: Sandboxes,
        folder: Path,
    ) -> None:
        self._settings = settings
        self._name = settings.worker_name
        self._broker = broker
        self._runner = runner
        self._sandboxes = sandboxes
        self._folder = folder
        self._count = slots_of(settings)
        self._api = ServiceApi(transport, str(uuid.uuid4()))
        self._claims = Claims()
        self._claim_ahead = ClaimAhead(self._count)
        self._claimer = Claimer(
            broker,
            self._api,
            self._claims,
            self._claim_ahead,
            slots=self._count,
            queues=settings.queues,
            let_go=self._let_go,
        )
        self._outcomes = Outcomes(broker, self._api, self._claims)
        self._running: dict[Claim, Slot] = {}
        self._slots: list[Slot] = []
        #: Replaced when the service has named its interval.
        self._heartbeat_timer = HeartbeatTimer(settings.heartbeat)
        self._stop = asyncio.Event()
        #: How often `stop` was called. From the second time on what runs is given back at once.
        self._stops = 0
        self._joined = False
        #: Set whenever a task ended here or was settled.
        self._changed = asyncio.Event()

    def stop(self) -> None:
        """Begin to drain: finish what runs, give the rest back, leave. The second time, give back what runs, too."""
        self._stops += 1
        self._stop.set()
        self._changed.set()

    async def run(self) -> None:
        """Work until `stop` is called, or the service asks this worker to drain."""
        loops: list[asyncio.Task[None]] = []
        starting = asyncio.create_task(self._start(loops))
        stopped = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait([stopped, starting], return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                done, _ = await asyncio.wait([stopped, *loops], return_when=asyncio.FIRST_COMPLETED)
                for loop in done - {stopped}:
                    loop.result()  # a loop ends by an error only: let it end the worker
                await self._drain()
            elif self._joined:
                await self._leave()
        finally:
            for task in (stopped, starting, *loops):
                task.cancel()
            await asyncio.gather(starting, *loops, return_exceptions=True)
            await asyncio.gather(*(slot.close() for slot in self._slots))
            await self._broker.close()

    async def _start(self, loops: list[asyncio.Task[None]]) -> None:
        """Join the fleet, start Julia, and then everything that works for ever."""
        lease = await self._register_patiently()
        self._joined = True
        self._heartbeat_timer = HeartbeatTimer(lease.heartbeat_s)
        loops.append(asyncio.create_task(self._beat()))
        self._slots = [self._slot(index, lease) for index in range(self._count)]
        await asyncio.gather(*(slot.start() for slot in self._slots))
        await self._register_patiently()
        log.info("worker %s takes tasks: %d slots, Julia %s", self._name, self._count, self._julia_version)
        await self._broker.start()
        self._claimer.wake.set()
        loops += [asyncio.create_task(loop) for loop in self._loops()]

    def _loops(self) -> list[Coroutine[Any, Any, None]]:
        slots = [self._serve(slot) for slot in self._slots]
        return [self._claimer.run(), self._outcomes.run(), self._tick(), *slots]

    @property
    def _julia_version(self) -> str:
        """Julia's version; empty until the slots have started."""
        return self._slots[0].julia_version if self._slots else ""

    def _slot(self, index: int, lease: Lease) -> Slot:
        return Slot(
            self._runner,
            index=index,
            folder=self._folder,
            max_log_bytes=lease.max_log_bytes,
            max_value_bytes=lease.max_value_bytes,
            default_memory_limit_bytes=self._settings.memory_limit,
            sandbox=self._sandboxes.slot(index),
        )

    # -- slots ---------------------------------------------------------------------------

    async def _serve(self, slot: Slot) -> None:
        """Run one claimed task after another in this slot."""
        while True:
            await self._julia_of(slot)
            while not self._claims.ready or self._claims.outcomes_full:
                self._claimer.ready.clear()
                await self._claimer.ready.wait()
            claim = self._claims.ready.popleft()
            claim.state = ClaimState.RUNNING
            self._running[claim] = slot
            self._claim_ahead.started(claim)
            try:
                report = await slot.run(_job(claim), *self._listeners(claim))
            finally:
                del self._running[claim]
                self._claim_ahead.ended(claim)
            if self._claims.holds(claim):
                self._outcomes.add(claim, self._outcome(claim, report))
            self._changed.set()
            self._claimer.wake.set()

    def _listeners(self, claim: Claim) -> tuple[Callable[[float, str], None], Callable[[str, str], None]]:
        """What takes a running task's progress and output, and has the service told soon."""

        def progress(fraction: float, message: str) -> None:
            claim.set_progress(fraction, message)
            self._heartbeat_timer.news()

        def output(stream: str, text: str) -> None:
            claim.add_output(stream, text)
            self._heartbeat_timer.news()

        return progress, output

    async def _julia_of(self, slot: Slot) -> None:
        """Wait for the slot's Julia if it is being replaced; nothing is claimed for it meanwhile."""
        if slot.pid is not None:
            return
        self._claimer.replacing += 1
        try:
            while slot.pid is None:
                try:
                    await slot.start()
                except Exception as error:  # one slot without Julia must not end the others
                    log.error("Julia does not start, trying again: %s", error, exc_info=not _is_known(error))
                    await asyncio.sleep(RESTART_S)
        finally:
            self._claimer.replacing -= 1
            self._claimer.wake.set()

    def _outcome(self, claim: Claim, report: Report) -> OutcomeMessage:
        task = claim.task
        logs, claim.logs = claim.logs, []
        return OutcomeMessage(
            schema=SCHEMA,
            id=task.id,
            attempt=claim.attempt,
            worker=self._name,
            name=task.name,
            status=report.status,
            started_at=report.started_at,
            finished_at=report.finished_at,
            seconds=report.seconds,
            arguments=task.arguments,
            value=report.value,
            error=report.error,
            retryable=report.retryable,
            logs=logs,
            provenance=Provenance(
                code_sha256=hashlib.sha256(task.code.encode()).hexdigest(),
                julia_version=report.julia_version,
                host=socket.gethostname(),
                worker=self._name,
                runner=self._runner.kind,
                peak_memory_bytes=report.peak_memory_bytes,
                manifest_sha256=manifest_sha256(self._settings.home),
            ),
        )

    # -- the service ---------------------------------------------------------------------

    async def _register_patiently(self) -> Lease:
        delay, said = 0.1, False
        while True:
            try:
                return await self._register()
            except (ServiceUnreachable, ServiceError) as error:
                if not _is_away(error):
                    raise
                if not said:
                    log.warning("the service is away, trying again until it is back: %s", error)
                said = True
                await asyncio.sleep(delay)
                delay = min(2 * delay, 1.0)

    async def _register(self) -> Lease:
        return await self._api.register(
            {
                "name": self._name,
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "runner": self._runner.kind,
                "juliaVersion": self._julia_version,
                "queues": self._settings.queues,
                "slots": self._count,
            }
        )

    async def _beat(self) -> None:
        """Heartbeat for ever."""
        away = False
        while True:
            await self._heartbeat_timer.next()
            try:
                await self._heartbeat()
            except (ServiceUnreachable, ServiceError) as error:
                if not _is_away(error):
                    log.warning("the service does not know this worker, joining again: %s", error)
                    await self._register_patiently()
                    continue
                if not away:
                    log.warning("the service is away; going on with what runs: %s", error)
                away = True
            else:
                if away:
                    log.info("the service is back")
                away = False
                if self._claimer.service_away:
                    self._claimer.service_away = False
                    self._claimer.wake.set()

    async def _heartbeat(self) -> None:
        reports = [(claim, *claim.report()) for claim in self._claims]
        reply = await self._api.heartbeat(
            [entry for _, entry, _ in reports], [chunk for _, _, logs in reports for chunk in logs]
        )
        for claim, entry, logs in reports:
            claim.reported(entry, logs)
        sent = {claim.task.id: claim for claim, _, _ in reports}
        for task_id in reply.settled:
            self._claims.forget(sent[task_id])
        for task_id in reply.stop:
            await self._let_go(sent[task_id])
        self._claimer.ready.set()  # outcomes that were settled may have held up the slots
        self._changed.set()
        if reply.drain and not self._stop.is_set():
            log.info("the service asks this worker to drain")
            self._stop.set()

    async def _let_go(self, claim: Claim) -> None:
        """The service took this attempt away: cancelled, deleted, or the lease ran out."""
        if not self._claims.holds(claim):
            return
        self._claims.forget(claim)
        slot = self._running.get(claim)
        log.info("task %s attempt %d: stopped on the service's word", claim.task.id, claim.attempt)
        if slot is not None:
            await slot.stop_task(STOPPED)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self._claimer.wake.set()
            await self._claimer.release_stale()
            self._outcomes.repeat()

    # -- the end -------------------------------------------------------------------------

    async def _drain(self) -> None:
        """Finish or give back everything, then leave the fleet."""
        log.info("draining: %d running, %d waiting", len(self._running), len(self._claims.ready))
        await self._claimer.close()
        await self._claimer.release_stale()
        await self._wait_for(lambda: self._stops > 1 or not self._running, self._settings.grace)
        for claim in [claim for claim in self._claims if claim.state is not ClaimState.DONE]:
            await self._let_go(claim)
        # Nothing runs here any more when the service hands it to others.
        await self._wait_for(lambda: not self._running and not len(self._claims), SETTLE_S)
        await self._leave()

    async def _leave(self) -> None:
        try:
            await asyncio.wait_for(self._api.leave(), SETTLE_S)
        except (ServiceUnreachable, ServiceError, TimeoutError) as error:
            log.warning("could not say goodbye, the lease will run out: %s", error)

    async def _wait_for(self, condition: Callable[[], bool], timeout_s: float) -> None:
        """Wait until the condition holds or the time is over; every change sets `_changed`."""
        try:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            log.debug("drained for %g s, and not all is done", timeout_s)


def slots_of(settings: Settings) -> int:
    """How many slots a worker has."""
    return settings.slots or os.cpu_count() or 1


def _is_known(error: Exception) -> bool:
    """Whether an error says all that there is to say."""
    return isinstance(error, SetupError | OSError)


def _is_away(error: ServiceUnreachable | ServiceError) -> bool:
    """Whether to ask again rather than give up."""
    return isinstance(error, ServiceUnreachable) or error.code in NOT_NOW


def _job(claim: Claim) -> Job:
    task = claim.task
    return Job(
        task_id=task.id,
        attempt=claim.attempt,
        name=task.name,
        kind=task.kind,
        code=task.code,
        arguments=task.arguments,
        entry=task.entry,
        timeout_s=task.timeout_s,
        memory_limit_bytes=task.memory_limit_bytes,
        refused=claim.refused,
    )
