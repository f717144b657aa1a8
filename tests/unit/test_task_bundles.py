"""Several short tasks in one message: which go together, how many, and that each stays a task of its own."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from store_lab import Lab

from taskq_kernel.messages import MAX_MESSAGE_BYTES, TaskMessage, bundled, decode, encode, unbundled
from taskq_kernel.service.async_store import AsyncStore
from taskq_kernel.service.jobs import bundles as module
from taskq_kernel.service.jobs.bundles import Bundles
from taskq_kernel.store import outbox, workers
from taskq_kernel.store.bundling import BUNDLE_BYTES, Serving, read_serving
from taskq_kernel.store.made import Due

pytest_plugins = ["store_fixtures"]


def three(_row: Any, _waiting: int) -> int:
    return 3


def read(lab: Lab, most: Any = three) -> Due:
    return lab.store.read(outbox.read_due, lab.clock.now, (), most)


def numbers(due: Due, queue: str = "default", priority: int = 1) -> list[list[int]]:
    """The numbers of the tasks of each message."""
    bodies = due.messages.get((queue, priority), [])
    return [[task.number for task in unbundled(decode(TaskMessage, body))] for body in bodies]


def test_short_tasks_of_the_same_code_go_together_in_their_order(lab: Lab) -> None:
    lab.submit("a", "a", "b", "a", "a", "b", "a")
    due = read(lab)
    assert numbers(due) == [[1, 2, 4], [3, 6], [5, 7]]
    assert sorted(number for number in due.numbers) == [1, 2, 3, 4, 5, 6, 7]
    assert numbers(read(lab, outbox.one_each)) == [[number] for number in range(1, 8)]


def test_each_task_of_a_bundle_has_all_that_a_message_of_its_own_would_have(lab: Lab) -> None:
    lab.submit("short", "short", name="é", max_attempts=3)
    long = "#" * 5000 + "\nf(; n) = n"  # of which messages have only the hash
    for n in (1, 2, 3):
        lab.submit(long, kind="CALL", entry="f", arguments={"n": n}, seed=n, timeout_seconds=5.0)
    bundles = [decode(TaskMessage, body) for body in read(lab).messages["default", 1]]
    alone = [decode(TaskMessage, body) for body in read(lab, outbox.one_each).messages["default", 1]]
    assert len(bundles) == 2
    assert [task for bundle in bundles for task in unbundled(bundle)] == alone


@pytest.mark.parametrize("asked", [
    {"threads": 2}, {"gpus": 1}, {"memory_limit": 1 << 30}, {"env": {"A": "1"}}, {"outputs": ["*.csv"]},
    {"kind": "SESSION"},
], ids=lambda asked: next(iter(asked)))  # fmt: skip
def test_what_asks_for_more_than_a_core_goes_alone(lab: Lab, asked: dict[str, Any]) -> None:
    for _ in range(2):
        lab.submit("1", **asked)
    assert [len(one) for one in numbers(read(lab))] == [1, 1]


def test_what_was_lost_with_its_worker_goes_alone(lab: Lab) -> None:
    worker = lab.join()
    tasks = lab.submit("1", "1", "1")
    lab.publish()
    lab.claim(worker, *tasks[:2])
    lab.clock.advance(100)
    lab.reap()
    assert numbers(read(lab), priority=2) == [[1], [2]]


def test_a_bundle_is_no_longer_than_a_message_should_be(lab: Lab) -> None:
    lab.submit(*["1"] * 4, arguments={"text": "x" * (BUNDLE_BYTES // 2)}, kind="CALL", entry="f")
    assert [len(one) for one in numbers(read(lab))] == [1, 1, 1, 1]
    assert BUNDLE_BYTES < MAX_MESSAGE_BYTES


def test_an_earlier_release_reads_the_first_task_of_a_bundle(lab: Lab) -> None:
    lab.submit("1", "1")
    (body,) = read(lab).messages["default", 1]
    first = decode(TaskMessage, body)
    assert (first.number, first.code) == (1, "1")
    assert encode(bundled([first])) == body


def test_who_serves_a_queue_is_read_with_whether_all_of_them_read_bundles(lab: Lab) -> None:
    lab.join("new", queues=["default", "gpu"], slots=4, bundles=True)
    lab.join("newer", queues=["default"], slots=2, bundles=True)
    gone = lab.join("gone", queues=["default"], slots=100)
    lab.store.write(workers.leave_worker, gone)
    assert lab.store.read(read_serving) == {"default": Serving(6, True), "gpu": Serving(4, True)}
    old = lab.join("old", queues=["gpu"], slots=1)
    assert lab.store.read(read_serving)["gpu"] == Serving(5, False)
    lab.join("old", queues=["gpu"], slots=1, id=old, bundles=True)  # of this release now
    assert lab.store.read(read_serving)["gpu"] == Serving(5, True)


@pytest.fixture
def row(lab: Lab) -> Any:
    """A task that waits."""
    (task,) = lab.submit("1")
    rows: list[Any] = []
    lab.store.read(outbox.read_due, lab.clock.now, (), lambda row, _waiting: rows.append(row) or 1)
    assert rows == []  # nobody is asked about the first
    lab.submit("1")
    lab.store.read(outbox.read_due, lab.clock.now, (), lambda row, _waiting: rows.append(row) or 1)
    assert task.number == 1
    return rows[0]


def known(lab: Lab, seconds: float, row: Any, **worker: Any) -> Bundles:
    """Bundles that know how long such a task takes, and the lab's fleet."""
    lab.join(**{"slots": 4, "bundles": True, **worker})
    found = Bundles(AsyncStore(lab.store))
    found.note([(row.source, row.entry, seconds)])
    asyncio.run(found.look())
    return found


@pytest.mark.parametrize("lab", ["sqlite"], indirect=True)
def test_a_sweep_of_a_few_tasks_is_spread_over_all_slots(lab: Lab, row: Any) -> None:
    bundles = known(lab, 0.001, row)
    assert bundles.most(row, 8) == 1
    assert bundles.most(row, 16) == 2
    assert bundles.most(row, 80) == 10
    assert bundles.most(row, 10_000) == int(module.BUNDLE_S / (0.001 + module.AROUND_S))


@pytest.mark.parametrize("lab", ["sqlite"], indirect=True)
@pytest.mark.parametrize("seconds", [0.02, 1.0, 1e9])
def test_long_tasks_never_go_together(lab: Lab, row: Any, seconds: float) -> None:
    bundles = known(lab, seconds, row)
    assert bundles.most(row, 10_000) == 1
    bundles.note([(row.source, row.entry, 0.0)])  # one that was short says little
    assert bundles.most(row, 10_000) <= 2


@pytest.mark.parametrize("lab", ["sqlite"], indirect=True)
def test_a_task_of_which_nothing_is_known_and_one_beside_an_earlier_worker_go_alone(lab: Lab, row: Any) -> None:
    unknown = Bundles(AsyncStore(lab.store))
    asyncio.run(unknown.look())
    assert unknown.most(row, 10_000) == 1
    assert known(lab, 0.0, row).most(row, 10_000) == module.MOST
    assert known(lab, 0.0, row, bundles=None, name="old").most(row, 10_000) == 1


@pytest.mark.parametrize("lab", ["sqlite"], indirect=True)
def test_what_is_known_is_bounded(lab: Lab, row: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KNOWN", 2)
    bundles = known(lab, 0.0, row)
    bundles.note([("another", None, 0.0), ("a third", None, 0.0)])
    assert bundles.most(row, 10_000) == 1
