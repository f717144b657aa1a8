"""A closed client: nobody waits on it for ever, and what is asked of it is refused in so many words."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from client_fixtures import q, service
from client_lab import FakeService, soon
from client_stubs import SocketStub, Subscriber

from taskq_kernel.client.client import Client
from taskq_kernel.errors import ClientClosed

__all__ = ["q", "service"]


async def _awaited(what: Any) -> Any:
    return await what


#: Every way of waiting.
WAITS: dict[str, Callable[[Client, Any], Any]] = {
    "result": lambda _q, task: task.result(),
    "wait": lambda _q, task: task.wait(),
    "await": lambda _q, task: asyncio.run(_awaited(task)),
    "results": lambda q, task: q.tasks(ids=[task.id]).results(),
    "await a batch": lambda q, task: asyncio.run(_awaited(q.tasks(ids=[task.id]))),
}


def in_thread(action: Callable[[], Any]) -> tuple[threading.Thread, list[BaseException | None]]:
    """Run ``action`` on a thread of its own; what it raises comes into the list."""
    ended: list[BaseException | None] = []

    def run() -> None:
        try:
            action()
            ended.append(None)
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, ended


@pytest.mark.parametrize("way", ["result", "wait", "await"])
def test_waiting_on_a_closed_client_says_that_it_is_closed(service: FakeService, q: Client, way: str) -> None:
    task = q.task(service.add()["number"])
    q.close()
    _thread, ended = in_thread(lambda: WAITS[way](q, task))
    soon(lambda: ended)
    assert isinstance(ended[0], ClientClosed)
    assert "task 1" in str(ended[0])
    assert "connect()" in str(ended[0])


@pytest.mark.parametrize("way", WAITS)
def test_closing_a_client_wakes_whoever_waits_even_where_its_feed_never_ran(
    service: FakeService, q: Client, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = q.task(service.add()["number"])
    monkeypatch.setattr(service.feed, "close", lambda: None)  # its thread hangs, or was never started
    _thread, ended = in_thread(lambda: WAITS[way](q, task))
    soon(lambda: q.cache._waiting)
    q.close()
    soon(lambda: ended)
    assert isinstance(ended[0], ClientClosed)


def test_a_value_that_is_there_can_be_had_from_a_closed_client(service: FakeService, q: Client) -> None:
    task = q.submit("1 + 1")
    service.finish(task.id, 2)
    q.close()
    assert task.result(timeout=5) == 2


def test_whatever_is_asked_of_a_closed_client_is_refused_in_so_many_words() -> None:
    def script(client: Subscriber) -> None:
        client.accept()
        client.stay()

    stub = SocketStub(script)
    q = Client(stub.url, "token")
    q.close()
    stub.close()
    for ask in (q.statistics, lambda: q.submit("1"), lambda: q.task(1), lambda: q.transport.get_blob("0" * 64)):
        with pytest.raises(ClientClosed, match=r"is closed: connect\(\) makes another"):
            ask()
