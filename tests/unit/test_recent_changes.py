"""Changes that the live feed has from memory are those that the database would give."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from store_lab import EVERYTHING, Lab

from taskq_kernel.service.recent_changes import FEW, FEW_CHARACTERS, RecentChanges
from taskq_kernel.store import Write
from taskq_kernel.store.feed import read_changes
from taskq_kernel.store.filters import TaskFilter
from taskq_kernel.store.made import Changes
from taskq_kernel.store.sight import Sight

pytest_plugins = ["store_fixtures"]


@pytest.fixture
def recent(lab: Lab) -> RecentChanges:
    """What is kept of every transaction of the lab's store from now on."""
    kept = RecentChanges()

    def read(write: Write) -> None:
        changes = RecentChanges.read(write, EVERYTHING)
        write.changes = None if changes is None else (EVERYTHING, changes)

    def note(write: Write) -> None:
        wants, changes = write.changes or (EVERYTHING, None)
        kept.note(write.since, write.version, wants, changes)

    lab.store.before_commit.append(read)
    lab.store.on_commit.append(note)
    return kept


def told(changes: Changes) -> tuple[Any, ...]:
    return changes.version, [tuple(row) for row in changes.tasks], changes.deleted, changes.database  # type: ignore[arg-type]  # rows


def from_database(lab: Lab, cursor: int, sight: Sight | None = None) -> Changes:
    chosen = None if sight is None else TaskFilter(visible_to=sight)
    return lab.store.read(read_changes, cursor, chosen, EVERYTHING)


def play(lab: Lab, moves: random.Random) -> list[Callable[[], object]]:
    """Something that happens to tasks, at random."""
    worker = lab.join()
    tasks: list[Any] = []

    def submit() -> None:
        tasks.extend(lab.submit(*["1"] * moves.randint(1, 3), owner=moves.choice(("ann", "bob"))))

    def claim() -> None:
        lab.claim(worker, *moves.sample(tasks, min(2, len(tasks))))

    def finish() -> None:
        for task in moves.sample(tasks, min(2, len(tasks))):
            lab.finish(task, worker)

    def cancel() -> None:
        for task in moves.sample(tasks, min(1, len(tasks))):
            lab.bulk_action("cancel", task, admin=True)

    return [submit, claim, finish, cancel]


def test_whatever_happens_memory_tells_what_the_database_does_for_every_cursor(
    lab: Lab, recent: RecentChanges
) -> None:
    moves = random.Random(1)
    acts = play(lab, moves)
    acts[0]()
    compared = 0
    for turn in range(40):
        moves.choice(acts)()
        version = lab.store.read(read_changes, 0, None, frozenset()).version
        # Those who follow closely each time, those who are further behind now and then.
        for cursor in range(0 if turn % 10 == 9 else max(0, version - 10), version):
            for sight in (None, Sight(), Sight("ann")):
                kept = recent.after(cursor, EVERYTHING, sight)
                if kept is not None:
                    compared += 1
                    assert told(kept) == told(from_database(lab, cursor, sight))
    assert compared > 100


def test_a_gap_empties_it_and_it_goes_on_from_there(lab: Lab, recent: RecentChanges) -> None:
    lab.submit()
    (gone,) = lab.submit()
    before = gone.version
    for gap in (
        lambda: lab.bulk_action("delete", gone),  # whose it was, a feed cannot tell by its id
        lambda: lab.submit(*["1"] * (FEW + 1)),
        lambda: recent.note(from_database(lab, 0).version, 10**6, EVERYTHING, None),  # of another process
    ):
        gap()
        assert recent.after(before, EVERYTHING, None) is None
    assert recent.after(10**6, EVERYTHING, None) is None


def test_who_asks_for_more_than_was_read_and_who_is_further_behind_reads_the_database(
    lab: Lab, recent: RecentChanges
) -> None:
    (first,) = lab.submit()
    (second,) = lab.submit()
    assert recent.after(first.version, EVERYTHING | {"another"}, None) is None
    assert recent.after(first.version, frozenset(), None) is not None
    assert recent.after(second.version, EVERYTHING, None) is None  # there is nothing after it
    assert recent.after(-1, EVERYTHING, None) is None
    assert recent.after(first.version, EVERYTHING, Sight(recipes_only=True)) is None


def test_what_is_kept_is_bounded(lab: Lab, recent: RecentChanges, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taskq_kernel.service.recent_changes.MAX_CHANGES", 3)
    versions = [lab.submit()[0].version for _ in range(5)]
    assert recent.after(versions[0], EVERYTHING, None) is None
    kept = recent.after(versions[1], EVERYTHING, None)
    assert kept is not None
    assert [row.version for row in kept.tasks] == versions[2:]


def test_long_texts_are_not_kept(lab: Lab, recent: RecentChanges, monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = lab.submit()
    lab.submit("#" * (FEW_CHARACTERS + 1))
    assert recent.after(first.version, EVERYTHING, None) is None
    monkeypatch.setattr("taskq_kernel.service.recent_changes.KEPT_CHARACTERS", 250)
    versions = [lab.submit("#" * 100)[0].version for _ in range(4)]
    assert recent.after(versions[0], EVERYTHING, None) is None
    kept = recent.after(versions[2], EVERYTHING, None)
    assert kept is not None
    assert [row.version for row in kept.tasks] == versions[3:]
