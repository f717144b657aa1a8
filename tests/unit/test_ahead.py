"""What lies behind a task that runs, and is taken back while Julia takes some of it as well."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

from taskq_worker.slots.ahead import Ahead, Listeners, Window
from taskq_worker.slots.job import Job, Report

from taskq_kernel.domain import TaskKind

JOB = Job(task_id="0", attempt=1, name="n", kind=TaskKind.SCRIPT, code="1")


class Queue:
    """Stands for the process's, of which Julia takes the second packet between the first and the third."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []

    def send(self, packet: bytes) -> bool:
        self.packets.append(packet)
        return True

    def take_back(self) -> list[bytes]:
        taken, self.packets = self.packets[:1] + self.packets[2:], []
        return taken


class Supply:
    """Three that follow."""

    held_up = False

    def __init__(self) -> None:
        self.back: list[int] = []

    def more(self, _head: Job, most: int) -> Sequence[tuple[Job, Listeners]]:
        return [(JOB, cast("Listeners", None))] * min(most, 3)

    def went_on(self, _report: Report) -> None:
        return None

    def give_back(self, places: Sequence[int]) -> None:
        self.back += places


def test_what_julia_takes_while_others_are_taken_back_is_the_one_that_follows() -> None:
    async def scene() -> None:
        supply, numbers = Supply(), iter(range(1, 9))

        def packet_of(_job: Job) -> tuple[int, bytes]:
            number = next(numbers)
            return number, b'{"job": %d, "code": "1"}' % number

        ahead = Ahead(JOB, supply, cast("Any", Queue()), Window(), packet_of, lambda _: True)
        ahead.top_up()
        ahead.take_back()
        assert supply.back == [0, 2]
        following, refused = ahead.go_on(2, cast("Report", None))
        assert (following.number, refused) == (2, None)
        ahead.close()
        assert supply.back == [0, 2]

    asyncio.run(scene())
