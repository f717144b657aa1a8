"""A worker that is given tasks which it has not asked for, over the doubles of RabbitMQ and of Julia."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest
from stacks import until
from supervisor_lab import NAMES, Lab, Play, play, some_heartbeats, task_id, until_there
from taskq_worker import heartbeat_timer
from taskq_worker.claims import claimer
from taskq_worker.service_api import ServiceApi
from taskq_worker.slots.slot import Slot

from taskq_kernel.broker.double import MemoryBroker
from taskq_kernel.errors import ServiceError

__all__ = ["play"]


def test_what_it_is_given_runs_without_a_claim_and_with_the_attempt_that_it_has(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await until(lambda: lab.can_be_given, "it has said so")
        assert await lab.give(1, "6 * 7", attempt=3)
        await until(lambda: task_id(1) in lab.outcomes(), "it has ended")
        one = lab.outcomes()[task_id(1)]
        assert one.value is not None
        assert (one.value.text, one.attempt) == ("42", 3)
        await until(lambda: lab.service.held == [], "it is settled")
        assert lab.service.claimed == []

    play(scene)


def test_what_was_cancelled_on_its_way_never_starts(play: Play, tmp_path: Path) -> None:
    made = tmp_path / "made"

    async def scene(lab: Lab) -> None:
        await until(lambda: lab.can_be_given, "it has said so")
        lab.service.cancelled.add(task_id(1))
        assert await lab.give(1, f"open({str(made)!r}, 'w').close()")
        assert await lab.give(2, "2")
        await until(lambda: task_id(2) in lab.outcomes(), "what came after it has ended")
        await some_heartbeats(lab)
        assert lab.service.asked_whether_held == [task_id(1), task_id(2)]
        assert task_id(1) not in [*lab.outcomes(), *lab.service.held]
        assert not made.exists()

    play(scene)


def test_what_cannot_be_confirmed_starts_once_it_can_and_what_was_cancelled_meanwhile_never(
    play: Play, tmp_path: Path
) -> None:
    made = tmp_path / "made"

    async def scene(lab: Lab) -> None:
        await until(lambda: lab.can_be_given, "it has said so")
        lab.service.away = True
        assert await lab.give(1, f"open({str(made)!r}, 'w').close()")
        assert await lab.give(2, "2")
        await until(lambda: {task_id(1), task_id(2)} <= {*lab.service.asked_whether_held}, "it has asked")
        assert not lab.outcomes()
        lab.service.cancelled.add(task_id(1))
        lab.service.away = False
        await until(lambda: task_id(2) in lab.outcomes(), "it has asked again")
        await some_heartbeats(lab)
        assert task_id(1) not in [*lab.outcomes(), *lab.service.held]
        assert not made.exists()

    play(scene)


def test_what_no_slot_has_started_for_long_is_released(
    play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = tmp_path / "gate"

    async def scene(lab: Lab) -> None:
        await until(lambda: lab.can_be_given, "it has said so")
        assert await lab.give(1, until_there(gate))
        await until(lambda: lab.service.held == [task_id(1)], "it runs")
        assert await lab.give(2, "2", attempt=4)
        await until(lambda: task_id(2) in lab.service.held, "it waits for the slot")
        monkeypatch.setattr(claimer, "SOON_BACK_S", 0.0)
        await until(lambda: lab.service.released == [(task_id(2), 4)], "it is given back")
        gate.touch()
        await until(lambda: task_id(1) in lab.outcomes(), "the other one ends")
        assert task_id(2) not in lab.outcomes()

    play(scene, slots=1)


class NoJulia:
    """Keeps the Julias of slots from being replaced, until they may be."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.slots_away = 0
        self._back = asyncio.Event()
        start = Slot.start

        async def start_then(slot: Slot) -> None:
            self.slots_away += 1
            await self._back.wait()
            await start(slot)
            self.slots_away -= 1

        monkeypatch.setattr(Slot, "start", start_then)

    def come_back(self) -> None:
        """Let them be replaced."""
        self._back.set()


def test_what_comes_while_the_julia_of_its_slot_is_replaced_waits_for_that_and_stays_the_attempt_that_it_is(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claimer, "STALE_S", 0.0)

    async def scene(lab: Lab) -> None:
        await until(lambda: lab.can_be_given, "it has said so")
        no_julia = NoJulia(monkeypatch)
        assert await lab.give(1, "exit(7)")
        await until(lambda: no_julia.slots_away == 1 and task_id(1) in lab.outcomes(), "its process is gone")
        assert await lab.give(2, "6 * 7")
        await until(lambda: task_id(2) in lab.service.held or bool(lab.service.released), "it is there")
        await some_heartbeats(lab)
        assert task_id(2) in lab.service.held, "also for longer than what is claimed ahead"
        no_julia.come_back()
        await until(lambda: task_id(2) in lab.outcomes(), "it runs")
        assert (lab.outcomes()[task_id(2)].attempt, lab.service.released) == (1, [])

    play(scene, slots=1)


def test_it_is_given_nothing_for_a_slot_whose_julia_does_not_come_back(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(lab: Lab) -> None:
        await until(lambda: lab.slots_that_can_be_given == 2, "it has said so")
        no_julia = NoJulia(monkeypatch)
        assert await lab.give(1, "exit(7)")
        await until(lambda: no_julia.slots_away == 1, "its process is gone")
        await some_heartbeats(lab)
        assert lab.slots_that_can_be_given == 2, "it is expected back soon"
        monkeypatch.setattr(claimer, "SOON_BACK_S", 0.0)
        await until(lambda: lab.slots_that_can_be_given == 1, "it says so")
        no_julia.come_back()
        await until(lambda: lab.slots_that_can_be_given == 2, "it is there again")

    play(scene)


def test_what_comes_while_a_task_still_runs_that_was_taken_away_has_that_stopped_and_starts_then(
    play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat_timer, "SOONEST", 0.0)

    async def scene(lab: Lab) -> None:
        await until(lambda: lab.can_be_given, "it has said so")
        assert await lab.give(1, until_there(tmp_path / "never"))
        await until(lambda: lab.service.held == [task_id(1)], "it runs")
        lab.service.heartbeat_s = 1000.0
        await some_beat(lab)
        lab.service.cancelled.add(task_id(1))
        assert await lab.give(2, "6 * 7")
        await until(lambda: task_id(2) in lab.outcomes(), "it has asked what to stop without waiting for its time")
        assert (lab.outcomes()[task_id(2)].attempt, lab.service.released) == (1, [])
        lab.service.heartbeat_s = 0.05

    play(scene, slots=1)


async def some_beat(lab: Lab) -> None:
    """Let a worker hear something from the service."""
    before = lab.service.beats
    await until(lambda: lab.service.beats > before, "a heartbeat")


def test_a_message_that_cannot_be_read_is_in_nobodys_way(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await until(lambda: lab.can_be_given, "it has said so")
        assert await lab.client.give(lab.service.worker, b"{}")
        assert await lab.give(2, "2")
        await until(lambda: task_id(2) in lab.outcomes(), "the next one has ended")
        assert lab.rabbit.unsettled(NAMES.worker(lab.service.worker)) == 0

    play(scene)


def test_its_queue_goes_with_its_connection_and_is_there_again_with_the_next(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await until(lambda: lab.can_be_given, "it has said so")
        lab.rabbit.go_away()
        await until(lambda: not lab.can_be_given, "it says that it has lost RabbitMQ")
        lab.rabbit.come_back()
        await lab.client.wait_connected(10)
        await until(lambda: lab.can_be_given, "it can be given tasks again")
        assert await lab.give(1, "6 * 7")
        await until(lambda: task_id(1) in lab.outcomes(), "it runs what it is given")

    play(scene)


def test_while_rabbitmq_takes_an_earlier_connection_to_be_there_still_it_works_but_is_given_nothing(
    play: Play,
) -> None:
    async def scene(lab: Lab) -> None:
        await until(lambda: lab.can_be_given, "it has said so")
        earlier = MemoryBroker(lab.rabbit, NAMES)
        await earlier.start()
        await earlier.wait_connected(10)
        lab.rabbit.delete(NAMES.worker(lab.service.worker))
        await earlier.declare_own(lab.service.worker, await earlier.open_channel())
        await until(lambda: not lab.can_be_given, "its queue is that of another connection")
        await lab.broker._reset("the test loses the connection")
        await lab.submit((1, "6 * 7"))
        await until(lambda: task_id(1) in lab.outcomes(), "it claims tasks, and publishes outcomes")
        assert not lab.can_be_given
        await earlier.close()
        await until(lambda: lab.can_be_given, "its queue is its own again")
        assert await lab.give(2, "2")
        await until(lambda: task_id(2) in lab.outcomes(), "it runs what it is given")

    play(scene)


def test_a_worker_that_drains_says_that_it_takes_nothing_more_and_releases_what_comes(
    play: Play, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"

    async def scene(lab: Lab) -> None:
        await until(lambda: lab.can_be_given, "it has said so")
        assert await lab.give(1, until_there(gate))
        await until(lambda: lab.service.held == [task_id(1)], "it runs")
        lab.supervisor.stop()
        await until(lambda: not lab.can_be_given, "it says so")
        assert await lab.give(2, "2")
        await until(lambda: (task_id(2), 1) in lab.service.released, "it is given back")
        gate.touch()
        await until(lambda: [*lab.outcomes()] == [task_id(1)], "what ran has ended")

    play(scene)


class Older:
    """A service of an earlier release: it does not know what a worker may say of itself by now."""

    def __init__(self, *, refuses: str = "") -> None:
        self.asked: list[dict[str, Any]] = []
        self._refuses = refuses

    def execute(self, _query: str, variables: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(variables["input"])
        if "grants" in variables["input"] or self._refuses:
            raise ServiceError("Field 'grants' is not defined by type 'WorkerInput'.", self._refuses or "BAD_INPUT")
        sizes = dict.fromkeys(("maxLogBytes", "maxValueBytes", "maxArrayBytes", "maxFilesBytes"), 1)
        return {"registerWorker": {"heartbeatSeconds": 1.0, "leaseSeconds": 3.0, **sizes}}


def test_a_worker_joins_a_service_of_an_earlier_release_as_what_that_knows() -> None:
    service = Older()
    lease = asyncio.run(ServiceApi(cast("Any", service), "w").register({"name": "n", "grants": 2}))
    assert lease.lease_s == 3.0
    assert service.asked == [{"id": "w", "name": "n", "grants": 2}, {"id": "w", "name": "n"}]


@pytest.mark.parametrize("code", ["UNAVAILABLE", "BAD_INPUT"])
def test_what_a_service_refuses_for_another_reason_is_refused(code: str) -> None:
    service = Older(refuses=code)
    with pytest.raises(ServiceError) as refused:
        asyncio.run(ServiceApi(cast("Any", service), "w").register({"name": "n", "grants": 0}))
    assert refused.value.code == code
