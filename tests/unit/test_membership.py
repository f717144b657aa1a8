"""A worker's way into the fleet and out of it, with a double for the service that answers when the test says so."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from taskq_worker.claims.claims import Claims
from taskq_worker.membership import Left, Membership
from taskq_worker.service_api import Lease


class Service:
    """Stands for the service, and keeps what it has done in order."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()

    async def register(self, _description: dict[str, Any]) -> Lease:
        self.asked.set()
        await self.answers.wait()
        self.done.append("joined")
        return Lease(heartbeat_s=5.0, lease_s=30.0, max_log_bytes=1, max_value_bytes=1)

    async def leave(self) -> None:
        self.done.append("left")


async def _nothing(_claim: Any) -> None:
    """Nothing is stopped here."""


def member(service: Service) -> Membership:
    return Membership(
        cast("Any", service), cast("Claims", []), describe=dict, stop_attempt=_nothing, on_reply=lambda _: None
    )


def test_a_goodbye_waits_for_the_answer_to_what_asked_to_join() -> None:
    async def scene() -> None:
        service = Service()
        membership = member(service)
        joining = asyncio.create_task(membership.join())
        await service.asked.wait()
        leaving = asyncio.create_task(membership.leave())
        await asyncio.sleep(0)
        service.answers.set()
        await asyncio.gather(joining, leaving)
        assert service.done == ["joined", "left"]
        with pytest.raises(Left):
            await membership.join()

    asyncio.run(scene())


def test_who_has_not_asked_to_join_says_no_goodbye() -> None:
    async def scene() -> None:
        service = Service()
        await member(service).leave()
        assert service.done == []

    asyncio.run(scene())
