"""The publisher and tasks that are given to a worker as they are submitted, with RabbitMQ's double."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection
from typing import Any

import pytest
from publisher_lab import Rabbit, play, present, submit, until
from store_lab import Lab

from taskq_kernel.broker.double import MemoryBroker
from taskq_kernel.broker.names import Names
from taskq_kernel.messages import TaskMessage, decode
from taskq_kernel.service.jobs.publisher import Publisher
from taskq_kernel.store import create
from taskq_kernel.store.submission import check_all

__all__ = ["present"]
pytest_plugins = ["store_fixtures"]
pytestmark = pytest.mark.parametrize("lab", ["sqlite"], indirect=True)


def submit_alone(lab: Lab, out_of_reach: Collection[str] | None) -> Awaitable[Any]:
    """Submit a lone task as the service does, where messages get to workers but for some."""
    new = check_all([{"code": "1"}])
    return asyncio.to_thread(
        lambda: lab.store.write(create.create_tasks, new, "ann", frozenset(), out_of_reach=out_of_reach)[0][0]
    )


def test_a_task_that_was_given_to_a_worker_goes_into_its_own_queue(lab: Lab) -> None:
    async def scene(rabbit: Rabbit, publisher: Publisher) -> None:
        worker = await asyncio.to_thread(lab.join, grants=2)
        await until(lambda: publisher.out_of_reach == frozenset())
        of_worker = await connected(rabbit, worker)
        task = await submit_alone(lab, publisher.out_of_reach)
        await until(lambda: rabbit.numbers(f"q.worker.{worker}") == [task.number])
        assert [decode(TaskMessage, body).attempt for body in rabbit.bodies(f"q.worker.{worker}")] == [1]
        assert rabbit.numbers("q.tasks.default") == []
        await of_worker.close()

    play(lab, scene)


def test_one_whose_worker_has_lost_the_broker_goes_the_usual_way_and_so_do_the_next(lab: Lab) -> None:
    async def scene(rabbit: Rabbit, publisher: Publisher) -> None:
        worker = await asyncio.to_thread(lab.join, grants=2)
        await until(lambda: publisher.out_of_reach == frozenset())
        task = await submit_alone(lab, publisher.out_of_reach)
        assert task.status == "RUNNING"
        await until(lambda: rabbit.numbers("q.tasks.default") == [task.number])
        assert publisher.out_of_reach == {worker}
        assert await asyncio.to_thread(lambda: lab.claim(worker, task)) == [(task.id, 2)]
        following = await submit_alone(lab, publisher.out_of_reach)
        assert following.status == "QUEUEING"

    play(lab, scene)


def test_nobody_is_given_a_task_while_the_broker_is_away_or_takes_nothing(lab: Lab) -> None:
    async def scene(rabbit: Rabbit, publisher: Publisher) -> None:
        await until(lambda: publisher.out_of_reach == frozenset())
        rabbit.go_away()
        await until(lambda: publisher.out_of_reach is None)
        rabbit.come_back()
        await until(lambda: publisher.out_of_reach == frozenset())
        rabbit.block()
        await submit(lab)
        await until(lambda: publisher.out_of_reach is None)
        rabbit.unblock()

    play(lab, scene)


def test_one_that_was_given_just_as_the_broker_went_away_waits_like_any_other(lab: Lab) -> None:
    async def scene(rabbit: Rabbit, publisher: Publisher) -> None:
        await asyncio.to_thread(lab.join, grants=2)
        await until(lambda: publisher.out_of_reach == frozenset())
        rabbit.go_away()
        await until(lambda: publisher.out_of_reach is None)
        task = await submit_alone(lab, out_of_reach=())
        assert task.status == "RUNNING"
        await until(lambda: lab.task(task).status == "QUEUEING")
        rabbit.come_back()
        await until(lambda: rabbit.numbers("q.tasks.default") == [task.number])

    play(lab, scene)


def test_one_of_which_it_is_not_known_whether_it_came_is_left_to_the_worker_to_tell(lab: Lab) -> None:
    async def scene(rabbit: Rabbit, publisher: Publisher) -> None:
        worker = await asyncio.to_thread(lab.join, grants=2)
        await until(lambda: publisher.out_of_reach == frozenset())
        of_worker = await connected(rabbit, worker)
        rabbit.refuse(1)
        task = await submit_alone(lab, publisher.out_of_reach)
        following = await submit_alone(lab, publisher.out_of_reach)
        await until(lambda: rabbit.numbers(f"q.worker.{worker}") == [following.number])
        assert lab.task(task).status == "RUNNING"
        assert rabbit.numbers("q.tasks.default") == []
        await of_worker.close()

    play(lab, scene)


async def connected(rabbit: Rabbit, worker: str) -> MemoryBroker:
    """The connection of a worker that has its queue there."""
    broker = MemoryBroker(rabbit, Names("q"))
    await broker.start()
    await broker.wait_connected(10)
    await broker.declare_own(worker, await broker.open_channel())
    return broker
