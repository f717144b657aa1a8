"""The source of every live view: what changed since a version."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest
from store_lab import EVERYTHING, Lab

from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import ServiceError
from taskq_kernel.store import Store, upgrade
from taskq_kernel.store.create import create_tasks
from taskq_kernel.store.database import current_version, database_id
from taskq_kernel.store.feed import MAX_CHANGES, check_database, read_changes
from taskq_kernel.store.filters import TaskFilter
from taskq_kernel.store.made import Changes
from taskq_kernel.store.submission import check_all

pytest_plugins = ["store_fixtures"]


def changes(lab: Lab, since: int, task_filter: TaskFilter | None = None) -> Changes:
    return lab.store.read(read_changes, since, task_filter, EVERYTHING)


def test_nothing_changed_says_so_with_the_version(lab: Lab) -> None:
    here = lab.store.read(database_id)
    assert changes(lab, 0) == Changes(0, [], [], more=False, database=here)
    lab.submit()
    assert changes(lab, 1) == Changes(1, [], [], more=False, database=here)


def test_every_database_has_an_id_and_a_cursor_of_another_is_refused(tmp_path: Path) -> None:
    stores = []
    for name in ("one", "other"):
        upgrade(f"sqlite:///{tmp_path / name}.db")
        stores.append(Store(f"sqlite:///{tmp_path / name}.db"))
    one, other = (store.read(database_id) for store in stores)
    assert UUID(one) != UUID(other)
    stores[0].read(check_database, one)
    with pytest.raises(ServiceError, match="of another database") as refused:
        stores[0].read(check_database, other)
    assert refused.value.code == "OTHER_DATABASE"
    for store in stores:
        store.close()


def test_a_task_that_changed_often_comes_once_as_it_is_now(lab: Lab) -> None:
    [task] = lab.submit()
    seen = changes(lab, 0).version
    worker = lab.join()
    lab.claim(worker, task)
    lab.finish(task, worker)
    news = changes(lab, seen)
    assert [(row.number, row.status) for row in news.tasks] == [(1, "FINISHED")]
    assert news.version == 3


def test_deleted_tasks_are_named(lab: Lab) -> None:
    kept, gone = lab.submit("1", "2")
    lab.bulk_action("delete", gone)
    news = changes(lab, 0)
    assert ([row.number for row in news.tasks], news.deleted) == ([kept.number], [gone.id])


def test_many_changes_come_in_parts_that_lose_nothing(lab: Lab) -> None:
    lab.submit(*["1"] * (2 * MAX_CHANGES + 7))
    cursor, sizes, seen = 0, [], set()
    while True:
        part = changes(lab, cursor)
        sizes.append(len(part.tasks))
        seen.update(row.number for row in part.tasks)
        cursor = part.version
        if not part.more:
            break
    assert sizes == [MAX_CHANGES, MAX_CHANGES, 7]
    assert len(seen) == 2 * MAX_CHANGES + 7
    assert cursor == lab.store.read(current_version)


def test_an_event_ends_early_when_its_texts_are_long_and_nothing_is_left_out(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taskq_kernel.store.feed.MAX_CHARACTERS", 10_000)
    lab.submit(*["#" * 4_000 + f"\n{number}" for number in range(8)])
    seen, sizes, cursor = [], [], 0
    while True:
        found = changes(lab, cursor)
        seen += [task.number for task in found.tasks]
        sizes.append(len(found.tasks))
        cursor = found.version
        if not found.more:
            break
    assert sizes == [3, 3, 2]
    assert seen == list(range(1, 9))
    assert lab.store.read(read_changes, 0, None, frozenset()).more is False, "without the code they are short"


def test_a_filter_applies_to_tasks_and_not_to_deleted_ones(lab: Lab) -> None:
    mine, theirs, gone = lab.submit("1")[0], lab.submit("2", owner="bob")[0], lab.submit("3", owner="bob")[0]
    lab.bulk_action("delete", gone, admin=True)
    news = changes(lab, 0, TaskFilter(owner="ann"))
    assert ([row.id for row in news.tasks], news.deleted) == ([mine.id], [gone.id])
    assert news.version == lab.store.read(current_version)
    news = changes(lab, 0, TaskFilter(status=[TaskStatus.QUEUEING], owner="bob"))
    assert [row.id for row in news.tasks] == [theirs.id]


def test_a_cursor_from_another_database_is_refused(lab: Lab) -> None:
    lab.submit()
    with pytest.raises(ServiceError, match="ahead of this service's 1") as refused:
        changes(lab, 2)
    assert refused.value.code == "CURSOR_TOO_NEW"


def test_every_change_has_a_version_of_its_own(lab: Lab) -> None:
    tasks = lab.submit("1", "2", "3", max_attempts=2)
    worker = lab.join()
    versions = {task.version for task in tasks}
    for step in (
        lambda: lab.claim(worker, *tasks), lambda: lab.fail(tasks[0], worker),
        lambda: lab.finish(tasks[1], worker), lambda: lab.bulk_action("cancel", *tasks),
        lambda: lab.bulk_action("retry", *tasks), lambda: lab.bulk_action("delete", *tasks),
    ):
        before = lab.store.read(current_version)
        step()
        after = lab.store.read(current_version)
        with lab.store.reader.begin() as conn:
            new = conn.exec_driver_sql(f"SELECT version FROM tasks WHERE version > {before}").scalars().all()
        assert len(new) == len(set(new))
        assert max(new) == after
        versions.update(new)


def test_with_several_writers_no_change_becomes_visible_after_a_later_one(lab: Lab) -> None:
    """A follower with a cursor sees every task, while several stores write at once."""
    writers = [Store(lab.store.url.render_as_string(hide_password=False)) for _ in range(3)]
    per_writer, seen, stop = 15, set(), threading.Event()

    def write(store: Store, owner: str) -> None:
        for _ in range(per_writer):
            store.write(create_tasks, check_all([{"code": "1"}] * 3), owner, frozenset())

    def follow() -> None:
        cursor = 0
        while not (stop.is_set() and cursor == lab.store.read(current_version)):
            part = changes(lab, cursor)
            assert all(row.version > cursor for row in part.tasks)
            seen.update(row.number for row in part.tasks)
            cursor = part.version

    with ThreadPoolExecutor() as pool:
        follower = pool.submit(follow)
        done = [pool.submit(write, store, f"writer {place}") for place, store in enumerate(writers)]
        try:
            for job in done:
                job.result(timeout=30)
        finally:
            stop.set()
        follower.result(timeout=30)
    for store in writers:
        store.close()
    assert seen == set(range(1, 3 * 3 * per_writer + 1))
