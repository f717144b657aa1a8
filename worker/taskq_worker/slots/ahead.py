"""Short tasks that are sent ahead: they lie behind the one that runs, and Julia goes on with them by itself.

So no short task waits until this process has heard of the end of the one before, which takes longer than
the task itself where the machine is busy. What would have to be looked at in between, Julia looks at
(``ahead.jl``), and goes on only where there is nothing to be done; else those that wait are taken back. The
frame with the end of one tells whether the next has begun.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import msgspec

from taskq_kernel.messages import ErrorInfo
from taskq_worker.slots.frames import ProtocolError
from taskq_worker.slots.job import Job, Report
from taskq_worker.slots.packet_queue import PacketQueue

#: How long tasks may lie behind one that was believed to be short, in seconds; then any slot may start them.
BEHIND_S = 0.1
#: The most that lie behind one. At first fewer, and fewer again after Julia had to stop in between: what has to be
#: taken back was sent in vain.
MOST_AHEAD, FIRST_AHEAD = 128, 4


class Listeners(NamedTuple):
    """What takes a task's progress, its output, and its series."""

    on_progress: Callable[[float, str], None]
    on_log: Callable[[str, str], None]
    on_series: Callable[[msgspec.Raw], None]


class Supply(Protocol):
    """Where tasks come from that may follow one in its process."""

    def more(self, head: Job, most: int) -> Sequence[tuple[Job, Listeners]]:
        """Some that may follow this one, in their order; they have to be given back, or go on."""

    @property
    def held_up(self) -> bool:
        """Whether those that wait are to be given back, for they would begin elsewhere sooner, or may not begin."""

    def went_on(self, report: Report) -> ErrorInfo | None:
        """The one that ran has ended so, and the next has begun; why that is to be ended at once, if it is."""

    def give_back(self, places: Sequence[int]) -> None:
        """Those at these places of all that wait, from 0 on and in their order, have not begun."""


@dataclass(frozen=True, slots=True)
class Following:
    """A task that was sent ahead, and the number that frames know it by."""

    number: int
    job: Job
    listeners: Listeners


class Window:
    """How many tasks a slot sends ahead at most."""

    def __init__(self) -> None:
        self.size = FIRST_AHEAD

    def went_on(self) -> None:
        """Julia has gone on by itself."""
        self.size = min(2 * self.size, MOST_AHEAD)

    def hampered(self) -> None:
        """It could not: this process had to look first at what a task had left."""
        self.size = 1


class Ahead:
    """What is sent ahead of its turn while one task after another runs in a process.

    Parameters
    ----------
    head : Job
        The first of them, which is not sent ahead.
    supply : Supply
        Where the others come from.
    queue : PacketQueue
        The process's.
    window : Window
        The slot's.
    packet_of : callable
        Makes a number and a packet of a job; None where it may not be sent ahead.
    may_go_on : callable
        Whether another task may begin in the process.
    """

    def __init__(
        self, head: Job, supply: Supply, queue: PacketQueue, window: Window,
        packet_of: Callable[[Job], tuple[int, bytes] | None], may_go_on: Callable[[int], bool],
    ) -> None:
        self._head = head
        self._supply = supply
        self._queue = queue
        self._window = window
        self._packet_of = packet_of
        self._may_go_on = may_go_on
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Following] = deque()
        self._over = False
        self._went_on_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def top_up(self) -> None:
        """Send some more, where few are left; take back what is held up here."""
        if self._waiting and self._supply.held_up:
            self.take_back()
        room = self._window.size - len(self._waiting)
        if self._over or 2 * len(self._waiting) > self._window.size or not self._may_go_on(len(self._waiting)):
            return
        offered = self._supply.more(self._head, room)
        sent = 0
        for job, listeners in offered:
            packet = self._packet_of(job)
            if packet is None or not self._queue.send(packet[1]):
                break
            self._waiting.append(Following(packet[0], job, listeners))
            sent += 1
        if sent < len(offered):
            self._supply.give_back(range(len(self._waiting), len(self._waiting) + len(offered) - sent))
        if sent and self._timer is None:
            self._went_on_at = self._loop.time()
            self._timer = self._loop.call_later(BEHIND_S, self._look)

    def go_on(self, number: int, report: Report) -> tuple[Following, ErrorInfo | None]:
        """The one that ran has ended so, and Julia has gone on with this one; why that may not be, if it may not.

        Raises
        ------
        ProtocolError
            If it was not the next.
        """
        if not self._waiting or self._waiting[0].number != number:
            raise ProtocolError("an end that names a task that was not next")
        following = self._waiting.popleft()
        self._went_on_at = self._loop.time()
        self._window.went_on()
        return following, self._supply.went_on(report)

    def next_packet(self) -> tuple[int, bytes] | None:
        """The run to go on with, and its packet, where Julia has found none and waits; None if none follows."""
        if not self._waiting:
            self.top_up()
        packet = self._queue.take_first() if self._waiting and not self._over else None
        return None if packet is None else (self._waiting[0].number, packet)

    def take_back(self) -> None:
        """Have what has not begun wait for any slot; from now on it will not begin here."""
        # By their numbers: Julia may have taken one of them between two that were taken back.
        taken = {_number_of(packet) for packet in self._queue.take_back()}
        places = [place for place, one in enumerate(self._waiting) if one.number in taken]
        self._waiting = deque(one for one in self._waiting if one.number not in taken)
        if places:
            self._supply.give_back(places)

    def stop(self, *, hampered: bool) -> None:
        """No other follows, where it is hampered because of what the last one has left; `close` comes next."""
        if hampered and self._waiting:
            self._window.hampered()
        self._over = True
        self._take_all()

    def _take_all(self) -> None:
        self.take_back()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """The process has been dealt with: what began there unnoticed, and ended with it, waits for any slot, too."""
        self._over = True
        self._take_all()
        if self._waiting:
            self._supply.give_back(range(len(self._waiting)))
            self._waiting.clear()

    def _look(self) -> None:
        """Take back what lies behind a task that turns out to be long."""
        self._timer = None
        left_s = self._went_on_at + BEHIND_S - self._loop.time()
        if left_s <= 0:
            self.take_back()
        elif self._waiting:
            self._timer = self._loop.call_later(left_s, self._look)


class _Numbered(msgspec.Struct):
    """What tells one packet from another."""

    job: int


def _number_of(packet: bytes) -> int:
    return msgspec.json.decode(packet, type=_Numbered).job
