"""What the claimer takes first where messages ask for different processes, and what it never passes over for long."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from claimer_lab import HIGH, NORMAL, Lab, message, play, run_tasks
from stacks import until
from taskq_worker.claims import affinity as module
from taskq_worker.claims import claim_ahead, passed_over
from taskq_worker.claims.affinity import Affinity, Picked, Ready
from taskq_worker.claims.capacity import Fitting
from taskq_worker.claims.claim import Claim
from taskq_worker.claims.claim_ahead import ClaimAhead
from taskq_worker.claims.claims import NEW_PROCESS
from taskq_worker.claims.in_hand import Kinds, Waiting, process_of
from taskq_worker.claims.passed_over import MOST_TIMES, TURN_TIMES, PassedOver
from taskq_worker.claims.share import UNCOUNTED, Share

from taskq_kernel.broker.delivery import Delivery
from taskq_kernel.domain import TaskKind
from taskq_kernel.messages import TaskMessage, encode


def task(number: int, kind: str) -> TaskMessage:
    """A task that runs in one process with those of its kind alone."""
    made: TaskMessage = msgspec.structs.replace(message(number), env={"KIND": kind})
    return made


async def submit(lab: Lab, kinds: Sequence[str], first: int = 1, queue: str = NORMAL) -> None:
    await lab.broker.publish(queue, [encode(task(first + i, kind)) for i, kind in enumerate(kinds)])


class Slots:
    """Slots that run what is claimed, each in a process of one kind after another."""

    def __init__(self, lab: Lab, slots: int = 1, seconds: float = 0.0) -> None:
        self._lab = lab
        self._seconds = seconds
        #: The numbers of the tasks, as they started, and their kinds.
        self.started: list[int] = []
        self.kinds: list[str] = []
        #: How many processes were started.
        self.processes = 0
        #: Clear it to have no task end.
        self.go_on = asyncio.Event()
        self.go_on.set()
        self._loops = [asyncio.ensure_future(self._serve()) for _ in range(slots)]

    async def _serve(self) -> None:
        process: object = None

        def cost(claim: Claim) -> int:
            return 0 if process_of(claim.task) == process else NEW_PROCESS

        while True:
            claim = await self._lab.claims.next_ready(cost)
            self.started.append(claim.task.number)
            self.kinds.append((claim.task.env or {})["KIND"])
            self.processes += claim.cold
            process = process_of(claim.task)
            with self._lab.claimer.occupied_by(claim):
                await asyncio.sleep(self._seconds)
                await self.go_on.wait()
            self._lab.claims.leave_slot(claim)
            self._lab.claims.forget(claim)

    async def close(self) -> None:
        for loop in self._loops:
            loop.cancel()
        for loop in self._loops:
            with suppress(asyncio.CancelledError):
                await loop

    def overtook(self, number: int) -> int:
        """How many that came later have started before it."""
        return sum(one > number for one in self.started[: self.started.index(number)])


def scene_of(
    act: Callable[[Lab, Slots], Awaitable[None]], slots: int = 1, seconds: float = 0.0
) -> Callable[[Lab], Awaitable[None]]:
    async def scene(lab: Lab) -> None:
        running = Slots(lab, slots, seconds)
        try:
            await act(lab, running)
        finally:
            await running.close()

    return scene


@pytest.mark.parametrize("short", [True, False])
def test_tasks_of_two_kinds_that_alternate_start_a_handful_of_processes(short: bool) -> None:
    async def act(lab: Lab, slots: Slots) -> None:
        if short:
            run_tasks(lab, 30, 0.0)
        await submit(lab, "ab" * 20)
        await until(lambda: len(slots.started) == 40, "all have started")
        assert slots.processes <= 6
        for kind in (0, 1):
            of_kind = [number for number in slots.started if number % 2 == kind]
            assert of_kind == sorted(of_kind), "those of a kind are in their order"

    play(scene_of(act, seconds=0.0 if short else 0.1), slots=1)


@pytest.mark.parametrize("short", [True, False])
def test_slots_keep_their_processes_where_tasks_of_as_many_kinds_alternate(short: bool) -> None:
    async def act(lab: Lab, slots: Slots) -> None:
        if short:
            run_tasks(lab, 30, 0.0)
        await submit(lab, "ab" * 30)
        await until(lambda: len(slots.started) == 60, "all have started")
        assert slots.processes <= 6

    play(scene_of(act, slots=2, seconds=0.005 if short else 0.1), slots=2)


@pytest.mark.parametrize("short", [True, False])
def test_a_task_of_another_kind_is_passed_over_so_often_and_then_is_the_next(short: bool) -> None:
    async def act(lab: Lab, slots: Slots) -> None:
        if short:
            run_tasks(lab, 30, 0.0)
        await submit(lab, ["a"] * 10 + ["b"] + ["a"] * 200)
        await until(lambda: len(slots.started) == 211, "all have started")
        assert 0 < slots.overtook(11) <= TURN_TIMES
        assert slots.processes == 3

    play(scene_of(act), slots=1)


def test_a_task_of_a_third_kind_has_its_turn_among_two_that_alternate() -> None:
    async def act(lab: Lab, slots: Slots) -> None:
        await submit(lab, "ab" * 20 + "c" + "ab" * 80)
        await until(lambda: 41 in slots.started, "it has started")
        assert slots.overtook(41) <= MOST_TIMES
        assert len(slots.started) < 150, "before the last ones"

    play(scene_of(act), slots=1)


def test_a_task_that_has_been_passed_over_for_so_long_is_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passed_over, "TURN_S", 0.0)

    async def act(lab: Lab, slots: Slots) -> None:
        run_tasks(lab, 30, 0.0)
        await submit(lab, ["a", "b"] + ["a"] * 60)
        await until(lambda: len(slots.started) == 62, "all have started")
        assert slots.overtook(2) <= TURN_TIMES, "at the first look some are claimed at once"
        assert slots.started[-2:] != [2, 62]

    play(scene_of(act), slots=1)


def test_nothing_is_passed_over_where_tasks_take_long() -> None:
    async def act(lab: Lab, slots: Slots) -> None:
        await submit(lab, "abababab")
        await until(lambda: len(slots.started) == 8, "all have started")
        assert slots.started == sorted(slots.started)

    async def scene(lab: Lab) -> None:
        run_tasks(lab, 1, 1e9)
        await scene_of(act)(lab)

    play(scene, slots=1)


def test_what_has_a_higher_priority_is_not_passed_by_what_suits_a_process_and_has_a_lower_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def act(lab: Lab, slots: Slots) -> None:
        run_tasks(lab, 30, 0.0)
        await submit(lab, "b")
        await until(lambda: slots.started == [1] and lab.held == [], "a process has started")
        slots.go_on.clear()
        await submit(lab, "b", first=2)
        await until(lambda: slots.started == [1, 2], "and runs another one")
        await submit(lab, "a", first=3, queue=HIGH)
        await until(lambda: not lab.waiting(HIGH), "it is in hand")
        await submit(lab, "bb", first=4)
        await until(lambda: not lab.waiting(), "and so are these")
        looked = lab.looks
        await until(lambda: lab.looks > looked + 10, "it has looked again")
        assert lab.held == [2]
        slots.go_on.set()
        await until(lambda: len(slots.started) == 5, "all have started")
        assert slots.started[2] == 3

    # What runs counts as free soon, so that the worker claims ahead.
    monkeypatch.setattr(claim_ahead, "LOOKAHEAD_S", 60.0)
    play(scene_of(act), slots=1)


def test_what_is_held_so_that_there_is_a_choice_goes_back_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(lab: Lab, slots: Slots) -> None:
        run_tasks(lab, 30, 0.0)
        await submit(lab, ["a", "b"] + ["a"] * 90)
        await until(lambda: slots.started and not lab.waiting(), "all are in hand")
        other = lab.broker.consumer(NORMAL, 1, taken.append)
        other.resume()
        await until(lambda: taken, "another worker gets one")
        assert msgspec.json.decode(taken[0].body)["number"] == 2, "the one that was passed over"
        assert 2 not in slots.started
        await other.close()

    taken: list[Delivery] = []
    monkeypatch.setattr(module, "HELD_S", 0.05)
    for name in ("TURN_TIMES", "MOST_TIMES"):
        monkeypatch.setattr(passed_over, name, 10**6)
    play(scene_of(act, seconds=0.005), slots=1)


# -- what is remembered ----------------------------------------------------------------------


def waiting(number: int, env: str = "a", *, size: int = 0, returned: int = 0, **fields: Any) -> Waiting:
    asked = msgspec.structs.replace(task(number, env), **fields)
    channel = cast("Any", SimpleNamespace(is_open=True))
    delivery = Delivery(b"x" * size, NORMAL, number, channel, cast("Any", None), returned)
    return Waiting(delivery, [asked])


def test_a_message_that_was_given_back_is_not_passed_over_anew() -> None:
    passed = PassedOver()
    passed.note(waiting(1), TURN_TIMES - 1, 0.0)
    assert passed.more(waiting(1), 0.0) == 1
    passed.note(waiting(1), 1, 0.0)
    assert passed.more(waiting(1), 0.0) == 0
    passed.forget(waiting(1))
    assert passed.more(waiting(1), 0.0) == TURN_TIMES


def test_a_turn_of_others_lets_a_message_be_passed_again_up_to_a_bound_for_all_turns() -> None:
    passed = PassedOver()
    for _ in range(MOST_TIMES // TURN_TIMES):
        assert passed.more(waiting(1), 0.0) == TURN_TIMES
        passed.note(waiting(1), TURN_TIMES, 0.0)
        assert passed.more(waiting(1), 0.0) == 0
        passed.end_turn()
    assert passed.more(waiting(1), 0.0) == 0
    passed.note(waiting(2), 1, 0.0)
    for now in range(1, int(passed_over.MOST_S)):
        passed.end_turn()
        assert passed.more(waiting(2), now) > 0
    assert passed.more(waiting(2), passed_over.MOST_S) == 0


def test_what_was_kept_free_for_a_task_is_not_taken_by_others_though_they_suit_a_process() -> None:
    def ready(free: int) -> Ready:
        return Ready(free, [lambda claim: 0 if claim.task.threads is None else NEW_PROCESS] * free)

    def pick(cores: int) -> Picked:
        return affinity.pick(in_hand, Fitting(Share(cores, 0, UNCOUNTED), cores), ready(cores), settled=True)

    affinity = Affinity(ClaimAhead(2))
    large, small = waiting(1, threads=2), waiting(2)
    in_hand = deque([large, small])
    assert pick(1) == Picked([], large, held=True)
    assert pick(2) == Picked([large], None, held=True)
    assert pick(1) == Picked([small], None, held=False)


def test_what_is_remembered_has_a_bound() -> None:
    passed = PassedOver()
    for number in range(passed_over.REMEMBERED + 1):
        passed.note(waiting(number), 1, 0.0)
    assert passed.more(waiting(0), 0.0) == TURN_TIMES
    assert passed.more(waiting(1), 0.0) == TURN_TIMES - 1


def test_neither_a_session_is_passed_over_nor_what_was_given_back_often() -> None:
    passed = PassedOver()
    assert passed.more(waiting(1, kind=TaskKind.SESSION), 0.0) == 0
    assert passed.more(waiting(1, returned=passed_over.MOST_RETURNED), 0.0) == 0
    assert passed.more(waiting(1, returned=passed_over.MOST_RETURNED - 1), 0.0) == TURN_TIMES


def test_more_is_held_only_where_processes_differ_and_fewer_where_messages_are_large() -> None:
    def held(kinds: str, size: int) -> int:
        found = Kinds()
        for number, kind in enumerate(kinds):
            found.note(waiting(number, kind, size=size))
        return found.held

    assert held("aaaa", 100) == 0
    assert held("aaab", 100) == 16
    assert held("b" + "a" * 16, 100) == 0, "one of a while ago"
    assert held("abab", 200 << 10) == 4
    assert held("abab", 2 << 20) == 0
