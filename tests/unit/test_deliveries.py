"""Acknowledging several messages: with as few words to RabbitMQ as can be, and never more than was asked for."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pika.exceptions import ConnectionWrongStateError
from stacks import until

from taskq_kernel.broker import session
from taskq_kernel.broker.consumer import Consumer
from taskq_kernel.broker.delivery import Delivery, InHand, acknowledge


class Channel:
    """Stands for a channel; ``said`` is what it told RabbitMQ: tags, and whether for all before."""

    def __init__(self) -> None:
        self.is_open = True
        self.said: list[tuple[int, bool]] = []
        self.raw = SimpleNamespace(basic_ack=lambda tag, multiple=False: self.said.append((tag, multiple)))


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ([1, 2, 3, 4, 5, 6], [(6, True)]),
        ([3, 1, 2], [(3, True)]),
        ([1, 2, 4, 6], [(2, True), (4, False), (6, False)]),
        ([1, 3], [(1, False), (3, False)]),
        ([5, 6], [(5, False), (6, False)]),
        ([], []),
    ],
)
def test_one_word_stands_for_all_up_to_the_first_that_was_not_asked_for(
    wanted: list[int], said: list[tuple[int, bool]]
) -> None:
    channel, in_hand = Channel(), InHand(1 << 20, lambda: None)
    held = {tag: Delivery(b"x", "q", tag, cast("Any", channel), in_hand) for tag in range(1, 7)}
    for delivery in held.values():
        in_hand.add(delivery)
    acknowledge(held[tag] for tag in wanted)
    assert channel.said == said
    assert in_hand.tags() == set(held) - set(wanted)


def test_of_a_channel_that_is_gone_nothing_is_said() -> None:
    channel, in_hand = Channel(), InHand(1 << 20, lambda: None)
    gone = [Delivery(b"x", "q", tag, cast("Any", channel), in_hand) for tag in (1, 2)]
    channel.is_open = False
    acknowledge(gone)
    assert channel.said == []


def test_on_a_channel_whose_connection_was_lost_nothing_is_said_though_it_has_not_heard_of_it() -> None:
    def refuse(*_arguments: Any, **_named: Any) -> None:
        raise ConnectionWrongStateError("attempted to send a frame on a closed connection")

    async def say_all() -> None:
        connection = SimpleNamespace(is_open=False)
        raw = SimpleNamespace(
            is_open=True, connection=connection, basic_ack=refuse, basic_nack=refuse, close=refuse,
            add_on_close_callback=lambda _heard: None,
        )
        channel = session.Channel(raw)
        assert not channel.is_open
        in_hand = InHand(1 << 20, lambda: None)
        for settle in (Delivery.ack, Delivery.requeue):
            delivery = Delivery(b"x", "q", 1, channel, in_hand)
            in_hand.add(delivery)
            settle(delivery)
        assert in_hand.tags() == set()
        channel.close()

    asyncio.run(say_all())


def test_a_consumer_on_a_channel_whose_connection_was_lost_subscribes_again_without_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    opened: list[session.Channel] = []

    class Lost:
        """A broker each of whose channels is lost before anything is said on it."""

        async def wait_connected(self) -> None:
            pass

        async def open_channel(self) -> session.Channel:
            raw = SimpleNamespace(
                is_open=True, connection=SimpleNamespace(is_open=False), close=lambda: None,
                add_on_close_callback=lambda _heard: None, add_on_cancel_callback=lambda _heard: None,
            )
            opened.append(session.Channel(raw))
            return opened[-1]

    async def scene() -> None:
        consumer = Consumer(cast("Any", Lost()), "q", 1, lambda _delivery: None)
        consumer.resume()
        await until(lambda: len(opened) >= 3, "it subscribes again and again")
        await consumer.close()

    asyncio.run(scene())
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
