"""A whole worker over the doubles of RabbitMQ and of Julia."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec
import pytest
from sample_messages import TASK
from stacks import until
from taskq_worker import membership
from taskq_worker import slot_loop as loop_module
from taskq_worker.sandbox.sandbox import OWN_USER
from taskq_worker.sandbox.sandboxes import Sandboxes
from taskq_worker.service_api import HeartbeatReply, Lease
from taskq_worker.slots.double import DoubleCommand
from taskq_worker.slots.slot import Slot
from taskq_worker.supervisor import Supervisor

from taskq_kernel.broker.double import MemoryBroker, MemoryRabbit
from taskq_kernel.broker.names import Names
from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import ServiceError, ServiceUnreachable
from taskq_kernel.messages import OutcomeMessage, decode, encode
from taskq_kernel.settings import load_settings

NAMES = Names("q")
QUEUE = NAMES.tasks("default", 1)


class Service:
    """Stands for the service: grants every claim, and settles an outcome once it is in its queue."""

    def __init__(self, rabbit: MemoryRabbit) -> None:
        self._rabbit = rabbit
        self.away = False
        self.asked_in_vain = 0
        self.unknown = False
        self.joined: list[dict[str, Any]] = []
        self.left = False
        self.cancelled: set[str] = set()
        self.drain = False
        self.beats = 0
        self.held: list[str] = []
        self.progress: dict[str, float] = {}
        self.released: list[tuple[str, int]] = []
        self.declined: list[str] = []
        self.files: dict[str, bytes] = {}
        self.code = "6 * 7"
        self.asked_for_code = 0
        self.sends_code = asyncio.Event()
        self.sends_code.set()

    @property
    def takes_tasks(self) -> bool:
        """Whether its Julia has been told, by whichever of its heartbeat and its start came first."""
        return bool(self.joined and self.joined[-1]["juliaVersion"])

    def _answer(self) -> None:
        if self.away:
            self.asked_in_vain += 1
            raise ServiceUnreachable("away")

    async def source(self, sha256: str) -> str:
        self._answer()
        self.asked_for_code += 1
        await self.sends_code.wait()
        return self.code

    async def fetch(self, ref: str, file: BinaryIO, limit_bytes: int) -> int:
        return file.write(self.files[ref])

    async def register(self, description: dict[str, Any]) -> Lease:
        self._answer()
        self.unknown = False
        self.joined.append(description)
        return Lease(heartbeat_s=0.05, lease_s=5.0, max_log_bytes=1 << 16, max_value_bytes=1 << 16)

    async def claim(self, ids: Sequence[str]) -> dict[str, int]:
        self._answer()
        return dict.fromkeys(ids, 1)

    async def heartbeat(self, held: list[dict[str, Any]], _logs: list[dict[str, Any]]) -> HeartbeatReply:
        self._answer()
        if self.unknown:
            raise ServiceError("there is no such worker", "UNKNOWN_WORKER")
        self.beats += 1
        self.held = [entry["id"] for entry in held]
        self.progress |= {entry["id"]: entry["progress"] for entry in held if "progress" in entry}
        arrived = {one.id for one in outcomes(self._rabbit)}
        settled = [entry["id"] for entry in held if "done" in entry and entry["id"] in arrived]
        stop = [one for one in self.held if one in self.cancelled and one not in settled]
        return HeartbeatReply(stop=stop, settled=settled, drain=self.drain)

    async def release(self, tasks: Sequence[tuple[str, int]]) -> None:
        self.released += tasks

    async def decline(self, ids: Sequence[str]) -> None:
        self._answer()
        self.declined += ids

    async def leave(self) -> None:
        self.left = True


class Lab:
    """A worker at work."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.rabbit = MemoryRabbit()
        self.service = Service(self.rabbit)
        self.broker = MemoryBroker(self.rabbit, NAMES)
        self.client = MemoryBroker(self.rabbit, NAMES)
        chosen = load_settings(home=folder, worker_name="w", queues=["default"], **({"slots": 2} | settings))
        work = folder / "work"
        work.mkdir()
        self.supervisor = Supervisor(
            chosen, self.broker, cast("Any", self.service), DoubleCommand(), Sandboxes([OWN_USER] * 4, ""), work
        )

    async def submit(self, *tasks: tuple[int, str], **asked: Any) -> None:
        made = [msgspec.structs.replace(TASK, id=task_id(n), code=code, timeout_s=None, **asked) for n, code in tasks]
        await self.client.publish(QUEUE, [encode(task) for task in made])

    def outcomes(self) -> dict[str, OutcomeMessage]:
        return {one.id: one for one in outcomes(self.rabbit)}


def outcomes(rabbit: MemoryRabbit) -> list[OutcomeMessage]:
    return [decode(OutcomeMessage, body) for body in rabbit.bodies(NAMES.outcomes)]


def task_id(number: int) -> str:
    return f"{number:08x}-0000-0000-0000-000000000000"


def until_there(path: Path) -> str:
    """The code of a task that ends once a file is there."""
    return f"any(__import__('os').path.exists({str(path)!r}) or sleep(0.01) for _ in iter(int, 1))"


async def some_heartbeats(lab: Lab) -> None:
    """Let a worker go on for so long that it would have done what it may do."""
    before = lab.service.beats
    await until(lambda: lab.service.beats > before + 4, "some heartbeats")


Play = Callable[..., Lab]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Run a scene with a worker, which drains after it."""

    def run(scene: Callable[[Lab], Awaitable[None]], **settings: Any) -> Lab:
        async def act() -> Lab:
            lab = Lab(tmp_path, **settings)
            await lab.client.start()
            await lab.client.wait_connected(10)
            await lab.client.ensure_tasks_queue("default")
            await lab.client.declare(NAMES.outcomes)
            working = asyncio.create_task(lab.supervisor.run())
            try:
                await scene(lab)
            finally:
                lab.supervisor.stop()
                await working
                await lab.client.close()
            return lab

        lab = asyncio.run(asyncio.wait_for(act(), 100))
        assert lab.service.left, "it has said goodbye"
        assert list((tmp_path / "work").iterdir()) == []
        return lab

    return run


def test_tasks_run_and_their_outcomes_are_published_and_settled(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await lab.submit(*((n, f"{n} * 2") for n in range(20)), (20, 'error("no")'))
        await until(lambda: len(lab.outcomes()) == 21, "all have ended")
        await until(lambda: lab.service.held == [], "all are settled")
        statuses = [lab.outcomes()[task_id(n)].status for n in range(21)]
        assert statuses == [TaskStatus.FINISHED] * 20 + [TaskStatus.FAILED]
        assert lab.service.joined[-1]["juliaVersion"] == "0.0.0"

    play(scene)


def test_a_running_task_reports_its_progress_and_is_stopped_on_the_services_word(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await lab.submit((1, '[progress(0.5, "half"), sleep(60)]'))
        await until(lambda: lab.service.progress == {task_id(1): 0.5}, "its progress is told")
        lab.service.cancelled.add(task_id(1))
        await lab.submit((2, "1"), (3, "1"))
        await until(lambda: set(lab.outcomes()) == {task_id(2), task_id(3)}, "the slot is free")

    play(scene, slots=1)


def test_a_task_that_is_cancelled_before_it_has_all_that_it_needs_never_begins(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        lab.service.code = '[progress(0.5, "half"), sleep(60)]'
        lab.service.sends_code.clear()
        await lab.submit((1, ""), source="a" * 64)
        await until(lambda: lab.service.asked_for_code and lab.service.held == [task_id(1)], "its code is asked for")
        lab.service.cancelled.add(task_id(1))
        await until(lambda: lab.service.held == [], "the worker has heard that")
        lab.service.sends_code.set()
        await lab.submit((2, "1"))
        await until(lambda: set(lab.outcomes()) == {task_id(2)}, "the slot is free")
        assert lab.service.progress == {}

    play(scene, slots=1)


def test_a_file_whose_name_is_no_text_is_no_harm_to_the_worker(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await lab.submit((1, 'open(b"\\xff.csv", "w").write("1")'), outputs=["*.csv"])
        await until(lambda: task_id(1) in lab.outcomes(), "it ends")
        assert "".join(chunk.text for chunk in lab.outcomes()[task_id(1)].logs).endswith("it is not UTF-8\n")
        await lab.submit((2, "1"))
        await until(lambda: task_id(2) in lab.outcomes(), "the next one runs")

    play(scene)


def test_while_the_service_is_away_what_runs_goes_on_and_the_worker_stays(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await lab.submit((1, '[progress(0.5), sleep(0.5)]'))
        await until(lambda: task_id(1) in lab.service.progress, "it runs")
        lab.service.away = True
        await until(lambda: set(lab.outcomes()) == {task_id(1)}, "it ends")
        await lab.submit((2, "1"))
        lab.service.away = False
        await until(lambda: task_id(2) in lab.outcomes(), "the next is claimed when the service is back")

    play(scene)


def test_a_worker_that_the_service_does_not_know_joins_again(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await until(lambda: lab.service.takes_tasks, "it has joined, and told its Julia")
        lab.service.unknown = True
        await until(lambda: not lab.service.unknown, "it joins again")

    play(scene)


def test_outcomes_wait_for_a_broker_that_is_away(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await lab.submit((1, '[progress(0.5), sleep(0.3)]'))
        await until(lambda: task_id(1) in lab.service.progress, "it runs")
        lab.rabbit.go_away()
        await until(lambda: lab.supervisor._outcomes.unpublished == 1, "its outcome waits")
        lab.rabbit.come_back()
        await until(lambda: task_id(1) in lab.outcomes(), "it is published")

    play(scene)


def test_a_service_that_is_away_at_the_start_is_waited_for(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "BACKOFF_S", (0.01, 0.01))

    async def scene(lab: Lab) -> None:
        lab.service.away = True
        await until(lambda: lab.service.asked_in_vain > 1, "it asks again and again")
        lab.service.away = False
        await until(lambda: lab.service.beats > 0, "it has joined")

    play(scene)


def test_a_worker_that_is_asked_to_drain_ends_what_runs_and_releases_the_rest(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await lab.submit((1, '[progress(0.5), sleep(0.5)]'), (2, '[progress(0.5), sleep(0.5)]'), (3, "1"))
        await until(lambda: len(lab.service.progress) == 2, "both slots are busy")
        lab.service.drain = True
        await until(lambda: lab.service.left, "it leaves")
        assert set(lab.outcomes()) == {task_id(1), task_id(2)}
        assert len(lab.rabbit.messages(QUEUE)) == 1

    play(scene)


def test_what_outlasts_the_grace_is_stopped(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await lab.submit((1, '[progress(0.5), sleep(60)]'))
        await until(lambda: bool(lab.service.progress), "it runs")

    assert play(scene, grace=0.2).outcomes() == {}


def test_a_slot_that_fails_in_a_way_nobody_thought_of_ends_its_attempt_and_not_the_worker(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(lab: Lab) -> None:
        await until(lambda: lab.service.takes_tasks, "it takes tasks")
        with monkeypatch.context() as patch:
            patch.setattr(Slot, "run", fails)
            await lab.submit((1, "1"), (2, "1"))
            await until(lambda: len(lab.outcomes()) == 2, "both have ended")
        for outcome in lab.outcomes().values():
            assert outcome.error is not None
            assert outcome.error.name == "WorkerError"
            assert "a mistake" in outcome.error.message
        await lab.submit((3, "6 * 7"))
        await until(lambda: task_id(3) in lab.outcomes(), "it goes on")

    play(scene)


def test_an_outcome_that_cannot_be_made_is_left_to_the_service_and_does_not_end_the_worker(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(lab: Lab) -> None:
        await until(lambda: lab.service.takes_tasks, "it takes tasks")
        with monkeypatch.context() as patch:
            patch.setattr(loop_module.SlotLoop, "_end", fails_at_once)
            await lab.submit((1, "1"))
            await until(lambda: not lab.rabbit.messages(QUEUE), "it is claimed")
            beats = lab.service.beats
            await until(lambda: lab.service.beats > beats + 1 and lab.service.held == [], "its claim is given up")
        await lab.submit((2, "6 * 7"))
        await until(lambda: task_id(2) in lab.outcomes(), "it goes on")
        assert task_id(1) not in lab.outcomes()

    play(scene)


async def fails(*_: object, **__: object) -> None:
    raise ZeroDivisionError("a mistake")


def fails_at_once(*_: object, **__: object) -> None:
    raise ZeroDivisionError("a mistake")
