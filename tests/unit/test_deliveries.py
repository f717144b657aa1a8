"""Acknowledging several messages: with as few words to RabbitMQ as can be, and never more than was asked for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

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
