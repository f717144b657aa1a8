"""What a client knows of tasks through its feed, and what it does when the feed is away."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from client_fixtures import q, service
from client_lab import FakeService, later

from taskq_kernel.client.client import Client
from taskq_kernel.client.feed import Changes
from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import ServiceUnreachable, TaskDeleted, TaskqError, TaskTimeout, Unauthorized

__all__ = ["q", "service"]


def test_one_task_is_one_object_and_is_forgotten_when_nobody_holds_it(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    assert q.task(1) is task
    assert q.task(task.id) is task
    assert q.tasks()[0] is task
    del task
    gc.collect()
    assert len(q.cache._entries) == 0


def test_a_change_that_the_feed_missed_before_it_started_is_read(service: FakeService) -> None:
    q = service.client()
    task = q.submit("1")
    service.finish(task.id, 5)  # nobody listens yet
    later(service.connect_feed)
    assert task.result(timeout=5) == 5


def test_a_task_that_ends_before_the_answer_with_it_is_here_is_not_waited_for(
    service: FakeService, q: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, get = service.transport._create, service.transport._task

    def quick(query: str, variables: dict[str, Any]) -> dict[str, Any]:
        answer = create(query, variables)
        service.finish(variables["inputs"][0]["id"], "quick")
        return answer

    def overtaken(query: str, variables: dict[str, Any]) -> dict[str, Any]:
        answer = get(query, variables)
        service.finish(answer["task"]["id"], "quick")
        return answer

    monkeypatch.setattr(service.transport, "_create", quick)
    monkeypatch.setattr(service.transport, "_task", overtaken)
    assert q.submit("1").result(timeout=1) == "quick"
    assert q.task(service.add()["number"]).result(timeout=1) == "quick"
    assert q.cache._meanwhile == {}


def test_a_task_that_is_deleted_before_the_answer_with_it_is_here_is_deleted(
    service: FakeService, q: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    get = service.transport._task

    def overtaken(query: str, variables: dict[str, Any]) -> dict[str, Any]:
        answer = get(query, variables)
        service.delete(answer["task"]["id"])
        return answer

    monkeypatch.setattr(service.transport, "_task", overtaken)
    with pytest.raises(TaskDeleted):
        q.task(service.add()["number"]).result(timeout=1)


def test_a_task_read_before_the_feed_started_is_read_once_more_when_it_is_looked_at(service: FakeService) -> None:
    number = service.add()["number"]
    q = service.client()
    task = q.task(number)
    service.change(task.id, status="RUNNING", attempt=1)
    service.add()
    service.connect_feed()
    assert task.status == TaskStatus.RUNNING
    before = len(service.calls)
    assert task.attempt == 1
    assert task.progress is None
    assert len(service.calls) == before


def test_while_the_feed_is_away_every_look_asks_the_service(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    service.feed.enter("away", "gone")
    service.change(task.id, status="RUNNING", attempt=1)
    assert task.status == "RUNNING"
    service.down = True
    with pytest.raises(ServiceUnreachable):
        _ = task.status
    assert "RUNNING" in repr(task)  # showing never raises


def test_while_the_feed_cannot_connect_waited_for_tasks_are_asked_about(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    service.feed.enter("away", "a proxy without WebSockets")
    service.finish(task.id, 9)
    later(service.feed.retry)
    assert task.result(timeout=5) == 9


def test_what_ended_before_the_service_went_away_needs_no_service(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    service.finish(task.id, 9)
    service.feed.enter("away", "gone")
    service.down = True
    later(service.feed.retry)
    assert task.result(timeout=5) == 9


def test_a_resumed_feed_goes_on_and_one_that_starts_anew_has_everything_read_again(
    service: FakeService, q: Client
) -> None:
    task = q.submit("1")
    service.feed.enter("away", "gone")
    service.connect_feed(anew=False)
    before = list(service.calls)
    assert task.status == "QUEUEING"
    assert service.calls == before
    service.feed.enter("away", "gone")
    service.version += 10
    service.finish(task.id, 4)
    service.connect_feed(anew=True)
    assert task.value == 4


def test_the_timeout_says_that_the_service_is_away(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    service.feed.enter("away", "Connection refused")
    with pytest.raises(TaskTimeout, match=r"the service is away \(Connection refused\)"):
        task.result(timeout=0.01)


def test_news_older_than_what_is_known_change_nothing(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    old = dict(service.tasks[task.id])
    service.finish(task.id, 1)
    q.cache.put([old])
    assert task.status == "FINISHED"


def test_in_another_database_every_copy_is_read_again_whatever_its_version(service: FakeService) -> None:
    q = service.client()
    service.feed.arrive(Changes(service.version, anew=True, database="one"))
    kept, gone = q.submit("1"), q.submit("2")
    for _ in range(20):
        service.change(kept.id, progress=0.5)
        service.change(gone.id, progress=0.5)
    later(lambda: replace(service, kept.id))
    with pytest.raises(TaskDeleted):
        gone.result(timeout=5)
    assert (kept.status, kept.progress) == ("FINISHED", None)
    assert kept.value == 7


def replace(service: FakeService, kept: str) -> None:
    """Put another database in the place of the service's, which knows one task, of a lower version."""
    (one,) = [task for task in service.tasks.values() if task["id"] == kept]
    done = {"status": "FINISHED", "valueKind": "JSON", "value": 7, "progress": None, "version": 2}
    service.tasks = {kept: one | done}
    service.feed.enter("away", "restarted")
    service.version = 1000
    service.feed.arrive(Changes(1000, anew=True, database="other"))


def test_a_refused_token_ends_waiting(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    service.feed.error = Unauthorized("the service does not accept the token", "UNAUTHORIZED")
    later(lambda: service.feed.enter("refused", "no"))
    with pytest.raises(Unauthorized):
        task.result(timeout=5)


def test_closing_the_client_ends_waiting(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    later(q.close)
    with pytest.raises(TaskqError, match="its client is closed"):
        task.result(timeout=5)
    assert q.closed


def test_a_client_that_nobody_holds_closes_its_feed() -> None:
    client = Client("http://127.0.0.1:1/graphql", "t")
    feed = client.feed
    del client
    gc.collect()
    assert feed._stopping.is_set()
