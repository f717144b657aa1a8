"""Packets to a Julia process, each of which either it takes or this process takes back, never both."""

from __future__ import annotations

import socket

#: The longest packet, in bytes; `ahead.jl` has the same number.
MOST_BYTES = 16 * 1024


class PacketQueue:
    """A socket to a child process, of which this process keeps the other end as well.

    A packet is taken whole, by one of the two: the kernel sees to that. So whatever was taken back has not
    been seen by the child, and never will be.
    """

    def __init__(self) -> None:
        self._own, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._own.setblocking(False)
        self._closed = False

    @property
    def child_fd(self) -> int:
        """The end that the child inherits. It waits nowhere: it asks whether a packet is there."""
        return self._theirs.fileno()

    def send(self, packet: bytes) -> bool:
        """Add a packet; False where there is no room for it."""
        if self._closed or len(packet) > MOST_BYTES:
            return False
        try:
            self._own.send(packet)
        except OSError:
            return False
        return True

    def take_first(self) -> bytes | None:
        """Take the packet that was added first of those that the child has not taken; None if there is none."""
        try:
            return None if self._closed else self._theirs.recv(MOST_BYTES, socket.MSG_DONTWAIT) or None
        except OSError:
            return None

    def take_back(self) -> list[bytes]:
        """Take all packets that the child has not taken. It may take one in between, so they need not be the last."""
        taken: list[bytes] = []
        while (packet := self.take_first()) is not None:
            taken.append(packet)
        return taken

    def close(self) -> None:
        """Close both ends. Safe to call twice."""
        self._closed = True
        self._own.close()
        self._theirs.close()
