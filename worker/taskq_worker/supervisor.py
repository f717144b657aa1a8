"""The worker: takes tasks, runs them in its slots, brings their outcomes back.

One asyncio loop does it all; Julia runs in processes of its own, so nothing here waits
for task code. The parts:

- `Claimer` brings messages in and claims their tasks;
- `Granted` takes those that the service gives it;
- a `SlotLoop` for each slot takes the next claimed task and runs it;
- `Outcomes` keeps and publishes how they ended;
- `Membership` renews the lease, brings progress and output, and hears what to stop.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from taskq_kernel.broker.client import Broker
from taskq_kernel.julia_manifest import version_numbers
from taskq_kernel.local.julia_project import manifest_sha256
from taskq_kernel.settings import Settings
from taskq_worker import task_errors
from taskq_worker.claims.claim import Claim, ClaimState
from taskq_worker.claims.claimer import Claimer
from taskq_worker.claims.claims import Claims
from taskq_worker.claims.granted import Granted
from taskq_worker.claims.offer import capacity_of, slots_of
from taskq_worker.claims.outcomes import Outcomes
from taskq_worker.claims.passed import Passed
from taskq_worker.claims.sources import Sources
from taskq_worker.julia.command import PackageRunner, RunnerCommand, for_packages
from taskq_worker.julia.passed_on import passed_on
from taskq_worker.julia.process_key import variables_of
from taskq_worker.kept import Kept
from taskq_worker.manifest_texts import ManifestTexts
from taskq_worker.membership import Membership
from taskq_worker.outcome import make_outcome
from taskq_worker.projects.projects import Projects
from taskq_worker.projects.store import PROJECTS, ProjectStore
from taskq_worker.provisions import Provisions
from taskq_worker.sandbox.sandboxes import Sandboxes
from taskq_worker.service_api import Lease, ServiceApi
from taskq_worker.sessions import Sessions
from taskq_worker.slot_loop import SlotLoop
from taskq_worker.slots.slot import Slot

log = logging.getLogger(__name__)

#: How often room, stale claims and unsettled outcomes are looked at, in seconds.
TICK_S = 0.1
#: How long a stopping worker waits for its published outcomes to be settled, in seconds.
SETTLE_S = 5.0


class Supervisor:
    """A worker with its slots.

    Parameters
    ----------
    settings : Settings
        `slots`, `queues`, `worker_name`, `memory_limit` and `grace` are this worker's.
    broker : Broker
        A broker that is not started yet.
    api : ServiceApi
        The service, as this worker.
    runner : RunnerCommand
        How a Julia process is started.
    sandboxes : Sandboxes
        What those of each slot are confined to.
    folder : Path
        Where the tasks' temporary folders are made.
    projects : ProjectStore, optional
        What lies on this machine of projects. Default: what is in the data folder.
    julias : sequence of PackageRunner, optional
        The Julias that projects can have. Default: that of the other tasks.
    """

    def __init__(
        self,
        settings: Settings,
        broker: Broker,
        api: ServiceApi,
        runner: RunnerCommand,
        sandboxes: Sandboxes,
        folder: Path,
        projects: ProjectStore | None = None,
        julias: Sequence[PackageRunner] | None = None,
    ) -> None:
        self._settings = settings
        self._name = settings.worker_name
        self._broker = broker
        self._runner = runner
        self._sandboxes = sandboxes
        self._folder = folder
        self._count = slots_of(settings)
        self._passed_on = passed_on(settings.pass_env, os.environ)
        julias = julias or [for_packages(runner)]
        self._claims = Claims(capacity_of(settings, [julia.version() for julia in julias]))
        self._claimer = Claimer(
            broker, api, self._claims,
            slots=self._count, queues=settings.queues, stop_attempt=self._stop_attempt,
        )  # fmt: skip
        self._api = api
        self._outcomes = Outcomes(broker, api, self._claims, lambda: self._claimer.work_in_hand_s)
        self._sources = Sources(api.source)
        self._texts = ManifestTexts()
        self._passed = Passed(api.fetch, folder)
        projects = projects or ProjectStore(settings.home / PROJECTS, settings.project_cache_size)
        self._projects = Projects(projects, julias, api.fetch, settings.project_timeout)
        self._membership = Membership(
            api, self._claims,
            describe=self._description, stop_attempt=self._stop_attempt, on_reply=self._on_reply,
        )  # fmt: skip
        self._granted = Granted(broker, api, self._claims, self._claimer, self._membership.news)
        self._sessions = Sessions(
            broker, api, self._claims,
            idle_s=settings.session_idle, stop_attempt=self._stop_attempt, on_change=self._membership.news,
        )  # fmt: skip
        self._loops: list[SlotLoop] = []
        self._stop = asyncio.Event()
        #: How often `stop` was called. From the second time on what runs is given back at once.
        self._stops = 0
        #: Set whenever a task ended here or was settled.
        self._changed = asyncio.Event()

    def stop(self) -> None:
        """Begin to drain: finish what runs, give the rest back, leave. The second time, give back what runs, too."""
        self._stops += 1
        self._stop.set()
        self._changed.set()

    async def run(self) -> None:
        """Work until `stop` is called, or the service asks this worker to drain."""
        jobs: list[asyncio.Task[None]] = []
        starting = asyncio.create_task(self._start(jobs))
        stopped = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait([stopped, starting], return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                done, _ = await asyncio.wait([stopped, *jobs], return_when=asyncio.FIRST_COMPLETED)
                for job in done - {stopped}:
                    job.result()  # it ends by an error only: let it end the worker
                await self._drain()
            else:
                await self._membership.leave()
        finally:
            for task in (stopped, starting, *jobs):
                task.cancel()
            await asyncio.gather(starting, *jobs, return_exceptions=True)
            await asyncio.gather(*(loop.close() for loop in self._loops))
            await self._broker.close()

    async def _start(self, jobs: list[asyncio.Task[None]]) -> None:
        """Join the fleet, start Julia, and then everything that works for ever."""
        lease = await self._membership.join()
        jobs.append(asyncio.create_task(self._membership.run()))
        kept = Kept(self._api, lease.max_files_bytes)
        self._loops = [self._slot_loop(index, lease, kept) for index in range(self._count)]
        await asyncio.gather(*(loop.slot.start() for loop in self._loops))
        await self._membership.join()
        log.info("worker %s takes tasks: %d slots, Julia %s", self._name, self._count, self._julia_version)
        await self._broker.start()
        self._claimer.look()
        jobs += [asyncio.create_task(job) for job in self._jobs()]

    def _jobs(self) -> list[Coroutine[Any, Any, None]]:
        lasting = [self._claimer.run(), self._granted.run(), self._outcomes.run(), self._tick()]
        return lasting + [loop.run() for loop in self._loops]

    @property
    def _julia_version(self) -> str:
        """Julia's version; empty until the slots have started."""
        return self._loops[0].slot.julia_version if self._loops else ""

    def _description(self) -> dict[str, Any]:
        return {
            "name": self._name,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "runner": self._runner.kind,
            "juliaVersion": self._julia_version,
            "queues": [*self._settings.queues, *self._sessions.queues],
            "slots": self._count,
            "cores": self._claims.capacity.total.cores,
            "bundles": True,
            "grants": self._claimer.slots_soon if self._granted.ready and not self._stop.is_set() else 0,
            "gpus": self._claims.capacity.total.gpus,
            "memory": self._claims.capacity.total.memory,
            "julias": [".".join(map(str, julia)) for julia in self._claims.capacity.julias],
            "manifest": manifest_sha256(self._settings.home, version_numbers(self._julia_version)),
        }

    def _slot_loop(self, index: int, lease: Lease, kept: Kept) -> SlotLoop:
        slot = Slot(
            self._runner,
            index=index,
            folder=self._folder,
            max_log_bytes=lease.max_log_bytes,
            max_value_bytes=lease.max_value_bytes,
            max_array_bytes=lease.max_array_bytes,
            default_memory_limit_bytes=self._settings.memory_limit,
            sandbox=self._sandboxes.slot(index),
            variables=variables_of(self._passed_on, self._claims.capacity.variables),
        )
        news = self._membership.news
        provisions = Provisions(slot, self._claims, self._sources, self._passed, self._projects, news)
        outcome = partial(
            make_outcome, worker=self._name, runner=self._runner.kind, home=self._settings.home,
            texts=self._texts,
        )
        return SlotLoop(
            slot, self._claims, self._claimer, self._outcomes, provisions, kept.keep,
            sessions=self._sessions, make_outcome=outcome, on_news=news, on_end=self._changed.set,
        )  # fmt: skip

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self._claimer.look()
            await self._claimer.release_stale()
            self._outcomes.repeat()

    # -- the service's word --------------------------------------------------------------

    def _on_reply(self, drain: bool) -> None:
        """The service has answered a heartbeat."""
        self._claimer.service_answered()
        self._changed.set()
        if drain and not self._stop.is_set():
            log.info("the service asks this worker to drain")
            self._stop.set()

    async def _stop_attempt(self, claim: Claim) -> None:
        """The service took this attempt away: cancelled, deleted, or the lease ran out."""
        if not self._claims.holds(claim):
            return
        self._claims.forget(claim)
        log.info("task %s attempt %d: stopped on the service's word", claim.task.id, claim.attempt)
        for loop in self._loops:
            await loop.stop_attempt(claim, task_errors.taken_away())

    # -- the end -------------------------------------------------------------------------

    @property
    def _running(self) -> int:
        return sum(loop.busy for loop in self._loops)

    async def _drain(self) -> None:
        """Finish or give back everything, then leave the fleet."""
        log.info("draining: %d running, %d waiting", self._running, self._claims.waiting)
        self._membership.news()  # nothing more is given to it
        await self._claimer.close()
        for loop in self._loops:
            loop.take_back()
        await self._claimer.release_stale()
        for loop in self._loops:
            loop.leave_session()
        await self._wait_for(lambda: self._stops > 1 or not self._running, self._settings.grace)
        for claim in [claim for claim in self._claims if claim.state is not ClaimState.DONE]:
            await self._stop_attempt(claim)
        # Nothing runs here any more when the service hands it to others.
        await self._wait_for(lambda: not self._running and not len(self._claims), SETTLE_S)
        await self._membership.leave()

    async def _wait_for(self, condition: Callable[[], bool], timeout_s: float) -> None:
        """Wait until the condition holds or the time is over; every change sets `_changed`."""
        try:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            log.debug("drained for %g s, and not all is done", timeout_s)

