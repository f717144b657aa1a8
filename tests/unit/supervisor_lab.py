"""A whole worker over the doubles of RabbitMQ and of Julia, and a stand-in for the service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec
import pytest
from sample_messages import TASK
from stacks import until
from taskq_worker.sandbox.sandbox import OWN_USER
from taskq_worker.sandbox.sandboxes import Sandboxes
from taskq_worker.service_api import HeartbeatReply, Lease
from taskq_worker.slots.double import DoubleCommand
from taskq_worker.supervisor import Supervisor

from taskq_kernel.broker.double import MemoryBroker, MemoryRabbit
from taskq_kernel.broker.names import Names
from taskq_kernel.errors import ServiceError, ServiceUnreachable
from taskq_kernel.messages import OutcomeMessage, decode, encode
from taskq_kernel.outcome_bundles import outcomes_in
from taskq_kernel.settings import load_settings

NAMES = Names("q")
QUEUE = NAMES.tasks("default", 1)


class Service:
    """Stands for the service: grants every claim, and settles an outcome once it is in its queue."""

    worker = "0b6f0c57-1c5e-4d53-8d3c-9a1f4f6f0d11"

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
        #: What tasks have printed, as far as heartbeats brought it, by the task's id and the piece's place.
        self.printed: dict[str, dict[int, str]] = {}
        self.released: list[tuple[str, int]] = []
        self.claimed: list[str] = []
        self.asked_whether_held: list[str] = []
        self.declined: list[str] = []
        self.files: dict[str, bytes] = {}
        self.code = "6 * 7"
        self.asked_for_code = 0
        #: What each heartbeat is told of when the next one is due.
        self.heartbeat_s = 0.05
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
        self.claimed += ids
        return dict.fromkeys(ids, 1)

    async def still_held(self, tasks: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
        self.asked_whether_held += [task for task, _ in tasks]
        self._answer()
        return [(task, attempt) for task, attempt in tasks if task not in self.cancelled]

    async def heartbeat(self, held: list[dict[str, Any]], logs: list[dict[str, Any]]) -> HeartbeatReply:
        self._answer()
        if self.unknown:
            raise ServiceError("there is no such worker", "UNKNOWN_WORKER")
        self.beats += 1
        self.held = [entry["id"] for entry in held]
        self.progress |= {entry["id"]: entry["progress"] for entry in held if "progress" in entry}
        for piece in logs:
            self.printed.setdefault(piece["id"], {})[piece["seq"]] = piece["text"]
        arrived = {one.id for one in outcomes(self._rabbit)}
        settled = [entry["id"] for entry in held if "done" in entry and entry["id"] in arrived]
        stop = [one for one in self.held if one in self.cancelled and one not in settled]
        return HeartbeatReply(stop=stop, settled=settled, drain=self.drain, heartbeat_s=self.heartbeat_s)

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
        asked = {"timeout_s": None, "memory_limit_bytes": None} | asked
        made = [msgspec.structs.replace(TASK, id=task_id(n), code=code, **asked) for n, code in tasks]
        await self.client.publish(QUEUE, [encode(task) for task in made])

    async def give(self, number: int, code: str, attempt: int = 1) -> bool:
        """Give the worker a task, as the service does; whether there is a queue for it."""
        asked = {"timeout_s": None, "memory_limit_bytes": None, "attempt": attempt}
        task = msgspec.structs.replace(TASK, id=task_id(number), number=number, code=code, **asked)
        return await self.client.give(self.service.worker, encode(task))

    @property
    def can_be_given(self) -> bool:
        """Whether the worker has said that it can be given tasks."""
        return self.slots_that_can_be_given > 0

    @property
    def slots_that_can_be_given(self) -> int:
        """For how many of its slots the worker has said so."""
        return self.service.joined[-1]["grants"] if self.service.joined else 0

    def outcomes(self) -> dict[str, OutcomeMessage]:
        return {one.id: one for one in outcomes(self.rabbit)}

    def printed(self, number: int) -> str:
        """All that a task that has ended has printed, whether a heartbeat brought it or its outcome."""
        ended = {chunk.seq: chunk.text for chunk in self.outcomes()[task_id(number)].logs}
        pieces = self.service.printed.get(task_id(number), {}) | ended
        return "".join(text for _, text in sorted(pieces.items()))


def outcomes(rabbit: MemoryRabbit) -> list[OutcomeMessage]:
    found = (one for body in rabbit.bodies(NAMES.outcomes) for one in outcomes_in(body))
    return [decode(OutcomeMessage, body) for body in found]


def task_id(number: int) -> str:
    return f"{number:08x}-0000-0000-0000-000000000000"


async def some_heartbeats(lab: Lab) -> None:
    """Let a worker go on for so long that it would have done what it may do."""
    before = lab.service.beats
    await until(lambda: lab.service.beats > before + 4, "some heartbeats")


def until_there(path: Path) -> str:
    """The code of a task that ends once a file is there."""
    return f"any(__import__('os').path.exists({str(path)!r}) or sleep(0.01) for _ in iter(int, 1))"


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
