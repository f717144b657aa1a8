"""The claimer's decisions: how much it takes, what it claims, and what it hands back."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest
from claimer_lab import HIGH, LOW, NAMES, NORMAL, Lab, message, play, run_tasks, task_id
from stacks import until
from taskq_worker.claims import claimer as module
from taskq_worker.claims import claims as claims_module
from taskq_worker.claims.claim import Claim

from taskq_kernel.broker.consumer import Consumer
from taskq_kernel.broker.delivery import Delivery, acknowledge
from taskq_kernel.messages import encode


def test_a_worker_that_knows_nothing_of_its_tasks_claims_one_for_each_slot_and_leaves_the_rest() -> None:
    async def scene(lab: Lab) -> None:
        await lab.submit(1, 2, 3, 4, 5)
        await until(lambda: lab.held == [1, 2], "two are claimed")
        await until(lambda: lab.waiting() == [3, 4, 5], "a worker that is full requeues what it has in hand")
        assert lab.claimer.room == 0

    play(scene)


def test_the_time_that_a_claim_takes_is_no_time_without_room(monkeypatch: pytest.MonkeyPatch) -> None:
    paused: list[str] = []
    pause = Consumer.pause

    def note(consumer: Consumer) -> None:
        paused.append(consumer.queue)
        pause(consumer)

    async def scene(lab: Lab) -> None:
        lab.service.takes_s = 2 * module.FULL_S
        await lab.submit(1, 2, 3)
        await until(lambda: lab.held == [1, 2], "two are claimed, in the end")
        claimed_at = lab.looks
        await until(lambda: lab.looks >= claimed_at + 3, "it has looked again")
        assert paused == [], "what is in hand is kept: the first of the two may end soon"
        await until(lambda: lab.waiting() == [3], "it is requeued only after a while without room")
        assert NORMAL in paused

    monkeypatch.setattr(Consumer, "pause", note)
    play(scene)


def test_messages_are_acknowledged_at_once_where_they_were_claimed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once: list[int] = []

    def note(deliveries: Iterable[Delivery]) -> None:
        given = list(deliveries)
        at_once.append(len(given))
        acknowledge(given)

    async def scene(lab: Lab) -> None:
        await lab.submit(1, 2)
        await until(lambda: lab.held == [1, 2], "both are claimed")
        await until(lambda: lab.rabbit.unsettled(NORMAL) == 0, "and acknowledged")
        assert at_once == [len(ids) for ids in lab.service.claimed]

    monkeypatch.setattr(module, "acknowledge", note)
    play(scene)


def test_what_a_full_worker_requeues_does_not_come_back_to_it_before_its_subscription_has_ended() -> None:
    async def scene(lab: Lab) -> None:
        await lab.submit(*range(1, 9))
        await until(lambda: lab.held == [1, 2], "two are claimed")
        await until(lambda: lab.waiting() == list(range(3, 9)), "the others are requeued")
        assert lab.rabbit.delivered <= 4, "the two, and two that were in hand beside them"

    play(scene)


def test_what_has_a_higher_priority_is_claimed_first() -> None:
    async def scene(lab: Lab) -> None:
        with lab.claimer.without_slot():
            await lab.submit(1, queue=LOW)
            await lab.submit(2, queue=NORMAL)
            await lab.submit(3, queue=HIGH)
            assert lab.held == []
        await until(lambda: lab.held == [3], "the first of all")

    play(scene, slots=1)


def test_nothing_is_claimed_for_a_slot_whose_julia_is_replaced() -> None:
    async def scene(lab: Lab) -> None:
        with lab.claimer.without_slot():
            assert lab.claimer.room == 1
            await lab.submit(1, 2)
            await until(lambda: lab.held == [1], "one is claimed for the other slot")
            await until(lambda: lab.waiting() == [2], "the other waits")
        await until(lambda: lab.held == [1, 2], "it is claimed once the slot is there")

    play(scene)


def test_nothing_is_claimed_ahead_for_a_slot_whose_julia_is_replaced() -> None:
    async def scene(lab: Lab) -> None:
        for _ in range(30):
            with lab.claimer.occupied_by(Claim(message(0), 1)):
                pass
        whole = lab.claimer.room
        with lab.claimer.without_slot():
            assert 1 < lab.claimer.room <= whole // 2, "the other slot works ahead"
            with lab.claimer.without_slot():
                assert lab.claimer.room == 0
        assert lab.claimer.room == whole

    play(scene)


def test_a_slot_whose_task_was_taken_away_is_not_free_before_its_julia_is_gone() -> None:
    async def scene(lab: Lab) -> None:
        free = lab.claimer.room
        with lab.claimer.occupied_by(Claim(message(0), 1)):  # the claim itself is forgotten
            assert lab.claimer.room == free - 1

    play(scene)


def test_while_enough_waits_nothing_is_claimed_and_then_many_at_once() -> None:
    async def scene(lab: Lab) -> None:
        for _ in range(30):
            with lab.claimer.occupied_by(Claim(message(0), 1)):
                pass
        most = lab.claimer.room - 2
        await lab.submit(*range(1, most))
        await until(lambda: 2 * lab.claims.waiting > most, "more than half of what may wait does")
        claims, waiting, looked = len(lab.service.claimed), lab.claims.waiting, lab.looks
        await until(lambda: lab.looks >= looked + 5, "it has looked again")
        assert (len(lab.service.claimed), lab.claims.waiting) == (claims, waiting), "there is room, and no hurry"
        for claim in lab.claims.ready[: waiting - most // 2]:
            lab.claims.forget(claim)
        await until(lambda: len(lab.service.claimed) > claims, "half of it has gone")
        assert len(lab.service.claimed[claims]) > 20

    play(scene)


def test_a_claim_that_is_refused_is_dropped_with_its_message() -> None:
    async def scene(lab: Lab) -> None:
        lab.service.refused = {task_id(1)}
        await lab.submit(1, 2)
        await until(lambda: lab.held == [2], "the other is claimed")
        await lab.claimer.close()
        assert lab.rabbit.bodies(NORMAL) == []

    play(scene)


def test_while_the_service_is_away_messages_go_back_and_none_is_taken_until_it_answers() -> None:
    async def scene(lab: Lab) -> None:
        lab.service.away = True
        await lab.submit(1)
        await until(lambda: lab.claimer.room == 0, "a claim has failed")
        await until(lambda: lab.waiting() == [1], "its message is back")
        lab.service.away = False
        looked = lab.looks
        await until(lambda: lab.looks >= looked + 3, "it has looked again")
        assert lab.claimer.room == 0, "the heartbeat has not been answered yet"
        lab.claimer.service_answered()
        await until(lambda: lab.held == [1], "it is claimed")

    play(scene)


def test_what_was_in_hand_when_the_broker_was_lost_is_claimed_once() -> None:
    async def scene(lab: Lab) -> None:
        await lab.submit(1)
        await until(lambda: lab.held == [1], "it is claimed")
        await until(lambda: lab.rabbit.unsettled(NORMAL) == 0, "and acknowledged")
        lab.rabbit.go_away()
        await until(lambda: not lab.broker.connected, "it knows")
        lab.rabbit.come_back()
        await lab.broker.wait_connected(10)
        await lab.submit(2)
        await until(lambda: lab.held == [1, 2], "the next is claimed on the next connection")
        assert lab.service.attempts == {task_id(1): 1, task_id(2): 1}

    play(scene)


def test_a_task_that_comes_again_while_its_attempt_runs_ends_that_attempt() -> None:
    async def scene(lab: Lab) -> None:
        await lab.submit(1)
        await until(lambda: lab.held == [1], "it is claimed")
        older = lab.claims.get(task_id(1))
        await lab.submit(1)
        await until(lambda: bool(lab.stopped), "the older attempt is stopped")
        assert lab.stopped == [older]
        await until(lambda: lab.held == [1], "the later one is this worker's")
        assert [claim.attempt for claim in lab.claims] == [2]

    play(scene)


def test_a_claimed_task_that_no_slot_starts_is_released(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(lab: Lab) -> None:
        await lab.submit(1)
        await until(lambda: lab.held == [1], "it is claimed")
        await lab.claimer.release_stale()
        assert lab.held == [1], "not at once"
        monkeypatch.setattr(module, "STALE_S", 0.0)
        await lab.claimer.release_stale()
        assert (lab.held, lab.service.released) == ([], [(task_id(1), 1)])

    play(scene)


def test_what_a_slot_will_start_soon_is_kept_though_the_machine_has_become_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene(lab: Lab) -> None:
        run_tasks(lab, 30, 0.0)
        await lab.submit(*range(1, 61))
        await until(lambda: len(lab.held) == 60, "all are claimed ahead")
        run_tasks(lab, 1, 0.1)
        monkeypatch.setattr(module, "STALE_S", 0.0)
        await lab.claimer.release_stale()
        assert lab.held == list(range(1, 41)), "two slots run twenty each in two seconds"
        run_tasks(lab, 1, 1.0)
        await lab.claimer.release_stale()
        assert lab.held == [], "of slow tasks nobody knows"

    play(scene)


def test_where_nothing_may_start_even_short_tasks_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(lab: Lab) -> None:
        run_tasks(lab, 30, 0.0)
        await lab.submit(*range(1, 21))
        await until(lambda: len(lab.held) == 20, "all are claimed ahead")
        monkeypatch.setattr(module, "STALE_S", 0.0)
        await lab.claimer.release_stale()
        assert len(lab.held) == 20, "slots start them soon"
        # Outcomes that the broker does not take fill what there is for them.
        monkeypatch.setattr(claims_module, "MOST_BYTES", 0)
        await lab.claimer.release_stale()
        assert lab.held == []
        assert sorted(lab.service.released) == [(task_id(number), 1) for number in range(1, 21)]

    play(scene)


def test_for_how_long_the_slots_have_work_follows_from_what_is_claimed() -> None:
    async def scene(lab: Lab) -> None:
        assert lab.claimer.work_in_hand_s == 0
        run_tasks(lab, 30, 0.01)
        await lab.submit(*range(1, 21))
        await until(lambda: len(lab.held) == 20, "all are claimed")
        assert lab.claimer.work_in_hand_s == pytest.approx(0.1, rel=0.1), "ten tasks of 10 ms a slot"

    play(scene)


def test_a_message_that_cannot_be_read_is_a_dead_letter_and_its_task_is_claimed_so_that_it_ends() -> None:
    async def scene(lab: Lab) -> None:
        unreadable = msgspec.json.encode({**msgspec.json.decode(encode(message(1))), "kind": "POEM"})
        await lab.broker.publish(NORMAL, [unreadable, b"not JSON"])
        await until(lambda: len(lab.rabbit.messages(NAMES.dead)) == 2, "both are dead letters")
        [claim] = lab.claims
        assert claim.task.id == task_id(1)
        assert "kind" in (claim.refused or "")

    play(scene)


def test_fast_tasks_are_claimed_ahead() -> None:
    async def scene(lab: Lab) -> None:
        run_tasks(lab, 30, 0.0)
        assert lab.claimer.room > 100
        await lab.submit(*range(1, 61))
        await until(lambda: len(lab.held) == 60, "all are claimed, by two slots")
        assert len(lab.service.claimed) < 60, "many in one request"

    play(scene)


def test_a_worker_that_drains_requeues_all_and_claims_no_more() -> None:
    async def scene(lab: Lab) -> None:
        await lab.submit(1, 2)
        await until(lambda: lab.held == [1, 2], "they are claimed")
        await lab.claimer.close()
        await lab.submit(3)
        assert lab.claimer.room == 0
        assert lab.waiting() == [3]
        await lab.claimer.release_stale()
        assert sorted(lab.service.released) == [(task_id(1), 1), (task_id(2), 1)]

    play(scene)
