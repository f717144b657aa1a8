"""The cache of tasks by itself: rows by id, where the feed started, and who waits."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any

import pytest
from client_lab import FakeService

from taskq_kernel.client import operations
from taskq_kernel.client.feed import Changes
from taskq_kernel.client.task_cache import Cursor, Entry, TaskCache


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def cache(service: FakeService) -> TaskCache:
    def read(ids: Sequence[str]) -> list[dict[str, Any]]:
        return operations.get_many(service.transport, ids, operations.FEED)

    return TaskCache(service.feed, read)


def test_whoever_looks_at_a_task_holds_the_same_entry_which_goes_with_the_last(
    service: FakeService, cache: TaskCache
) -> None:
    row = service.add()
    entry = cache.track(row)
    assert cache.track(dict(row)) is entry
    cache.put([row | {"status": "RUNNING", "version": row["version"] + 1}])
    assert entry.row["status"] == "RUNNING"
    del entry
    gc.collect()
    assert len(cache._entries) == 0


def test_its_cursor_names_the_version_and_the_database_where_the_feed_started(
    service: FakeService, cache: TaskCache
) -> None:
    service.feed.arrive(Changes(7, anew=True, database="one"))
    service.feed.arrive(Changes(9))
    assert (cache.state, cache.cursor) == ("following", Cursor("one", 7))
    service.feed.enter("away", "gone")
    assert (cache.state, cache.cursor) == ("away", Cursor("one", 7))


def test_once_it_is_closed_nobody_waits_and_nothing_opens_it_again(service: FakeService, cache: TaskCache) -> None:
    entry, woken = cache.track(service.add()), list[Entry]()
    cache.wait_for([entry], woken.append)
    assert woken == []
    cache.close()
    assert woken == [entry]
    cache.wait_for([entry], woken.append)
    service.connect_feed()
    assert (woken, cache.state) == ([entry, entry], "closed")


def test_a_task_that_is_told_to_be_deleted_while_it_is_read_is_deleted(
    service: FakeService, cache: TaskCache
) -> None:
    rows = [service.add(), service.add()]
    service.connect_feed()
    with cache.reading():
        service.delete(rows[0]["id"])
        assert [cache.track(row).deleted for row in rows] == [True, False]


def test_a_task_whose_row_was_read_before_it_ended_is_read_again_by_whoever_waits(
    service: FakeService, cache: TaskCache
) -> None:
    service.connect_feed()
    early = dict(service.add(status="RUNNING"))
    service.finish(early["id"])  # the feed tells it, and nobody here has the task
    entry, woken = cache.track(early), list[Entry]()
    cache.wait_for([entry], woken.append)
    assert (woken, entry.row["status"]) == ([entry], "FINISHED")
