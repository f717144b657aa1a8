"""A slot: one warm Julia process, replaced when it dies or cannot be trusted any more."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from taskq_kernel.domain import TaskKind, TaskStatus
from taskq_kernel.errors import SetupError
from taskq_kernel.messages import ErrorInfo
from taskq_worker import task_errors
from taskq_worker.julia.command import RunnerCommand
from taskq_worker.julia.prepared_project import PreparedProject
from taskq_worker.julia.process_key import ProcessKey
from taskq_worker.sandbox.sandbox import OWN_USER, Sandbox
from taskq_worker.slots.array_file import take_array
from taskq_worker.slots.attempt import Attempt, Ending, NeverStarted
from taskq_worker.slots.boundary import error_boundary
from taskq_worker.slots.folder import remove_folder
from taskq_worker.slots.frames import MAX_ARRAY_BYTES, End, run_frame
from taskq_worker.slots.job import Job, Report, check_code
from taskq_worker.slots.kept_files import LeftFolder
from taskq_worker.slots.output import TaskOutput
from taskq_worker.slots.passed_files import by_name, names_of
from taskq_worker.slots.process import JuliaProcess
from taskq_worker.slots.report import report_of
from taskq_worker.slots.warm_process import WarmProcess

log = logging.getLogger(__name__)

#: Modules of finished tasks stay in Julia's memory, a few KiB each: after so many tasks, or
#: so much growth, a fresh process takes over.
TASKS_PER_PROCESS = 20_000
GROWTH_BYTES = 1 << 30

#: The kinds of process in which an interrupt is an exception of Julia's; elsewhere it would be Python's.
INTERRUPTIBLE = frozenset({"julia"})

#: How often a process is started before a task is given up.
_STARTS = 4


class Slot:
    """Runs one task after another, each in a warm Julia process.

    `run` reports whatever the task does. A process that the task ended, broke, changed for
    good or left something running in is replaced; its successor starts at once, in the
    background.

    Parameters
    ----------
    runner : RunnerCommand
        How a process is started.
    index : int
        The slot's number, for logs and folder names.
    folder : Path
        Where the processes' folders are made.
    max_log_bytes : int
        How much of an attempt's output is kept.
    max_value_bytes : int
        The longest value kept whole, as JSON. A longer one becomes text.
    max_array_bytes : int
        The largest array of numbers kept whole, in a file.
    default_memory_limit_bytes : int or None
        Limit for tasks that have none of their own.
    start_timeout_s : float
        How long Julia may take to start.
    show_timeout_s : float
        How long a value may take to become JSON when the code is done.
    tasks_per_process, growth_bytes : int
        When a process is replaced though nothing is wrong with it.
    sandbox : Sandbox
        As whom its processes run, and their limits. By default as the worker's own user.
    variables : tuple of (str, str)
        Environment variables of every process, where a task does not ask for another value.
    """

    def __init__(
        self,
        runner: RunnerCommand,
        *,
        index: int,
        folder: Path,
        max_log_bytes: int,
        max_value_bytes: int,
        max_array_bytes: int = MAX_ARRAY_BYTES,
        default_memory_limit_bytes: int | None,
        start_timeout_s: float = 120.0,
        show_timeout_s: float = 30.0,
        tasks_per_process: int = TASKS_PER_PROCESS,
        growth_bytes: int = GROWTH_BYTES,
        sandbox: Sandbox = OWN_USER,
        variables: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.index = index
        self._folder = folder
        self._max_log_bytes = max_log_bytes
        self._max_value_bytes = max_value_bytes
        self._max_array_bytes = max_array_bytes
        self._default_memory_limit_bytes = default_memory_limit_bytes
        self._show_timeout_s = show_timeout_s
        self._tasks_per_process = tasks_per_process
        self._growth_bytes = growth_bytes
        self._sandbox = sandbox
        self._warm = WarmProcess(
            runner, index=index, folder=folder, sandbox=sandbox, variables=variables, max_value_bytes=max_value_bytes,
            default_memory_limit_bytes=default_memory_limit_bytes, start_timeout_s=start_timeout_s,
        )  # fmt: skip
        self._numbers = count(1)
        self._attempt: Attempt | None = None
        self._stop: asyncio.Future[ErrorInfo] | None = None
        #: Set while no task runs.
        self._free = asyncio.Event()
        self._free.set()

    @property
    def pid(self) -> int | None:
        """Process id of the warm Julia process; None while there is none."""
        alive = self._warm.alive
        return None if alive is None else alive.pid

    @property
    def key(self) -> ProcessKey | None:
        """What the warm Julia process was started with; None while there is none."""
        alive = self._warm.alive
        return None if alive is None else alive.key

    def key_for(
        self, threads: int = 1, variables: tuple[tuple[str, str], ...] = (), memory_limit_bytes: int | None = None,
        project: PreparedProject | None = None,
    ) -> ProcessKey:
        """What a process has to be started with for a task that asks for this; to be asked once one was started."""
        return self._warm.key_for(threads, variables, memory_limit_bytes, project)

    @property
    def next_project(self) -> PreparedProject | None:
        """The project of the latest task: what the next process is started with."""
        return None if self._warm.next_key is None else self._warm.next_key.project

    @property
    def julia_version(self) -> str:
        """Julia's version; empty until one was started."""
        return self._warm.julia_version

    @property
    def sandbox(self) -> Sandbox:
        """What its processes are confined to."""
        return self._sandbox

    async def start(self) -> None:
        """Return when a warm process stands ready.

        Raises
        ------
        SetupError
            If Julia cannot be started. It says what Julia said.
        """
        await self._warm.start()

    async def run(
        self,
        job: Job,
        on_progress: Callable[[float, str], None],
        on_log: Callable[[str, str], None],
        on_series: Callable[[msgspec.Raw], None] = lambda _: None,
    ) -> Report:
        """Run one attempt of a task and report how it ended.

        Parameters
        ----------
        job : Job
            What to run.
        on_progress : callable
            Takes the fraction, from 0 to 1, and the message of each progress report.
        on_log : callable
            Takes a stream's name and a text, for all that is printed, as it is printed.
            Everything printed before the end has been handed on when this returns.
        on_series : callable
            Takes the series that the task has reported so far, as JSON; all of them are in
            the report.
        """
        if self._stop is not None:
            raise RuntimeError(f"slot {self.index} runs a task already")
        self._stop = asyncio.get_running_loop().create_future()
        self._free.clear()
        reports: list[Report] = []

        def failed(error: Exception) -> None:
            self._warm.give_up("running a task in it failed", job)
            reports.append(self.failed_report(error))

        try:
            with error_boundary(self.index, f"running task {job.task_id}", failed):
                reports.append(await self._run(job, self._stop, on_progress, on_log, on_series))
        except asyncio.CancelledError:
            self._warm.give_up("its task was given up")
            raise
        finally:
            self._stop = None
            self._free.set()
        return reports[0]

    def failed_report(self, error: Exception) -> Report:
        """The report on an attempt that the worker, and not the task, has failed."""
        return self._failed_at_once(task_errors.failed_here(error), retryable=True)

    def refused_report(self, error: ErrorInfo) -> Report:
        """The report on an attempt that cannot even begin, now or later."""
        return self._failed_at_once(error, retryable=False)

    def unready_report(self, error: ErrorInfo) -> Report:
        """The report on an attempt that could not begin, and may another time."""
        return self._failed_at_once(error, retryable=True)

    async def stop_task(self, error: ErrorInfo) -> None:
        """End the running task: its `run` reports FAILED with this error.

        Its process is ended with all it started. Nothing happens where no task runs.
        """
        if self._stop is not None and not self._stop.done():
            self._stop.set_result(error)
        if self._attempt is not None:
            self._attempt.end(error)

    async def interrupt_task(self, error: ErrorInfo) -> None:
        """End the code of the running cell, and keep its process; where Julia does not obey, as `stop_task`."""
        attempt, process = self._attempt, self._warm.alive
        interruptible = process is not None and process.kind in INTERRUPTIBLE
        if attempt is not None and interruptible and await attempt.interrupted():
            return
        if attempt is self._attempt:
            await self.stop_task(error)

    async def start_pristine(self, key: ProcessKey) -> None:
        """Return when a process of this key stands ready that no definition has changed; errors as of `start`."""
        await self._warm.start_with(key)
        await self._warm.settle()
        process = self._warm.process
        if process is not None and (process.tainted_by is not None or process.key != key):
            await self.renew("it may not run a session")
        try:
            await self.start()
        except SetupError:
            self._warm.forget_key()
            raise

    async def renew(self, reason: str) -> None:
        """Give up the process, whose state nobody needs any more; a fresh one takes over."""
        ended = self._warm.give_up(reason)
        if ended is not None:
            await asyncio.shield(ended)

    async def close(self) -> None:
        """End the slot's processes, with the task that runs, and remove their folders."""
        self._warm.retire()
        await self.stop_task(task_errors.worker_stops())
        await self._free.wait()
        await self._warm.close()
        await asyncio.to_thread(self._sandbox.remove_depot)

    # -- one task ------------------------------------------------------------------------

    async def _run(
        self,
        job: Job,
        stop: asyncio.Future[ErrorInfo],
        on_progress: Callable[[float, str], None],
        on_log: Callable[[str, str], None],
        on_series: Callable[[msgspec.Raw], None],
    ) -> Report:
        refused = check_code(job.code) if job.refused is None else task_errors.unreadable(job.refused)
        if refused is not None:
            return self._failed_at_once(refused, retryable=False)
        number = next(self._numbers)
        try:
            frame = run_frame(
                number, job.kind, job.code, job.code_sha256, job.entry, job.seed, job.arguments,
                self._max_value_bytes, self._max_array_bytes, names_of(job.passed), job.cell,
            )
        except (TypeError, ValueError, RecursionError) as error:
            return self._failed_at_once(task_errors.invalid_arguments(error), retryable=False)
        limit = job.memory_limit_bytes or self._default_memory_limit_bytes
        await self._warm.ask_runner()
        key = self.key_for(job.threads, job.variables, job.memory_limit_bytes, job.project)
        for _ in range(_STARTS):
            process, used = await self._process_for(job, key, limit, stop)
            if isinstance(process, ErrorInfo):
                return self._failed_at_once(process, retryable=process.name != "MemoryLimitExceeded")
            process.work.put({**by_name(job.passed), **job.files})
            attempt = self._attempt = Attempt(
                process,
                number,
                timeout_s=job.timeout_s,
                show_timeout_s=self._show_timeout_s,
                memory_limit_bytes=limit,
                output=TaskOutput(self._max_log_bytes, on_log),
                on_progress=on_progress,
                on_series=on_series,
            )
            started_at, began = time.time(), time.monotonic()
            try:
                ending = await attempt.run(frame, used)
            finally:
                self._attempt = None
            seconds = time.monotonic() - began
            ending, file = self._with_file(process, ending)
            left = self._set_aside(process, job, number) if not isinstance(ending, NeverStarted) else None
            await self._after(process, job, ending)
            if not isinstance(ending, NeverStarted):
                peak = attempt.memory.peak_bytes
                report = report_of(ending, process.sandbox, started_at, seconds, peak, process.julia_version, file)
                return replace(report, folder=left, runner=process.kind)
        never = task_errors.cannot_start(f"{_STARTS} processes ended before they took the task up")
        return self._failed_at_once(never, retryable=True)

    def _with_file(self, process: JuliaProcess, ending: Ending) -> tuple[Ending, BinaryIO | None]:
        """An ending with the file that its value is in, if it is in one; before the task's folder is emptied."""
        if not isinstance(ending, End) or ending.value is None or not ending.value.file:
            return ending, None
        try:
            return ending, take_array(process.work.path, _owner(process))
        except OSError as error:
            return task_errors.broken_frames(f"it sent a value that is not there: {error.strerror or error}"), None

    def _set_aside(self, process: JuliaProcess, job: Job, number: int) -> LeftFolder | None:
        """The folder in which the task has worked, out of the way, where files of it are to be kept."""
        if not job.outputs:
            return None
        left = LeftFolder(self._folder / f"left-{self.index}-{number}", _owner(process))
        try:
            process.work.set_aside(left.path)
        except OSError as error:  # the task has removed it, or put something else there
            log.warning("slot %d: the folder of task %s cannot be kept: %s", self.index, job.task_id, error)
        return left

    async def _process_for(
        self, job: Job, key: ProcessKey, limit: int | None, stop: asyncio.Future[ErrorInfo]
    ) -> tuple[JuliaProcess | ErrorInfo, int]:
        """A process that may run this job and how much memory it has, or why there is none."""
        failures = 0
        if job.cell is not None:
            here = self._warm.alive
            return (here, here.used_bytes) if here is not None and here.pid == job.process else (
                task_errors.session_lost(), 0
            )
        await self._warm.start_with(key)
        while not stop.done():
            process = self._warm.alive
            if process is not None:
                if limit is not None and limit <= process.idle_bytes:
                    return task_errors.memory_too_small(process.idle_bytes, limit), 0
                fits = limit is None or process.used_bytes < limit or process.resident_bytes() < limit
                if fits and process.key == key and process.tainted_by in (None, job.code_sha256):
                    return process, process.used_bytes
                self._warm.discard(process, "it may not run the next task, or holds too much memory for it")
            starting = asyncio.ensure_future(self._warm.start_next())
            first: set[asyncio.Future[Any]] = {starting, stop}
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                starting.cancel()
                await asyncio.gather(starting, return_exceptions=True)
                break
            try:
                starting.result()
            except SetupError as error:
                failures += 1
                log.warning("slot %d: julia did not start (%d/%d): %s", self.index, failures, _STARTS, error)
                if failures == _STARTS:
                    self._warm.forget_key()
                    return task_errors.cannot_start(str(error)), 0
                await asyncio.wait({stop}, timeout=0.25 * 2**failures)
        return stop.result(), 0

    async def _after(self, process: JuliaProcess, job: Job, ending: Ending) -> None:
        """Decide about the process in which a task has just ended.

        However the task ended is known by now, and stays so, whatever goes wrong here.
        """
        ended: list[asyncio.Task[None]] = []

        def failed(error: Exception) -> None:
            ended.append(self._warm.discard(process, f"it cannot be made ready for the next task: {error}", job))

        with error_boundary(self.index, f"making ready after task {job.task_id}", failed):
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
        if process.used_bytes - process.idle_bytes > self._growth_bytes or process.tasks >= self._tasks_per_process:
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

    def _failed_at_once(self, error: ErrorInfo, *, retryable: bool) -> Report:
        now = time.time()
        return Report(TaskStatus.FAILED, None, error, retryable, now, now, 0.0, 0, self.julia_version)


def _owner(process: JuliaProcess) -> int:
    """Whose the files are that a task has made."""
    user = process.sandbox.user
    return os.getuid() if user is None else user.uid
