"""Why a task waits, where it runs, how it ended: one sentence for each, and the figures beside it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from client_fixtures import q, service
from client_lab import FakeService
from store_lab import Lab

from taskq_kernel.client.client import Client
from taskq_kernel.client.why import Why, why_of
from taskq_kernel.domain import WhyKind
from taskq_kernel.errors import TaskTimeout
from taskq_kernel.service.async_store import AsyncStore
from taskq_kernel.service.waiting import Waiting
from taskq_kernel.service.why import Reason
from taskq_kernel.store import backlog, workers

pytest_plugins = ["store_fixtures"]
__all__ = ["q", "service"]

#: GraphQL's ``Why`` where a sentence says it all.
NOTHING_MORE: dict[str, Any] = dict.fromkeys(("since", "until", "ahead", "needs"))


class Rabbit:
    """A broker that is there, or is not."""

    def __init__(self, *, connected: bool = True, blocked: str = "") -> None:
        self.connected = connected
        self.blocked = blocked


def why(lab: Lab, task: Any, broker: Rabbit | None = None) -> Reason:
    """Ask a service that has read nothing before."""
    waiting = Waiting(AsyncStore(lab.store), broker or Rabbit())
    return asyncio.run(waiting.why(lab.task(task)))


def test_every_slot_is_busy_since_when_and_with_how_many_before_it(lab: Lab) -> None:
    worker, other = lab.join("w1", slots=1), lab.join("w2", slots=1)
    first, second, third, fourth = lab.submit("1", "2", "3", "4")
    urgent = lab.submit("5", priority=2)[0]
    lab.claim(worker, first)
    assert why(lab, third) == Reason(
        WhyKind.STARTING, "it is on its way to a slot: 1 of 2 are free, and 2 tasks are ahead of it", ahead=2
    )
    lab.clock.advance(60)
    lab.claim(other, second)
    lab.publish()
    busy = "all 2 slots of the queue 'default' are busy"
    assert why(lab, urgent) == Reason(WhyKind.BUSY, f"{busy}, and it is the next", since=lab.clock.now, ahead=0)
    assert why(lab, third).sentence == f"{busy}, and 1 task is ahead of it"
    assert why(lab, fourth).sentence == f"{busy}, and 2 tasks are ahead of it"
    lab.store.write(workers.drain_worker, worker)
    assert why(lab, fourth).sentence.startswith("the one slot of the queue 'default' is busy, and 2 tasks")


def test_who_is_ahead_is_told_as_tasks_were_handed_over_and_not_by_what_cannot_start(lab: Lab) -> None:
    worker = lab.join(slots=1)
    old, running = lab.submit("1")[0], lab.submit("2")[0]
    held = lab.submit("3", after=[running.id])[0]
    lab.bulk_action("cancel", old)
    lab.claim(worker, running)
    new = lab.submit("4")[0]
    elsewhere = lab.submit("5", queue="gpu")[0]
    lab.publish()
    lab.clock.advance(1)
    lab.bulk_action("retry", old)  # it is handed over after the new one
    lab.publish()
    assert why(lab, old).ahead == 1
    assert why(lab, new).ahead == 0, "one that is held back is not ahead of it, and one of another queue neither"
    assert why(lab, held).kind is WhyKind.DEPENDENCY
    assert why(lab, elsewhere).kind is WhyKind.UNSERVED


def test_a_long_queue_is_looked_at_as_far_as_a_bound(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "_WAITING", backlog._WAITING.order_by("number").limit(3))
    monkeypatch.setattr(backlog, "MOST", 3)
    lab.join(slots=1)
    *_, last = lab.submit("1", "2", "3", "4", "5")
    assert why(lab, last).ahead == 3
    assert "at least 3 tasks are ahead of it" in why(lab, last).sentence


def test_a_task_that_needs_another_says_which_one(lab: Lab) -> None:
    worker = lab.join()
    first = lab.submit("1", name="model")[0]
    second = lab.submit("2", after=[first.id])[0]
    lab.claim(worker, first)
    assert why(lab, second) == Reason(
        WhyKind.DEPENDENCY, f"it needs task {first.number} (model), which is RUNNING", needs=first.number
    )


def test_a_retry_says_what_failed_and_when_it_is_due(lab: Lab) -> None:
    worker = lab.join()
    task = lab.submit("1", max_attempts=2)[0]
    lab.claim(worker, task)
    lab.fail(task, worker)
    assert why(lab, task) == Reason(
        WhyKind.RETRY, "attempt 1 failed (DomainError: a negative number); the next one is due",
        until=lab.clock.now + 1.0,
    )
    lab.clock.advance(2)
    assert why(lab, task).kind is WhyKind.STARTING


def test_a_broker_that_takes_nothing_keeps_only_what_it_has_not_got(lab: Lab) -> None:
    lab.join()
    task = lab.submit("1")[0]
    blocked = Rabbit(blocked="low on disk")
    assert why(lab, task, blocked).kind is WhyKind.BROKER
    lab.publish()
    assert why(lab, task, blocked).kind is WhyKind.STARTING
    assert why(lab, task, Rabbit(connected=False)).sentence.startswith("RabbitMQ is away")


def test_a_running_task_says_where_and_since_when_and_one_that_is_done_how_it_ended(lab: Lab) -> None:
    worker = lab.join()
    done, failed, cancelled = lab.submit("1", "2", "3")
    lab.claim(worker, done, failed)
    began = lab.clock.now
    assert why(lab, done) == Reason(WhyKind.RUNNING, "worker w1 runs it", since=began)
    lab.clock.advance(5)
    lab.finish(done, worker)
    lab.fail(failed, worker)
    lab.bulk_action("cancel", cancelled)
    ended = lab.clock.now
    assert why(lab, done) == Reason(WhyKind.FINISHED, "it finished on worker w1, after 0.5 s", since=ended)
    assert why(lab, failed) == Reason(WhyKind.FAILED, "it failed: DomainError: a negative number", since=ended)
    assert why(lab, cancelled) == Reason(WhyKind.CANCELLED, "it was cancelled by ann", since=ended)


def test_one_that_did_not_run_says_whose_value_it_has(lab: Lab) -> None:
    worker = lab.join()
    first, = lab.submit("1", cache=True)
    lab.claim(worker, first)
    lab.finish(first, worker)
    second, = lab.submit("1", cache=True)
    assert why(lab, second).sentence == f"it did not run: task {first.number} has computed its value"


def test_as_a_text_it_has_its_times_on_this_machines_clock() -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    found = NOTHING_MORE | {"kind": "BUSY", "sentence": "all are busy", "since": now.isoformat(), "ahead": 1}
    assert str(why_of(found)) in {
        f"all are busy (since {now.astimezone():{form}})" for form in ("%H:%M:%S", "%Y-%m-%d %H:%M:%S")
    }
    days = now - timedelta(days=3)
    due = Why(WhyKind.RETRY, "the next one is due", since=None, until=days)
    assert str(due) == f"the next one is due (at {days.astimezone():%Y-%m-%d %H:%M:%S})"
    assert str(Why(WhyKind.STARTING, "soon")) == "soon"


def test_the_timeout_of_a_result_says_why_a_running_task_is_not_done(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    runs = NOTHING_MORE | {"kind": "RUNNING", "sentence": "worker w1 runs it"}
    service.change(task.id, status="RUNNING", attempt=1, why=runs)
    with pytest.raises(TaskTimeout, match="is RUNNING after 0.01 s, and goes on; worker w1 runs it"):
        task.result(timeout=0.01)
    assert task.why().kind == "RUNNING"


def test_many_that_are_asked_about_at_once_read_the_backlog_once(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.join("w1", slots=1)
    waiting = [lab.task(task) for task in lab.submit(*["1"] * 30)]
    reads: list[float] = []
    read = backlog.read_backlog

    def counted(conn: Any, now: float) -> Any:
        reads.append(now)
        return read(conn, now)

    monkeypatch.setattr("taskq_kernel.service.waiting.read_backlog", counted)

    async def ask() -> list[Reason]:
        service = Waiting(AsyncStore(lab.store), Rabbit())
        return await asyncio.gather(*map(service.why, waiting))

    assert [reason.ahead for reason in asyncio.run(ask())] == list(range(30))
    assert len(reads) == 1
