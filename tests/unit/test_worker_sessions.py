"""Sessions in a whole worker, over the doubles of RabbitMQ and of Julia."""

from __future__ import annotations

import gc
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from sample_messages import TASK
from stacks import until
from supervisor_lab import NAMES, QUEUE, Lab, Play, play, some_heartbeats, task_id, until_there
from taskq_worker.claims.claim import Claim

from taskq_kernel.broker.names import session_queue
from taskq_kernel.domain import TaskKind, TaskStatus
from taskq_kernel.messages import OutcomeMessage, encode
from taskq_kernel.project_manifest import ProjectFile, ProjectManifest, project_id

__all__ = ["play"]

SESSION = task_id(99)
CELLS = session_queue(SESSION)


async def begin(lab: Lab, project: str | None = None, **arguments: Any) -> None:
    """Begin a session and wait until its worker serves it."""
    session = msgspec.structs.replace(
        TASK, id=SESSION, kind=TaskKind.SESSION, timeout_s=None, project=project,
        arguments=msgspec.Raw(msgspec.json.encode(arguments)),
    )  # fmt: skip
    await lab.client.ensure_tasks_queue(CELLS)
    await lab.client.publish(QUEUE, [encode(session)])
    served = "the worker says that it serves the session"  # an idle one may be over again
    await until(lambda: any(CELLS in one["queues"] for one in lab.service.joined), served)


async def cell(lab: Lab, number: int, code: str, **asked: Any) -> None:
    made = msgspec.structs.replace(TASK, id=task_id(number), name=f"In[{number}]", code=code, timeout_s=None, **asked)
    await lab.client.publish(NAMES.tasks(CELLS, 1), [encode(made)])


async def outcome(lab: Lab, task: str) -> OutcomeMessage:
    await until(lambda: task in lab.outcomes(), f"{task} has ended")
    return lab.outcomes()[task]


def value_of(told: OutcomeMessage) -> Any:
    assert told.value is not None, told.error
    return msgspec.json.decode(told.value.data)


def test_cells_share_a_process_beside_other_tasks_until_the_session_is_cancelled(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await begin(lab)
        await cell(lab, 1, "(x := 41)")
        assert value_of(await outcome(lab, task_id(1))) == 41
        await cell(lab, 2, "x + 1")
        await lab.submit((3, "6 * 7"))
        assert value_of(await outcome(lab, task_id(2))) == 42
        assert value_of(await outcome(lab, task_id(3))) == 42
        await until(lambda: lab.service.held == [SESSION], "the session alone is held")
        lab.service.cancelled.add(SESSION)
        await until(lambda: CELLS not in lab.service.joined[-1]["queues"], "its queue is not served any longer")
        await cell(lab, 4, "1")
        await lab.submit((5, "[1, 2]"), (6, "x"))
        assert value_of(await outcome(lab, task_id(5))) == [1, 2]
        assert (await outcome(lab, task_id(6))).status is TaskStatus.FAILED
        assert task_id(4) not in lab.outcomes()

    play(scene)


def test_a_cell_that_asks_for_more_than_its_session_has_runs_in_it_all_the_same(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await begin(lab)
        await cell(lab, 1, "6 * 7", threads=64, gpus=1)
        assert value_of(await outcome(lab, task_id(1))) == 42
        assert lab.service.declined == []

    play(scene)


def test_the_cells_of_a_session_with_a_project_have_it_at_hand(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        digest = sha256(b"7").hexdigest()
        manifest = ProjectManifest([ProjectFile("data/x.csv", digest, 1)]).encode()
        lab.service.files = {digest: b"7", project_id(manifest): manifest}
        await begin(lab, project_id(manifest))
        for number in (1, 2):
            await cell(lab, number, 'open("data/x.csv").read()')
            assert value_of(await outcome(lab, task_id(number))) == "7"

    play(scene)


def test_a_session_keeps_nothing_of_the_cells_that_have_ended(play: Play) -> None:
    def kept() -> set[str]:
        gc.collect()
        return {one.task.id for one in gc.get_objects() if isinstance(one, Claim)}

    async def scene(lab: Lab) -> None:
        await begin(lab)
        for number in range(1, 4):
            await cell(lab, number, "6 * 7")
            await outcome(lab, task_id(number))
        await until(lambda: kept() <= {SESSION, task_id(3)}, "of the cells the last is kept at most")

    play(scene)


def test_an_idle_session_gives_its_slot_back_and_says_so(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await begin(lab, idle_seconds=0.3)
        told = await outcome(lab, SESSION)
        assert told.status is TaskStatus.FINISHED
        assert value_of(told) == "no cell came for 0.3 s, so its slot was given back"
        await lab.submit((1, "6 * 7"))
        assert value_of(await outcome(lab, task_id(1))) == 42

    play(scene, slots=1)


def test_a_session_ends_with_its_process_and_no_cell_runs_in_another(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await begin(lab)
        await cell(lab, 1, "exit(3)")
        told = await outcome(lab, SESSION)
        assert told.error is not None
        assert told.error.name == "SessionLost"
        assert (await outcome(lab, task_id(1))).status is TaskStatus.FAILED
        assert not (await outcome(lab, task_id(1))).lost

    play(scene)


def test_a_worker_that_drains_ends_a_session_once_its_cell_has_ended(play: Play, tmp_path: Path) -> None:
    async def scene(lab: Lab) -> None:
        await begin(lab)
        await cell(lab, 1, f'[progress(0.5, "half"), {until_there(tmp_path / "go")}, 7][2]')
        await until(lambda: task_id(1) in lab.service.progress, "the cell runs")
        lab.service.drain = True
        await some_heartbeats(lab)
        assert lab.outcomes() == {}, "its cell goes on"
        (tmp_path / "go").touch()
        await until(lambda: lab.service.left, "it leaves")
        assert value_of(lab.outcomes()[task_id(1)]) == 7
        told = lab.outcomes()[SESSION]
        assert told.error is not None
        assert "was stopped" in told.error.message

    play(scene, grace=30.0)


def test_a_cancelled_cell_that_cannot_be_interrupted_ends_the_session(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await begin(lab)
        await cell(lab, 1, '[progress(0.5, "half"), sleep(60)]')
        await until(lambda: task_id(1) in lab.service.progress, "the cell runs")
        lab.service.cancelled.add(task_id(1))
        assert (await outcome(lab, SESSION)).status is TaskStatus.FAILED

    play(scene)
