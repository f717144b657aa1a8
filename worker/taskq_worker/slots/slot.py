"""A slot: one warm Julia process, replaced when it dies or cannot be trusted any more."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import SetupError
from taskq_kernel.messages import ErrorInfo
from taskq_worker import task_errors
from taskq_worker.julia.command import RunnerCommand
from taskq_worker.julia.prepared_project import PreparedProject
from taskq_worker.julia.process_key import ProcessKey
from taskq_worker.sandbox.sandbox import OWN_USER, Sandbox
from taskq_worker.slots.aftermath import GROWTH_BYTES, TASKS_PER_PROCESS, Aftermath, Lifetime
from taskq_worker.slots.ahead import Ahead, Listeners, Supply, Window
from taskq_worker.slots.array_file import take_array
from taskq_worker.slots.attempt import Attempt
from taskq_worker.slots.boundary import error_boundary
from taskq_worker.slots.ending import Ending, NeverStarted
from taskq_worker.slots.frames import MAX_ARRAY_BYTES, End
from taskq_worker.slots.job import Job, Report, check_code
from taskq_worker.slots.kept_files import LeftFolder
from taskq_worker.slots.passed_files import by_name
from taskq_worker.slots.process import JuliaProcess
from taskq_worker.slots.report import report_of
from taskq_worker.slots.runs import Runs
from taskq_worker.slots.warm_process import WarmProcess

log = logging.getLogger(__name__)

#: A task is sent ahead only where there is at least so much memory below its limit: what those before it have left
#: for Julia to collect must not be held against it.
AHEAD_BYTES = 256 << 20

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
        self._default_memory_limit_bytes = default_memory_limit_bytes
        self._show_timeout_s = show_timeout_s
        self._lifetime = Lifetime(tasks_per_process, growth_bytes)
        self._sandbox = sandbox
        self._warm = WarmProcess(
            runner, index=index, folder=folder, sandbox=sandbox, variables=variables, max_value_bytes=max_value_bytes,
            default_memory_limit_bytes=default_memory_limit_bytes, start_timeout_s=start_timeout_s,
        )  # fmt: skip
        self._aftermath = Aftermath(self._warm, index, self._lifetime)
        self._runs = Runs(
            max_log_bytes=max_log_bytes, max_value_bytes=max_value_bytes, max_array_bytes=max_array_bytes
        )
        self._attempt: Attempt | None = None
        self._window = Window()
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
        supply: Supply | None = None,
    ) -> Report:
        """Run one attempt of a task and report how it ended.

        Where others may follow it, report that to where they come from, go on with them, and return the last
        one's report.

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
        supply : Supply, optional
            Where tasks come from that may follow it. Default: none does.
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
                reports.append(await self._run(job, self._stop, Listeners(on_progress, on_log, on_series), supply))
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

    def look(self) -> None:
        """Hear what the process has said by now: it may have gone on with another task."""
        if self._attempt is not None:
            self._attempt.look()

    def take_back(self) -> None:
        """No task that was sent ahead and has not begun will begin here."""
        if self._attempt is not None:
            self._attempt.take_back()

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
        self, job: Job, stop: asyncio.Future[ErrorInfo], listeners: Listeners, supply: Supply | None
    ) -> Report:
        refused = check_code(job.code) if job.refused is None else task_errors.unreadable(job.refused)
        if refused is not None:
            return self._failed_at_once(refused, retryable=False)
        run = self._runs.of(job, listeners)
        try:
            frame = self._runs.frame(run.number, job)
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
                process, run, show_timeout_s=self._show_timeout_s, memory_limit_bytes=limit,
                run_of=self._runs.of_following,
            )  # fmt: skip
            ahead = None if supply is None else self._ahead(process, job, limit, supply)
            try:
                report = await self._see_through(attempt, frame, used, ahead)
            finally:
                if ahead is not None:
                    ahead.close()
            if report is not None:
                return report
            if attempt.current is not run:  # one that followed was not taken up
                run, job = attempt.current, attempt.current.job
                frame = self._runs.frame(run.number, job)
        never = task_errors.cannot_start(f"{_STARTS} processes ended before they took the task up")
        return self._failed_at_once(never, retryable=True)

    async def _see_through(self, attempt: Attempt, frame: bytes, used: int, ahead: Ahead | None) -> Report | None:
        """Run a task and what follows it, and decide about the process: the last one's report; None if none began."""
        process = attempt.process
        try:
            ending = await attempt.run(frame, used, ahead)
        finally:
            self._attempt = None
        seconds, job = attempt.elapsed_s, attempt.current.job
        ending, file = self._with_file(process, ending)
        left = self._set_aside(process, job, attempt.current.number) if not isinstance(ending, NeverStarted) else None
        await self._aftermath.of(process, job, ending)
        if isinstance(ending, NeverStarted):
            return None
        report = report_of(ending, process, attempt.started_at, seconds, attempt.memory.peak_bytes, file)
        return replace(report, folder=left)

    # -- what is sent ahead --------------------------------------------------------------

    def _ahead(self, process: JuliaProcess, head: Job, limit: int | None, supply: Supply) -> Ahead:
        def may_go_on(waiting: int) -> bool:
            room = limit is None or limit - max(process.idle_bytes, process.used_bytes) > AHEAD_BYTES
            return room and process is self._warm.alive and not self._lifetime.is_over(process, waiting)

        return Ahead(head, supply, process.queue, self._window, self._runs.packet, may_go_on)

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

    def _failed_at_once(self, error: ErrorInfo, *, retryable: bool) -> Report:
        now = time.time()
        return Report(TaskStatus.FAILED, None, error, retryable, now, now, 0.0, 0, self.julia_version)


def _owner(process: JuliaProcess) -> int:
    """Whose the files are that a task has made."""
    user = process.sandbox.user
    return os.getuid() if user is None else user.uid
