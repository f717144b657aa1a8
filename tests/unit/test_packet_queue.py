"""Packets that either a child process takes or its parent takes back."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from taskq_worker.slots.packet_queue import MOST_BYTES, PacketQueue


@pytest.fixture
def queue() -> Iterator[PacketQueue]:
    made = PacketQueue()
    yield made
    made.close()


def taken_by_child(queue: PacketQueue) -> bytes:
    with socket.socket(fileno=socket.dup(queue.child_fd)) as child:
        return child.recv(MOST_BYTES, socket.MSG_DONTWAIT)


def test_what_the_child_has_not_taken_can_be_taken_back_and_is_gone(queue: PacketQueue) -> None:
    assert all(queue.send(b"%d" % n) for n in range(5))
    assert taken_by_child(queue) == b"0"
    assert queue.take_first() == b"1"
    assert queue.take_back() == [b"2", b"3", b"4"]
    with pytest.raises(BlockingIOError):
        taken_by_child(queue)


def test_what_has_no_room_is_not_sent(queue: PacketQueue) -> None:
    assert not queue.send(b"x" * (MOST_BYTES + 1))
    sent = 0
    while queue.send(b"x" * MOST_BYTES):
        sent += 1
    assert sent
    assert len(queue.take_back()) == sent


def test_a_queue_that_is_closed_takes_and_has_nothing(queue: PacketQueue) -> None:
    queue.send(b"1")
    queue.close()
    queue.close()
    assert (queue.send(b"2"), queue.take_first(), queue.take_back()) == (False, None, [])
