"""What the claimer makes of messages of several tasks."""

from __future__ import annotations

import pytest
from claimer_lab import NORMAL, Lab, message, play, task_id
from sample_messages import TASK
from stacks import until
from taskq_worker.claims import claimer as module
from taskq_worker.claims.in_hand import TasksPerMessage

from taskq_kernel.messages import bundled, encode


def together(*numbers: int) -> bytes:
    return encode(bundled([message(number) for number in numbers]))


def test_the_tasks_of_a_message_are_claimed_in_one_request_and_acknowledged_once() -> None:
    async def scene(lab: Lab) -> None:
        lab.service.refused = {task_id(2)}  # it was cancelled meanwhile
        await lab.broker.publish(NORMAL, [together(1, 2, 3)])
        await until(lambda: lab.held == [1, 3], "claimed")
        assert lab.service.claimed == [[task_id(1), task_id(2), task_id(3)]]
        assert {claim.task.code for claim in lab.claims} == {TASK.code}
        await lab.claimer.close()
        assert lab.waiting() == []
        assert sum(claim.message_bytes for claim in lab.claims) <= len(together(1, 2, 3))

    play(scene)


def test_a_message_of_several_that_finds_no_room_goes_back_whole() -> None:
    async def scene(lab: Lab) -> None:
        await lab.submit(1, 2)
        await until(lambda: lab.held == [1, 2], "claimed")
        await lab.broker.publish(NORMAL, [together(3, 4, 5)])
        await until(lambda: lab.waiting() == [3], "given back")
        assert lab.held == [1, 2]

    play(scene)


def test_what_no_slot_starts_of_a_bundle_is_released_task_by_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STALE_S", 0.0)

    async def scene(lab: Lab) -> None:
        await lab.broker.publish(NORMAL, [together(1, 2, 3)])
        await until(lambda: lab.held == [1, 2, 3], "claimed")
        await lab.claimer.release_stale()
        assert sorted(lab.service.released) == [(task_id(number), 1) for number in (1, 2, 3)]
        assert lab.held == []

    play(scene)


def test_fewer_messages_are_asked_for_where_each_has_several_tasks() -> None:
    sizes = TasksPerMessage()
    assert sizes.messages(200, 2) == 200
    sizes.note(50)
    assert sizes.messages(200, 2) == 200 // 32
    assert sizes.messages(4, 2) == 2
    for _ in range(100):
        sizes.note(1)
    assert sizes.messages(200, 2) == 200
