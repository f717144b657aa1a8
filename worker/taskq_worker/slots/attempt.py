"""One attempt of a task in one Julia process: from its frame to how it ended; and those that follow it there."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from typing import Any

import msgspec

from taskq_kernel.messages import ErrorInfo
from taskq_worker import task_errors
from taskq_worker.slots.ahead import Ahead, Following
from taskq_worker.slots.boundary import relayed
from taskq_worker.slots.ending import Ending, Lost, NeverStarted
from taskq_worker.slots.frames import BYE, Display, End, Evaluated, Message, Progress, ProtocolError, Series, frame_of
from taskq_worker.slots.job import Report
from taskq_worker.slots.memory import MemoryWatch
from taskq_worker.slots.process import JuliaProcess
from taskq_worker.slots.report import report_of
from taskq_worker.slots.runs import Run

#: How long code may take to heed an interrupt before it gets more of them, in seconds; how long between those,
#: and how many there are. Julia raises one anywhere, in a loop that never looks for it too, when they come as fast as
#: this. What is cancelled has stopped within 5 seconds.
HEEDED_S = 1.0
AGAIN_S = 0.2
INTERRUPTS = 10


class Attempt:
    """Listens to the process while the task runs, and says how it ended.

    Where Julia goes on with tasks that were sent ahead, it is the attempt of one after another, and ends
    with the last of them.

    Parameters
    ----------
    process : JuliaProcess
        A warm process that runs nothing else.
    run : Run
        The task.
    show_timeout_s : float
        How long its value may take to become JSON once the code is done.
    memory_limit_bytes : int or None
        How much resident memory it may use.
    run_of : callable
        Makes the run of a task that follows.

    Attributes
    ----------
    current : Run
        The task that runs now.
    started_at : float
        When that began, in seconds since 1970.
    """

    def __init__(
        self,
        process: JuliaProcess,
        run: Run,
        *,
        show_timeout_s: float,
        memory_limit_bytes: int | None,
        run_of: Callable[[Following], Run],
    ) -> None:
        self.current = run
        self.started_at = time.time()
        self._began = time.monotonic()
        self._process = process
        self._show_timeout_s = show_timeout_s
        self._limit_bytes = memory_limit_bytes
        self._run_of = run_of
        self._ahead: Ahead | None = None
        self._loop = asyncio.get_running_loop()
        self._ending: asyncio.Future[Ending] = self._loop.create_future()
        #: Done once Julia says that the code is.
        self._evaluated: asyncio.Future[None] = self._loop.create_future()
        self._timers: list[asyncio.TimerHandle] = []
        self.memory = MemoryWatch(process, memory_limit_bytes, self._too_much_memory, lambda: relayed(self._ending))

    async def run(self, frame: bytes, used_bytes: int, ahead: Ahead | None = None) -> Ending:
        """Send the task's frame and wait until it has ended, one way or another, and all that follow it."""
        self._process.attach(self)
        self._ahead = ahead
        self._watch_time()
        self.memory.start(used_bytes)
        try:
            self._process.send(frame)
            if ahead is not None:
                with relayed(self._ending):
                    ahead.top_up()
            return await self._ending
        finally:
            self._forget_timers()
            self.memory.stop()
            self._process.detach()
            self.current.output.finish()

    @property
    def process(self) -> JuliaProcess:
        """Where it runs."""
        return self._process

    @property
    def elapsed_s(self) -> float:
        """For how long the task has run by this process's clock."""
        return time.monotonic() - self._began

    def look(self) -> None:
        """Hear what the process has said by now: it may have gone on with another task."""
        self._process.take_frames()

    def take_back(self) -> None:
        """No task that was sent ahead and has not begun will begin."""
        if self._ahead is not None:
            self._ahead.take_back()

    def end(self, ending: Ending) -> None:
        """How it ended; only the first word counts."""
        if not self._ending.done():
            self._ending.set_result(ending)
            if self._ahead is not None:
                self._ahead.stop(hampered=isinstance(ending, End) and ending.next is None)

    async def interrupted(self) -> bool:
        """Interrupt its code until it ends, as Ctrl-C does; False if it does not."""
        over: set[asyncio.Future[Any]] = {self._ending, self._evaluated}
        for patience_s in (HEEDED_S, *[AGAIN_S] * INTERRUPTS):
            if not any(one.done() for one in over):
                self._process.interrupt()
                await asyncio.wait(over, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
        if self._evaluated.done():  # what is left is to be told
            await asyncio.wait({self._ending}, timeout=self._show_timeout_s)
        return self._ending.done()

    # -- what the process does -----------------------------------------------------------

    def on_message(self, kind: int, message: Message) -> None:
        if kind == BYE:
            self.end(NeverStarted.NEVER_STARTED)
        elif isinstance(message, Progress | Series | Display | Evaluated | End) and message.job != self.current.number:
            if message.job > self.current.number:  # a lower one may come late, from a process that forked
                self.on_broken("it sent a frame of another task")
        elif isinstance(message, Progress):
            if not self._ending.done():
                with relayed(self._ending):
                    self.current.listeners.on_progress(message.fraction, message.message)
        elif isinstance(message, Series):
            if not self._ending.done():
                with relayed(self._ending):
                    # A copy: what was decoded lies in the buffer of the pipe.
                    self.current.listeners.on_series(msgspec.Raw(bytes(message.series)))
        elif isinstance(message, Display):
            with relayed(self._ending):
                self.current.output.display(message.data, message.note)
        elif isinstance(message, Evaluated):
            if not self._evaluated.done():
                self._evaluated.set_result(None)
            error = task_errors.show_timed_out(message.type, message.seconds, self._show_timeout_s)
            self._timers.append(self._loop.call_later(self._show_timeout_s, self._late, self.current.number, error))
        elif isinstance(message, End):
            with relayed(self._ending):
                self._has_ended(message)

    def _has_ended(self, end: End) -> None:
        if self._ending.done():
            return
        now = time.time()
        ended_at = min(now, self.started_at + end.took_s)
        if end.next:
            self._go_on(end, end.next, ended_at, ended_at)
        elif end.next == 0 and self._ahead is not None and (packet := self._ahead.next_packet()) is not None:
            # Julia was faster than this process: it is told as of a first task.
            self._process.send(frame_of(packet[1]))
            self._go_on(end, packet[0], ended_at, now)
        else:
            self.end(end)

    def _go_on(self, end: End, number: int, ended_at: float, begins_at: float) -> None:
        """The task is over, and Julia has seen that nothing is to be done before it goes on with this run."""
        self._forget_timers()
        self.current.output.finish()
        peak = self.memory.turn(end.took_s)
        self._process.count_task()
        if end.tainted:
            self._process.taint(self.current.job.code_sha256)
        report = report_of(end, self._process, self.started_at, end.seconds, peak, finished_at=ended_at)
        try:
            following, refused = self._followed_by(number, report)
        except ProtocolError as error:
            self.on_broken(f"it sent {error}")
            return
        self.current = self._run_of(following)
        self.started_at, self._began = begins_at, time.monotonic()
        self._watch_time()
        if refused is not None:
            self.end(refused)
        elif self._ahead is not None:
            self._ahead.top_up()

    def _followed_by(self, number: int, report: Report) -> tuple[Following, ErrorInfo | None]:
        if self._ahead is None:
            raise ProtocolError("an end that names a task that nobody has sent")
        return self._ahead.go_on(number, report)

    def on_output(self, stream: str, data: bytes) -> None:
        with relayed(self._ending):
            self.current.output.feed(stream, data)

    def on_broken(self, reason: str) -> None:
        self.end(task_errors.broken_frames(reason))

    def on_exit(self, status: int) -> None:
        with relayed(self._ending):
            if self._process.has_unread_request():
                self.end(NeverStarted.NEVER_STARTED)
            elif status == -signal.SIGXFSZ:
                self.end(self._process.sandbox.limits.file_too_large())
            else:
                # A task over a limit of its own has been ended before, with that as the reason.
                killed = self._process.killed_by(status)
                error = task_errors.died(-signal.SIGKILL if killed else status, self._process.stderr_text())
                self.end(Lost(error) if killed else error)

    # -- its limits ----------------------------------------------------------------------

    def _watch_time(self) -> None:
        if self.current.job.timeout_s is not None:
            error = task_errors.timed_out(self.current.job.timeout_s)
            timer = self._loop.call_later(self.current.job.timeout_s, self._late, self.current.number, error)
            self._timers.append(timer)

    def _forget_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _late(self, number: int, error: ErrorInfo) -> None:
        """The time of a run is over, unless it has ended by now and that is not heard yet."""
        self.look()
        if self.current.number == number:
            self.end(error)

    def _too_much_memory(self, used_bytes: int) -> None:
        self.end(task_errors.memory_exceeded(used_bytes, self._limit_bytes or 0))
