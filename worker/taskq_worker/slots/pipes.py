"""What a pipe tells without being read."""

from __future__ import annotations

import fcntl
import select
import sys
import termios


def waiting_bytes(fd: int) -> int:
    """How many bytes are in a pipe; either end can tell."""
    return int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4), sys.byteorder)


def is_over(fd: int) -> bool:
    """Whether a pipe is empty, and nobody can write into it any more."""
    pipe = select.poll()
    pipe.register(fd, select.POLLIN)
    return any(events & (select.POLLIN | select.POLLHUP) == select.POLLHUP for _fd, events in pipe.poll(0))
