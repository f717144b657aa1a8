"""The publisher's decisions, with RabbitMQ's double: it lives in memory and does what a test says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from publisher_lab import Rabbit, play, present, submit, until
from store_lab import Lab

from taskq_kernel.broker.double import MemoryBroker
from taskq_kernel.broker.names import Names
from taskq_kernel.messages import TaskMessage, decode, unbundled
from taskq_kernel.service.async_store import AsyncStore
from taskq_kernel.service.jobs import publisher as publisher_module
from taskq_kernel.service.jobs.publisher import Publisher

__all__ = ["present"]
pytest_plugins = ["store_fixtures"]
pytestmark = pytest.mark.parametrize("lab", ["sqlite"], indirect=True)


def test_what_is_submitted_is_published_at_once_to_its_queue(lab: Lab) -> None:
    async def scene(rabbit: Rabbit, _publisher: Publisher) -> None:
        await submit(lab, 3)
        await submit(lab, 1, queue="gpu", priority=2)
        await until(lambda: rabbit.count() == 4)
        assert rabbit.numbers("q.tasks.default") == [1, 2, 3]
        assert rabbit.numbers("q.tasks.gpu.high") == [4]
        await until(lambda: lab.waiting() == [])

    play(lab, scene)


def test_while_the_broker_is_away_tasks_wait_and_it_is_said_once(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(rabbit: Rabbit, _publisher: Publisher) -> None:
        rabbit.go_away()
        for _ in range(3):
            await submit(lab)
            await asyncio.sleep(0.3)
        assert lab.waiting() == [1, 2, 3]
        rabbit.come_back()
        await until(lambda: rabbit.numbers("q.tasks.default") == [1, 2, 3])

    play(lab, scene)
    assert caplog.text.count("tasks wait in the outbox") == 1


def test_a_batch_that_was_not_confirmed_is_published_again(lab: Lab) -> None:
    async def scene(rabbit: Rabbit, _publisher: Publisher) -> None:
        rabbit.refuse(4)
        await submit(lab, 2)
        await until(lambda: rabbit.numbers("q.tasks.default") == [1, 2])

    play(lab, scene)


def test_after_a_wipe_everything_that_waits_is_published_again(lab: Lab) -> None:
    async def scene(rabbit: Rabbit, _publisher: Publisher) -> None:
        running, *_ = await submit(lab, 3)
        await submit(lab, 1, queue="gpu")
        await until(lambda: lab.waiting() == [])
        await asyncio.to_thread(lambda: lab.claim(lab.join(), running))
        rabbit.go_away()
        rabbit.wipe()
        rabbit.come_back()
        await until(lambda: rabbit.count() == 3)
        assert rabbit.numbers("q.tasks.default") == [2, 3]
        assert rabbit.numbers("q.tasks.gpu") == [4]

    play(lab, scene)


def test_a_reconnection_without_a_wipe_publishes_nothing_twice(lab: Lab) -> None:
    async def scene(rabbit: Rabbit, _publisher: Publisher) -> None:
        await submit(lab, 3)
        await until(lambda: lab.waiting() == [])
        rabbit.drop_connections()
        await submit(lab)
        await until(lambda: 4 in rabbit.numbers("q.tasks.default"))
        assert rabbit.numbers("q.tasks.default") == [1, 2, 3, 4]

    play(lab, scene)


def test_many_short_tasks_travel_in_few_messages_once_it_is_known_that_they_are_short(lab: Lab) -> None:
    async def scene(rabbit: Rabbit, _publisher: Publisher) -> None:
        worker = await asyncio.to_thread(lab.join, slots=2, bundles=True)
        [first] = await submit(lab)
        await asyncio.to_thread(lambda: lab.claim(worker, first))
        outcome = lab.outcome(first, worker, seconds=0.0)
        await asyncio.to_thread(lab.record, outcome)
        await submit(lab, 400)
        await until(lambda: lab.waiting() == [])
        messages = [unbundled(decode(TaskMessage, body)) for body in rabbit.bodies("q.tasks.default")]
        bundles = [tasks for tasks in messages if tasks[0].number != first.number]
        assert sorted(task.number for one in bundles for task in one) == list(range(2, 402))
        assert len(bundles) == 8
        assert {task.code for one in bundles for task in one} == {"1"}

    play(lab, scene)


def test_what_was_cancelled_within_its_transaction_is_not_published(lab: Lab) -> None:
    async def scene(rabbit: Rabbit, _publisher: Publisher) -> None:
        [first] = await submit(lab)
        await until(lambda: rabbit.numbers("q.tasks.default") == [1])
        await asyncio.to_thread(lab.bulk_action, "cancel", first)
        [needs] = await asyncio.to_thread(lambda: lab.submit(after=[first.id]))
        assert lab.task(needs).status == "FAILED"
        await submit(lab)
        await until(lambda: rabbit.numbers("q.tasks.default") == [1, 3])

    play(lab, scene)


def test_a_purged_queue_is_filled_again_and_a_full_one_is_left_alone(lab: Lab) -> None:
    async def scene(rabbit: Rabbit, publisher: Publisher) -> None:
        await submit(lab, 2)
        await submit(lab, 1, priority=2)
        await until(lambda: lab.waiting() == [])
        rabbit.purge("q.tasks.default")
        assert await publisher.check_once(lab.store.clock() - 15) == 0  # it may be on its way
        assert await publisher.check_once(lab.store.clock() + 1) == 2
        await until(lambda: rabbit.numbers("q.tasks.default") == [1, 2])
        assert rabbit.numbers("q.tasks.default.high") == [3]

    play(lab, scene)


def test_a_retry_is_published_when_it_is_due_and_not_before(lab: Lab) -> None:
    async def scene(rabbit: Rabbit, _publisher: Publisher) -> None:
        [task] = await submit(lab, 1, max_attempts=2)
        await until(lambda: rabbit.numbers("q.tasks.default") == [1])

        def fail() -> None:
            worker = lab.join()
            lab.claim(worker, task)
            lab.fail(task, worker)

        await asyncio.to_thread(fail)
        began = asyncio.get_running_loop().time()
        await until(lambda: rabbit.numbers("q.tasks.default") == [1, 1])
        assert 0.8 < asyncio.get_running_loop().time() - began < 5

    play(lab, scene)


def test_what_breaks_off_in_a_way_that_nobody_thought_of_is_published_again(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher_module, "LINGER_S", 0.01)
    rabbit, names = Rabbit(), Names("q")
    broker = MemoryBroker(rabbit, names)
    publish, failed = broker.publish, [RuntimeError("nobody thought of it")]

    async def fail_once(*given: Any, **named: Any) -> None:
        if failed:
            raise failed.pop()
        await publish(*given, **named)

    monkeypatch.setattr(broker, "publish", fail_once)

    async def scene() -> None:
        publisher = Publisher(AsyncStore(lab.store), broker, names)
        await broker.start()
        [task] = lab.submit()
        with pytest.raises(RuntimeError):
            await publisher.run()
        job = asyncio.create_task(publisher.run())  # the service begins it again
        try:
            await until(lambda: rabbit.numbers(names.tasks("default", 1)) == [task.number])
        finally:
            job.cancel()
            await asyncio.gather(job, return_exceptions=True)
            await broker.close()

    asyncio.run(scene())
