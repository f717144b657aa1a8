"""Watching how much memory a task uses.

Julia reserves far more address space than it uses, so a limit on address space would
break it. What counts is resident memory, and that has to be looked at.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

from taskq_worker.slots.descendants import read_proc
from taskq_worker.slots.process import JuliaProcess

#: How fast a process may take memory at the most, in bytes a second. The next look comes
#: before the limit can be reached at that speed, within the bounds below.
_FASTEST = 4 << 30
_SHORTEST_S = 0.01
_LONGEST_S = 0.1

#: A task that takes less has no peak that its end would not show; asking the kernel costs
#: more than all else that is done here.
_WORTH_A_LOOK_S = 0.005


class MemoryWatch:
    """Looks at a process's memory, descendants included, while a task runs.

    Parameters
    ----------
    process : JuliaProcess
        The process that runs the task.
    limit_bytes : int or None
        Where the task has to be ended; None: nowhere.
    on_exceeded : callable
        Takes how much was in use when the limit was found exceeded.
    guard : callable
        Makes what each look happens in: a watch that fails must not end unheard.
    """

    def __init__(
        self,
        process: JuliaProcess,
        limit_bytes: int | None,
        on_exceeded: Callable[[int], None],
        guard: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self.peak_bytes = 0
        self._process = process
        self._limit_bytes = limit_bytes
        self._on_exceeded = on_exceeded
        self._guard = guard
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._began = 0.0

    def start(self, used_bytes: int) -> None:
        """Begin to look, the task starting with this much in use."""
        reset_peak(self._process.julia_pid)
        self.peak_bytes = used_bytes
        self._began = self._loop.time()
        self._timer = self._loop.call_later(self._interval(used_bytes), self._look)

    def turn(self, took_s: float) -> int:
        """The task is over, which took so long, and another has begun; the first one's peak."""
        if took_s > _WORTH_A_LOOK_S:
            self._note()
            reset_peak(self._process.julia_pid)
        peak, self.peak_bytes = self.peak_bytes, self._process.used_bytes
        self._began = self._loop.time()
        return peak

    def stop(self) -> None:
        """Look once more, and no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._note()

    def _note(self) -> None:
        used = self._process.resident_bytes()
        if used and self._loop.time() - self._began > _WORTH_A_LOOK_S:
            used = max(used, peak_of(self._process.julia_pid))
        self.peak_bytes = max(self.peak_bytes, used)

    def _look(self) -> None:
        with self._guard():
            self._process.take_frames()  # it may have gone on with another task
            self._process.check_frames()
            used = self._process.tree_resident_bytes()
            self.peak_bytes = max(self.peak_bytes, used)
            if self._limit_bytes is not None and used > self._limit_bytes:
                self._timer = None
                self._on_exceeded(used)
            else:
                self._timer = self._loop.call_later(self._interval(used), self._look)

    def _interval(self, used_bytes: int) -> float:
        if self._limit_bytes is None:
            return _LONGEST_S
        return min(_LONGEST_S, max(_SHORTEST_S, (self._limit_bytes - used_bytes) / _FASTEST))


def reset_peak(pid: int) -> None:
    """Let the kernel count a process's peak memory anew."""
    with suppress(OSError):
        fd = os.open(f"/proc/{pid}/clear_refs", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, b"5")
        finally:
            os.close(fd)


def peak_of(pid: int) -> int:
    """The most resident memory that a process had since `reset_peak`; 0 where unknown."""
    after = read_proc(f"/proc/{pid}/status").partition(b"VmHWM:")[2]
    return int(after.split(None, 1)[0]) * 1024 if after else 0
