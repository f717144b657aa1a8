"""The Julia process of a slot: started ahead of its tasks, and replaced when it dies or is given up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from itertools import count
from pathlib import Path
from typing import Any

from taskq_kernel.errors import SetupError
from taskq_worker.julia.command import RunnerCommand, for_key
from taskq_worker.julia.prepared_project import PreparedProject
from taskq_worker.julia.process_key import ProcessKey, variables_of
from taskq_worker.sandbox.sandbox import Sandbox
from taskq_worker.slots import descendants
from taskq_worker.slots.job import Job
from taskq_worker.slots.process import JuliaProcess

log = logging.getLogger(__name__)


class WarmProcess:
    """One Julia process at a time, and its successor while that starts.

    Parameters
    ----------
    runner : RunnerCommand
        How a process is started.
    index : int
        The slot's number, for logs and folder names.
    folder : Path
        Where the processes' folders are made.
    sandbox : Sandbox
        As whom they run, and their limits.
    variables : tuple of (str, str)
        Environment variables of every process, where a task does not ask for another value.
    max_value_bytes : int
        The longest value kept whole, as JSON.
    default_memory_limit_bytes : int or None
        Limit for tasks that have none of their own.
    start_timeout_s : float
        How long Julia may take to start.

    Attributes
    ----------
    process : JuliaProcess or None
        The one to use, which may have died; None while there is none.
    julia_version : str
        Julia's, once one was started.
    """

    def __init__(
        self,
        runner: RunnerCommand,
        *,
        index: int,
        folder: Path,
        sandbox: Sandbox,
        variables: tuple[tuple[str, str], ...],
        max_value_bytes: int,
        default_memory_limit_bytes: int | None,
        start_timeout_s: float,
    ) -> None:
        self.process: JuliaProcess | None = None
        self.julia_version = ""
        self._runner = runner
        self._index = index
        self._folder = folder
        self._sandbox = sandbox
        self._variables = variables
        self._max_value_bytes = max_value_bytes
        self._default_memory_limit_bytes = default_memory_limit_bytes
        self._start_timeout_s = start_timeout_s
        self._starting: asyncio.Task[JuliaProcess] | None = None
        #: What the next process is started with: what the latest task needed.
        self._key: ProcessKey | None = None
        self._takes_heap_size: bool | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._serial = count(1)
        self._retired = False

    @property
    def alive(self) -> JuliaProcess | None:
        """The process, where it can be given a task."""
        return self.process if self.process is not None and self.process.alive else None

    # -- what it is started with ---------------------------------------------------------

    def key_for(
        self, threads: int = 1, variables: tuple[tuple[str, str], ...] = (), memory_limit_bytes: int | None = None,
        project: PreparedProject | None = None,
    ) -> ProcessKey:
        """What a process has to be started with for a task that asks for this; `ask_runner` comes first."""
        limit = memory_limit_bytes or self._default_memory_limit_bytes
        if self._variables:
            variables = variables_of(dict(self._variables), dict(variables))
        its_own = None if project is None else project.julia
        tell = self._takes_heap_size if its_own is None else its_own.takes_heap_size
        return ProcessKey(threads, variables, limit if tell else None, project)

    async def ask_runner(self) -> None:
        """Find out, once, what its Julia can be told."""
        if self._takes_heap_size is None:
            self._takes_heap_size = await asyncio.to_thread(self._runner.takes_heap_size)

    @property
    def next_key(self) -> ProcessKey | None:
        """What the next process is started with; None: as a task needs it that asks for nothing."""
        return self._key

    async def start_with(self, key: ProcessKey) -> None:
        """From now on processes are started with this key; one that is being started with another is given up."""
        if self._key == key:
            return
        self._key = key
        starting, self._starting = self._starting, None
        if starting is not None:
            starting.cancel()
            await asyncio.wait({starting})

    def forget_key(self) -> None:
        """None could be started with the key, which may be why: the next task may ask for nothing."""
        self._key = None

    # -- starting ------------------------------------------------------------------------

    async def start(self) -> None:
        """Return when a warm process stands ready.

        Raises
        ------
        SetupError
            If Julia cannot be started. It says what Julia said.
        """
        descendants.adopt_orphans()
        while self.alive is None:
            await self.start_next()

    async def start_next(self) -> None:
        """Wait for the process that is being started; start one if none is."""
        await asyncio.shield(self._begin_start())

    def start_successor(self) -> None:
        """Start another one; this process serves until that is warm."""
        if not self._retired and self.process is not None and (self._starting is None or self._starting.done()):
            log.info("slot %d: renewing julia after %d tasks", self._index, self.process.tasks)
            self._begin_start()

    async def settle(self) -> None:
        """Wait for one that is being started, and would take the place of the process sooner or later."""
        if self._starting is not None:
            await asyncio.wait({self._starting})

    def _begin_start(self) -> asyncio.Task[JuliaProcess]:
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self._launch())
            self._starting.add_done_callback(_retrieve)
        return self._starting

    async def _launch(self) -> JuliaProcess:
        if self._key is None:
            await self.ask_runner()
            self._key = self.key_for()
        key = self._key
        try:
            self._sandbox.make_depot()
            process = await JuliaProcess.start(
                for_key(self._runner, key),
                self._folder / f"slot-{self._index}-{next(self._serial)}",
                self._sandbox,
                max_value_bytes=self._max_value_bytes,
                timeout_s=self._start_timeout_s,
                key=key,
            )
        except OSError as error:
            raise SetupError(f"Julia cannot be started: {error}") from error
        old, self.process = self.process, process
        self.julia_version = process.julia_version
        process.watch_idle(self._on_idle_death)
        log.debug("slot %d: julia %s ready, process %d", self._index, process.julia_version, process.pid)
        if old is not None and not old.busy:  # else its task's end ends it
            self.spawn(old.end())
        return process

    # -- ending --------------------------------------------------------------------------

    def give_up(self, reason: str, job: Job | None = None) -> asyncio.Task[None] | None:
        """Discard the process, if there is one."""
        return None if self.process is None else self.discard(self.process, reason, job)

    def discard(self, process: JuliaProcess, reason: str, job: Job | None = None) -> asyncio.Task[None]:
        """End a process; start another one, where this was the one to use."""
        if self.process is process:
            self.process = None
        if not self._retired:
            of = f" (task {job.task_id})" if job is not None else ""
            log.info("slot %d: replacing julia: %s%s", self._index, reason, of)
        return self.spawn(self._replace(process))

    def retire(self) -> None:
        """From now on no process is replaced."""
        self._retired = True

    async def close(self) -> None:
        """End the processes, and wait until that is done."""
        self.retire()
        starting, self._starting = self._starting, None
        if starting is not None:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
        self.give_up("the slot closes")
        while self._background:
            await asyncio.gather(*self._background, return_exceptions=True)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something in the background, before it is closed."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def _replace(self, process: JuliaProcess) -> None:
        await process.end()
        if not self._retired and self.process is None:
            self._begin_start()

    def _on_idle_death(self, process: JuliaProcess) -> None:
        self.discard(process, "it died between two tasks")


def _retrieve(task: asyncio.Task[JuliaProcess]) -> None:
    """Look at a start that nobody waited for, so that asyncio does not complain."""
    if not task.cancelled():
        task.exception()
