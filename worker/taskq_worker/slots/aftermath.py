"""What becomes of a process when a task has ended in it: the next one finds it as the first did, or finds another."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from taskq_kernel.domain import TaskKind
from taskq_worker.slots.boundary import error_boundary
from taskq_worker.slots.ending import Ending, NeverStarted
from taskq_worker.slots.folder import remove_folder
from taskq_worker.slots.frames import End
from taskq_worker.slots.job import Job
from taskq_worker.slots.process import JuliaProcess
from taskq_worker.slots.warm_process import WarmProcess

#: Modules of finished tasks stay in Julia's memory, a few KiB each: after so many tasks, or
#: so much growth, a fresh process takes over.
TASKS_PER_PROCESS = 20_000
GROWTH_BYTES = 1 << 30


@dataclass
class Lifetime:
    """When a process is replaced though nothing is wrong with it: after so many tasks, or so much growth."""

    tasks: int = TASKS_PER_PROCESS
    growth_bytes: int = GROWTH_BYTES

    def is_over(self, process: JuliaProcess, ahead: int = 0) -> bool:
        """Whether its successor is to be started, once it has run so many more."""
        grown = process.used_bytes - process.idle_bytes > self.growth_bytes
        return grown or process.tasks + ahead >= self.tasks


class Aftermath:
    """Decides about the processes of a slot.

    Parameters
    ----------
    warm : WarmProcess
        The slot's.
    index : int
        The slot's number, for logs.
    lifetime : Lifetime
        When a process is replaced though nothing is wrong with it.
    """

    def __init__(self, warm: WarmProcess, index: int, lifetime: Lifetime) -> None:
        self._warm = warm
        self._index = index
        self._lifetime = lifetime

    async def of(self, process: JuliaProcess, job: Job, ending: Ending) -> None:
        """Decide about the process in which a task has just ended.

        However the task ended is known by now, and stays so, whatever goes wrong here.
        """
        ended: list[asyncio.Task[None]] = []

        def failed(error: Exception) -> None:
            ended.append(self._warm.discard(process, f"it cannot be made ready for the next task: {error}", job))

        with error_boundary(self._index, f"making ready after task {job.task_id}", failed):
            await self._keep_or_discard(process, job, ending)
        for discarded in ended:
            await asyncio.shield(discarded)

    async def _keep_or_discard(self, process: JuliaProcess, job: Job, ending: Ending) -> None:
        process.count_task()
        if job.cell is not None and isinstance(ending, End) and process.alive:
            return  # it is the session's, with all that its cells have left there
        reason = self._why_not_keep(process, job, ending)
        if reason:
            # Ended before the task counts as ended: nothing that it left running goes on.
            await asyncio.shield(self._warm.discard(process, reason, job))
            return
        trash = await asyncio.to_thread(process.work.renew) if process.key.project else process.work.renew()
        if trash is not None:
            self._warm.spawn(asyncio.to_thread(remove_folder, trash))
        if self._lifetime.is_over(process):
            self._warm.start_successor()

    def _why_not_keep(self, process: JuliaProcess, job: Job, ending: Ending) -> str:
        if not isinstance(ending, End):
            return "it took no task" if isinstance(ending, NeverStarted) else "its task was ended"
        if not process.alive:
            return "it died"
        if process is not self._warm.process:
            return "its successor is warm"
        if ending.left:
            return f"a task {ending.left}"
        if ending.error is not None and process.sandbox.limits.explain(ending.error) is not ending.error:
            # What it holds is let go when Julia collects garbage: too late for the next task.
            return "a task ran into a limit of the operating system"
        if ending.children and process.living_descendants():
            return "a task left a process behind"
        if ending.tainted and job.kind is TaskKind.SCRIPT:
            return f"a task {ending.tainted}"
        if ending.tainted:
            # A sweep may go on in it: what changed the process is its own definition.
            process.taint(job.code_sha256)
        return ""
