"""One attempt of a task in one Julia process: from its frame to how it ended."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import msgspec

from taskq_kernel.messages import ErrorInfo
from taskq_worker import task_errors
from taskq_worker.slots.boundary import relayed
from taskq_worker.slots.frames import BYE, End, Evaluated, Message, Progress, Series
from taskq_worker.slots.memory import MemoryWatch
from taskq_worker.slots.output import TaskOutput
from taskq_worker.slots.process import JuliaProcess

#: How long code may take to heed an interrupt before it gets more of them, in seconds; how long between those,
#: and how many there are. Julia raises one anywhere, in a loop that never looks for it too, when they come as fast as
#: this. What is cancelled has stopped within 5 seconds.
HEEDED_S = 1.0
AGAIN_S = 0.2
INTERRUPTS = 10


class NeverStarted(Enum):
    """The process ended before it took the task up."""

    NEVER_STARTED = auto()


@dataclass(frozen=True)
class Lost:
    """The process was ended from outside, by neither taskq nor the task's limits."""

    error: ErrorInfo


#: Julia's last frame; or why there is none; or that the task has to go to another process.
Ending = End | ErrorInfo | Lost | NeverStarted


class Attempt:
    """Listens to the process while the task runs, and says how it ended.

    Parameters
    ----------
    process : JuliaProcess
        A warm process that runs nothing else.
    number : int
        Names this run in frames.
    timeout_s, show_timeout_s : float
        How long the task may take in all, and its value to become JSON once the code is done.
    memory_limit_bytes : int or None
        How much resident memory it may use.
    output : TaskOutput
        Takes what it prints.
    on_progress : callable
        Takes the fraction and the message of each report.
    on_series : callable
        Takes the series that it has reported so far, as JSON.
    """

    def __init__(
        self,
        process: JuliaProcess,
        number: int,
        *,
        timeout_s: float | None,
        show_timeout_s: float,
        memory_limit_bytes: int | None,
        output: TaskOutput,
        on_progress: Callable[[float, str], None],
        on_series: Callable[[msgspec.Raw], None],
    ) -> None:
        self._process = process
        self._number = number
        self._timeout_s = timeout_s
        self._show_timeout_s = show_timeout_s
        self._limit_bytes = memory_limit_bytes
        self._output = output
        self._on_progress = on_progress
        self._on_series = on_series
        self._loop = asyncio.get_running_loop()
        self._ending: asyncio.Future[Ending] = self._loop.create_future()
        #: Done once Julia says that the code is.
        self._evaluated: asyncio.Future[None] = self._loop.create_future()
        self._timers: list[asyncio.TimerHandle] = []
        self.memory = MemoryWatch(process, memory_limit_bytes, self._too_much_memory, lambda: relayed(self._ending))

    async def run(self, frame: bytes, used_bytes: int) -> Ending:
        """Send the task's frame and wait until it has ended, one way or another."""
        self._process.attach(self)
        if self._timeout_s is not None:
            self._timers.append(self._loop.call_later(self._timeout_s, self._timed_out, self._timeout_s))
        self.memory.start(used_bytes)
        try:
            self._process.send(frame)
            return await self._ending
        finally:
            for timer in self._timers:
                timer.cancel()
            self.memory.stop()
            self._process.detach()
            self._output.finish()

    def end(self, ending: Ending) -> None:
        """How it ended; only the first word counts."""
        if not self._ending.done():
            self._ending.set_result(ending)

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
        elif isinstance(message, Progress | Series | Evaluated | End) and message.job != self._number:
            if message.job > self._number:  # a lower one may come late, from a process that forked
                self.on_broken("it sent a frame of another task")
        elif isinstance(message, Progress):
            if not self._ending.done():
                with relayed(self._ending):
                    self._on_progress(message.fraction, message.message)
        elif isinstance(message, Series):
            if not self._ending.done():
                with relayed(self._ending):
                    # A copy: what was decoded lies in the buffer of the pipe.
                    self._on_series(msgspec.Raw(bytes(message.series)))
        elif isinstance(message, Evaluated):
            if not self._evaluated.done():
                self._evaluated.set_result(None)
            error = task_errors.show_timed_out(message.type, message.seconds, self._show_timeout_s)
            self._timers.append(self._loop.call_later(self._show_timeout_s, self.end, error))
        elif isinstance(message, End):
            self.end(message)

    def on_output(self, stream: str, data: bytes) -> None:
        with relayed(self._ending):
            self._output.feed(stream, data)

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

    def _timed_out(self, timeout_s: float) -> None:
        self.end(task_errors.timed_out(timeout_s))

    def _too_much_memory(self, used_bytes: int) -> None:
        self.end(task_errors.memory_exceeded(used_bytes, self._limit_bytes or 0))
