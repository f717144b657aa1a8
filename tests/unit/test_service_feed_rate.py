"""How often the live feed reads the database, and for whom."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import pytest

from taskq_kernel.service import feed as feed_module
from taskq_kernel.service.feed import SPACING_S, Feed
from taskq_kernel.store.database import current_version
from taskq_kernel.store.filters import TaskFilter
from taskq_kernel.store.made import Changes
from taskq_kernel.store.sight import Sight

WANTS = frozenset({"id"})


class CountedStore:
    """Has a version, and the changes that each owner made; counts the readings of each."""

    def __init__(self) -> None:
        self.version = 0
        self.changes: list[tuple[int, str]] = []
        self.reads: Counter[str | None] = Counter()

    def commit(self, owner: str) -> int:
        self.version += 1
        self.changes.append((self.version, owner))
        return self.version

    async def read(self, operation: Any, since: int = 0, chosen: TaskFilter | None = None, _wants: Any = None) -> Any:
        if operation is current_version:
            return self.version
        owner = chosen.visible_to.owner if chosen and chosen.visible_to else None
        self.reads[owner] += 1
        await asyncio.sleep(0.001)
        mine = [at for at, who in self.changes if at > since and owner in (None, who)]
        return Changes(self.version, mine, [], more=False)


async def _collect(feed: Feed, owner: str | None, got: list[Changes]) -> None:
    chosen = None if owner is None else TaskFilter(visible_to=Sight(owner), status=[])
    async for event in feed.follow(None, chosen, WANTS):
        got.append(event)  # noqa: PERF401  (each as it comes)


async def _until(condition: Any) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.001)


async def _followed(owners: list[str | None], scenario: Any) -> list[list[Changes]]:
    """Run a scenario while each of these has a subscription; what each was told."""
    store = CountedStore()
    feed = Feed(store)  # type: ignore[arg-type]
    told: list[list[Changes]] = [[] for _ in owners]
    followers = [asyncio.create_task(_collect(feed, *pair)) for pair in zip(owners, told, strict=True)]
    await _until(lambda: all(told))
    await scenario(store, feed, told)
    feed.close()
    await asyncio.gather(*followers)
    return told


def test_many_commits_of_others_cost_a_filtered_subscriber_few_readings() -> None:
    async def scenario(store: CountedStore, feed: Feed, _told: Any) -> None:
        store.reads.clear()
        began = time.monotonic()
        for _ in range(304):
            feed.advance(store.commit("somebody else"))
            await asyncio.sleep(0.001)
        took = time.monotonic() - began
        assert max(store.reads.values()) <= 2 + took / SPACING_S

    told = asyncio.run(_followed([f"user {number}" for number in range(10)], scenario))
    assert [len(events) for events in told] == [1] * 10


def test_an_own_change_among_those_of_others_is_told_all_the_same() -> None:
    async def scenario(store: CountedStore, feed: Feed, told: list[list[Changes]]) -> None:
        for place in range(200):
            feed.advance(store.commit("ann" if place == 150 else "somebody else"))
            await asyncio.sleep(0)
        await _until(lambda: len(told[0]) == 2)

    ((_first, second),) = asyncio.run(_followed(["ann"], scenario))
    assert second.tasks == [151]


def test_those_who_ask_for_the_same_with_a_filter_share_a_reading() -> None:
    async def scenario(store: CountedStore, feed: Feed, told: list[list[Changes]]) -> None:
        store.reads.clear()
        feed.advance(store.commit("ann"))
        await _until(lambda: all(len(events) == 2 for events in told))
        assert store.reads == {"ann": 1}

    asyncio.run(_followed(["ann"] * 10, scenario))


def test_changes_that_end_no_task_are_told_with_the_one_that_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "COMPANY_S", 3600.0)

    async def scenario(store: CountedStore, feed: Feed, told: list[list[Changes]]) -> None:
        store.reads.clear()
        for _ in range(2):
            feed.advance(store.commit("ann"), ended=False)
            for _ in range(5):  # whoever is woken runs
                await asyncio.sleep(0)
        assert not store.reads
        feed.advance(store.commit("ann"))
        await _until(lambda: len(told[0]) == 2)

    ((_first, second),) = asyncio.run(_followed(["ann"], scenario))
    assert second.tasks == [1, 2, 3]


def test_a_change_that_ends_no_task_is_told_a_moment_later() -> None:
    async def scenario(store: CountedStore, feed: Feed, told: list[list[Changes]]) -> None:
        feed.advance(store.commit("ann"), ended=False)
        await _until(lambda: len(told[0]) == 2)
        feed.advance(store.commit("ann"), ended=False)
        await _until(lambda: len(told[0]) == 3)

    ((_first, second, third),) = asyncio.run(_followed(["ann"], scenario))
    assert (second.tasks, third.tasks) == ([1], [2])
