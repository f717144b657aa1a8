"""What processes have computed so far, those among them that have ended since."""

from __future__ import annotations

import psutil


def own_s(process: psutil.Process) -> float:
    """Processor time of a process itself, in seconds; nothing where it has ended."""
    return _seconds(process, 0, 2)


def below_s(process: psutil.Process) -> float:
    """Processor time of all processes below one, in seconds.

    Those that were waited for have theirs with whoever did that: without it a Julia that is replaced between two looks
    would have computed less at the second one.
    """
    there = process.children(recursive=True)
    return sum(own_s(one) + _waited_for_s(one) for one in there) + _waited_for_s(process)


def _waited_for_s(process: psutil.Process) -> float:
    return _seconds(process, 2, 4)


def _seconds(process: psutil.Process, first: int, end: int) -> float:
    """Some of what psutil tells: user, system, and both once more for what was waited for."""
    try:
        return float(sum(process.cpu_times()[first:end]))
    except psutil.NoSuchProcess:
        return 0.0
