"""A connection to RabbitMQ that is there in the very moment in which nobody waits for it any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from stacks import until

from taskq_kernel.broker import session as module
from taskq_kernel.broker.session import Session, parse_url


class Opening:
    """Stands for pika's connection, which says when it is open."""

    def __init__(self, _parameters: Any, *, on_open_callback: Callable[[Any], None], **_callbacks: Any) -> None:
        self.open = lambda: on_open_callback(self)
        self.is_closed = False
        made.append(self)

    def close(self) -> None:
        self.is_closed = True

    def add_on_connection_blocked_callback(self, _callback: object) -> None:
        """It never is."""

    add_on_connection_unblocked_callback = add_on_connection_blocked_callback


made: list[Opening] = []


@pytest.mark.parametrize("opens_first", [True, False])
def test_whoever_no_longer_waits_for_a_connection_is_cancelled_and_it_is_closed(
    monkeypatch: pytest.MonkeyPatch, opens_first: bool
) -> None:
    monkeypatch.setattr(module, "AsyncioConnection", Opening)
    made.clear()

    async def scene() -> None:
        opening = asyncio.create_task(Session.open(parse_url("amqp://me:secret@localhost/"), "test"))
        await until(lambda: made, "it is being opened")
        acts = [made[0].open, opening.cancel]
        for act in acts if opens_first else reversed(acts):
            act()
        await asyncio.wait({opening})
        assert opening.cancelled()
        assert made[0].is_closed

    asyncio.run(scene())
