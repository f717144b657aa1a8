"""When the publisher looks into the outbox, and how long rows stay there whose messages are confirmed."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from publisher_lab import Rabbit, play, present, submit, until
from store_lab import Lab

from taskq_kernel.service.jobs import publisher as publisher_module
from taskq_kernel.service.jobs.publisher import Publisher
from taskq_kernel.store import Write, outbox

__all__ = ["present"]
pytest_plugins = ["store_fixtures"]
pytestmark = pytest.mark.parametrize("lab", ["sqlite"], indirect=True)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """What the publisher has found in the outbox, each time that it looked."""
    found: list[list[int]] = []
    read_due = outbox.read_due

    def noted(*given: Any) -> Any:
        due = read_due(*given)
        found.append(due.numbers)
        return due

    monkeypatch.setattr(outbox, "read_due", noted)
    return found


def test_a_few_tasks_are_published_without_a_look_into_the_outbox(lab: Lab, looks: list[list[int]]) -> None:
    async def scene(rabbit: Rabbit, _publisher: Publisher) -> None:
        await submit(lab)
        await until(lambda: rabbit.numbers("q.tasks.default") == [1])
        looks.clear()  # it looks when it begins, and when it is connected
        await submit(lab)
        await submit(lab, outbox.FEW, priority=2)
        await until(lambda: rabbit.count() == 2 + outbox.FEW)
        assert looks == []
        await submit(lab, outbox.FEW + 1)
        await until(lambda: rabbit.count() == 3 + 2 * outbox.FEW)
        assert len(looks) == 1

    play(lab, scene)


def test_long_messages_are_not_kept_in_memory(lab: Lab, looks: list[list[int]]) -> None:
    async def scene(rabbit: Rabbit, _publisher: Publisher) -> None:
        await submit(lab)
        await until(lambda: rabbit.count() == 1)
        looks.clear()
        await asyncio.to_thread(lab.submit, "#" * (outbox.FEW_BYTES + 1))
        await until(lambda: rabbit.count() == 2)
        assert looks == [[2]]

    play(lab, scene)


def test_what_a_look_has_found_before_its_transaction_was_heard_of_is_published_once(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_due, late = outbox.read_due, []

    def and_one_more(conn: Any, *given: Any) -> Any:
        if conn.exec_driver_sql("SELECT count(*) FROM outbox").scalar_one() > publisher_module.FEW and not late:
            late.append(True)
            conn.rollback()  # it looks when that is committed, and before anybody has been told
            lab.submit(priority=2)
        return read_due(conn, *given)

    monkeypatch.setattr(outbox, "read_due", and_one_more)

    async def scene(rabbit: Rabbit, _publisher: Publisher) -> None:
        await submit(lab)
        await until(lambda: rabbit.numbers("q.tasks.default") == [1])
        await submit(lab, publisher_module.FEW + 1)
        await until(lambda: lab.waiting() == [])
        await submit(lab)
        await until(lambda: len(rabbit.numbers("q.tasks.default")) == publisher_module.FEW + 3)
        assert rabbit.numbers("q.tasks.default.high") == [publisher_module.FEW + 3]

    play(lab, scene)


def test_more_transactions_than_are_kept_are_published_all_the_same_and_once(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher_module, "AT_ONCE", 2)

    async def scene(rabbit: Rabbit, _publisher: Publisher) -> None:
        for _ in range(10):
            lab.submit()  # in the event loop, so that none of it is published meanwhile
        await until(lambda: rabbit.count() == 10)
        await until(lambda: lab.waiting() == [])
        assert sorted(rabbit.numbers("q.tasks.default")) == list(range(1, 11))

    play(lab, scene)


def test_what_nobody_was_told_of_is_published_all_the_same(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher_module, "LOOK_S", 0.2, raising=False)

    async def scene(rabbit: Rabbit, _publisher: Publisher) -> None:
        await submit(lab)
        await until(lambda: rabbit.numbers("q.tasks.default") == [1])
        told, lab.store.on_commit = lab.store.on_commit, []
        await submit(lab)  # as another service does, which stops before it publishes it
        lab.store.on_commit = told
        await submit(lab)
        await until(lambda: sorted(rabbit.numbers("q.tasks.default")) == [1, 2, 3])
        await until(lambda: lab.waiting() == [])

    play(lab, scene)


def test_the_next_look_is_counted_from_the_end_of_one_that_took_long(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher_module, "LOOK_S", 0.5)
    read_due = outbox.read_due
    began: list[float] = []
    ended: list[float] = []

    def slowly(*given: Any) -> Any:
        began.append(time.monotonic())
        if len(began) == 2:
            time.sleep(0.6)
        due = read_due(*given)
        ended.append(time.monotonic())
        return due

    async def scene(rabbit: Rabbit, _publisher: Publisher) -> None:
        await submit(lab)
        await until(lambda: rabbit.numbers("q.tasks.default") == [1] and lab.waiting() == [])
        monkeypatch.setattr(outbox, "read_due", slowly)
        await until(lambda: len(began) > 2)

    play(lab, scene)
    assert began[2] - ended[1] >= 0.45


@pytest.fixture
def marked(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """The tasks that the publisher has taken out of the outbox, in transactions of its own."""
    found: list[int | None] = []
    mark = outbox.mark_published

    def noted(write: Write, entries: dict[int, int | None]) -> None:
        mark(write, entries)
        found.extend(entries.values())

    monkeypatch.setattr(outbox, "mark_published", noted)
    return found


def test_a_task_that_is_claimed_at_once_costs_the_publisher_no_transaction(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, marked: list[int | None]
) -> None:
    monkeypatch.setattr(publisher_module, "LINGER_S", 2.0)  # a busy machine's claim comes within that

    async def scene(rabbit: Rabbit, _publisher: Publisher) -> None:
        [claimed] = await submit(lab)
        await until(lambda: rabbit.numbers("q.tasks.default") == [1])
        await asyncio.to_thread(lambda: lab.claim(lab.join(), claimed))
        assert lab.waiting() == []
        await submit(lab)
        await until(lambda: marked == [2])

    play(lab, scene)


def test_what_lingers_in_the_outbox_is_published_once_and_again_after_a_reconnection(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, marked: list[int | None]
) -> None:
    monkeypatch.setattr(publisher_module, "LINGER_S", 3600.0)

    async def scene(rabbit: Rabbit, _publisher: Publisher) -> None:
        await submit(lab)
        await until(lambda: rabbit.numbers("q.tasks.default") == [1])
        await submit(lab)
        await until(lambda: rabbit.numbers("q.tasks.default") == [1, 2])
        assert lab.waiting() == [1, 2]
        rabbit.go_away()
        rabbit.wipe()
        rabbit.come_back()
        await until(lambda: sorted(rabbit.numbers("q.tasks.default")) == [1, 2])
        assert marked == []

    play(lab, scene)


def test_many_do_not_linger(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher_module, "LINGER_S", 3600.0)

    async def scene(_rabbit: Rabbit, _publisher: Publisher) -> None:
        await submit(lab, publisher_module.FEW + 1)
        await until(lambda: lab.waiting() == [])

    play(lab, scene)
