"""Tasks and batches wherever asyncio takes something to wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from client_fixtures import q, service
from client_lab import FakeService, later

from taskq_kernel.client.client import Client
from taskq_kernel.errors import TaskFailed

__all__ = ["q", "service"]


async def _task_group(what: Any) -> Any:
    async with asyncio.TaskGroup() as group:
        made = group.create_task(what)
    return made.result()


async def _create_task(what: Any) -> Any:
    return await asyncio.create_task(what, name="mine")


async def _twice_at_once(what: Any) -> Any:
    one, other = asyncio.create_task(what), asyncio.create_task(what)
    assert await one == await other
    return await what


async def _completed(what: Any) -> Any:
    (first,) = asyncio.as_completed([what])
    return await first


async def _gather(what: Any) -> Any:
    first, again = await asyncio.gather(what, what)
    assert first == again
    return first


async def _shielded(what: Any) -> Any:
    return await asyncio.shield(what)


WAYS: dict[str, Callable[[Any], Coroutine[Any, Any, Any]]] = {
    "create_task": _create_task,
    "TaskGroup": _task_group,
    "twice at once": _twice_at_once,
    "gather": _gather,
    "as_completed": _completed,
    "wait_for": lambda what: asyncio.wait_for(what, 5),
    "shield": _shielded,
}


@pytest.mark.parametrize("way", WAYS)
def test_a_task_is_awaited_in_every_way_that_asyncio_has(service: FakeService, q: Client, way: str) -> None:
    task = q.submit("1 + 1")
    later(lambda: service.finish(task.id, 2))
    assert asyncio.run(WAYS[way](task)) == 2
    assert asyncio.run(WAYS[way](task)) == 2


@pytest.mark.parametrize("way", WAYS)
def test_a_batch_is_awaited_in_every_way_that_asyncio_has(service: FakeService, q: Client, way: str) -> None:
    batch = q.submit_many(["1", "2"])
    for task in batch:
        later(lambda task=task: service.finish(task.id, task.number))
    assert asyncio.run(WAYS[way](batch)) == [1, 2]
    assert asyncio.run(WAYS[way](batch)) == [1, 2]


def test_asyncio_itself_runs_a_task(service: FakeService, q: Client) -> None:
    task = q.submit("1 + 1")
    service.finish(task.id, 2)
    assert asyncio.run(task) == 2


def test_what_a_task_raises_comes_out_of_the_task_that_asyncio_made(service: FakeService, q: Client) -> None:
    task = q.submit("sqrt(-1)")
    service.fail(task.id)
    with pytest.raises(TaskFailed, match="DomainError"):
        asyncio.run(_create_task(task))


def test_cancelling_what_asyncio_made_ends_the_waiting_and_not_the_task(service: FakeService, q: Client) -> None:
    task = q.submit("1 + 1")

    async def main() -> Any:
        waiting, other = asyncio.create_task(task), asyncio.create_task(task)
        while not q.cache._waiting:
            await asyncio.sleep(0.001)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        service.finish(task.id, 2)
        return await other

    assert asyncio.run(main()) == 2
    assert "BulkAction" not in service.calls
    task.close()
    assert task.result(timeout=5) == 2
