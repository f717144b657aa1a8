"""What the store shows to one owner alone, on SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest
from store_lab import Lab

from taskq_kernel.domain import Role, TaskStatus
from taskq_kernel.errors import InvalidTask, NotFound
from taskq_kernel.store import bulk_actions, tokens
from taskq_kernel.store.blob_refs import has_value
from taskq_kernel.store.feed import read_changes
from taskq_kernel.store.filters import TaskFilter
from taskq_kernel.store.outcomes import Value
from taskq_kernel.store.pages import read_page
from taskq_kernel.store.records import get_task
from taskq_kernel.store.sight import Sight
from taskq_kernel.store.statistics import read_statistics
from taskq_kernel.store.window import Window

pytest_plugins = ["store_fixtures"]

EVERYTHING = frozenset({"totalCount", "tasks"})
REF = "a" * 64


def seen_by(owner: str | None) -> Sight | None:
    """What an owner sees where tasks are private; None: everything."""
    return None if owner is None else Sight(owner)


@pytest.fixture
def scene(lab: Lab) -> dict[str, Any]:
    """Of ann: a finished, a failed, a running and a waiting task. Of bob: a running and a deleted one."""
    worker = lab.join(slots=8)
    done, failed, runs, waits = lab.submit("1", "2", "3", "4", owner="ann")
    other, gone = lab.submit("5", "6", owner="bob")
    lab.claim(worker, done, failed, runs, other)
    lab.record(lab.outcome(done, worker, value=Value("JSON", "Vector", "v", None, REF, 9, "")))
    lab.fail(failed, worker)
    lab.bulk_action("delete", gone, actor="bob")
    return {"done": done, "waits": waits, "other": other, "gone": gone}


def test_tasks_of_others_are_not_listed_found_or_told_of(lab: Lab, scene: dict[str, Any]) -> None:
    def listed(owner: str | None) -> int | None:
        return lab.store.read(read_page, TaskFilter(visible_to=seen_by(owner)), [], Window(), EVERYTHING).total

    assert (listed("ann"), listed("bob"), listed("eve"), listed(None)) == (4, 1, 0, 5)
    assert lab.store.read(get_task, scene["done"].id, EVERYTHING, Sight("ann")).number == scene["done"].number
    for name in (scene["done"].id, str(scene["done"].number)):
        with pytest.raises(NotFound, match=f"no task has the id {name}"):
            lab.store.read(get_task, name, EVERYTHING, Sight("bob"))
    told = {
        owner: lab.store.read(read_changes, 0, TaskFilter(visible_to=seen_by(owner)), EVERYTHING)
        for owner in ("ann", "bob", None)
    }
    assert {owner: (len(one.tasks), one.deleted) for owner, one in told.items()} == {
        "ann": (4, []), "bob": (1, [scene["gone"].id]), None: (5, [scene["gone"].id]),
    }


@pytest.mark.parametrize("verb", ["cancel", "retry", "delete"])
def test_changing_the_task_of_another_is_as_changing_none(lab: Lab, scene: dict[str, Any], verb: str) -> None:
    operation = getattr(bulk_actions, f"{verb}_tasks")
    selection = bulk_actions.Selection(ids=[scene["other"].id, scene["waits"].id])
    with pytest.raises(NotFound, match=f"no task has the id {scene['other'].id}: there never"):
        lab.store.write(operation, selection, bulk_actions.Actor("ann", visible_to=Sight("ann")), EVERYTHING)
    assert lab.task(scene["waits"]).status == TaskStatus.QUEUEING


def test_statistics_of_one_owner_count_own_tasks_and_the_whole_fleet(lab: Lab, scene: dict[str, Any]) -> None:
    read = {owner: lab.store.read(read_statistics, lab.clock.now, owner) for owner in ("ann", "bob", None)}
    assert {owner: sum(one.counts.values()) for owner, one in read.items()} == {"ann": 4, "bob": 1, None: 5}
    assert {(one.busy, one.slots, one.workers_online) for one in read.values()} == {(2, 8, 1)}
    assert {owner: one.last_hour[-1][1:] for owner, one in read.items()} == {
        "ann": (1, 1), "bob": (0, 0), None: (1, 1),
    }
    assert {owner: one.finished_per_minute for owner, one in read.items()} == {"ann": 2, "bob": 0, None: 2}
    assert [at for at, *_ in read["ann"].last_hour] == [at for at, *_ in read[None].last_hour]
    assert read["ann"].outbox_length + read["bob"].outbox_length == read[None].outbox_length


def test_a_value_is_of_those_who_have_a_task_with_it(lab: Lab, scene: dict[str, Any]) -> None:
    assert [lab.store.read(has_value, Sight(owner), REF) for owner in ("ann", "bob")] == [True, False]
    lab.bulk_action("delete", scene["done"])
    assert not lab.store.read(has_value, Sight("ann"), REF)


def test_a_token_is_issued_for_a_time_and_revoked_once(lab: Lab) -> None:
    kept, secret = lab.store.write(tokens.issue_token, "ann", Role.USER, 60.0)
    assert (kept.name, kept.role, kept.expires_at, kept.revoked_at) == ("ann", "user", lab.clock.now + 60, None)
    digest = tokens.hash_token(secret)
    assert lab.store.read(tokens.identity_of, digest, lab.clock.now + 59) == tokens.Identity("ann", Role.USER)
    assert lab.store.read(tokens.identity_of, digest, lab.clock.now + 60) is None
    first = lab.store.write(tokens.revoke_token, kept.id).revoked_at
    lab.clock.advance(5)
    assert lab.store.write(tokens.revoke_token, kept.id).revoked_at == first
    assert lab.store.read(tokens.identity_of, digest, lab.clock.now) is None
    assert [tuple(row) for row in lab.store.read(tokens.list_tokens)] == [
        (kept.id, "ann", "user", kept.created_at, kept.expires_at, first)
    ]


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("inf"), float("nan"), 1e12])
def test_a_time_that_cannot_be_used_makes_no_token(lab: Lab, seconds: float) -> None:
    with pytest.raises(InvalidTask, match="expiresInSeconds is"):
        lab.store.write(tokens.issue_token, "ann", Role.USER, seconds)
    assert lab.store.read(tokens.list_tokens) == []


@pytest.mark.parametrize("name", ["", " ", "x" * 201, "a\nb", "a\x00b", "a\x1b[31m", "a\u202eb"])
def test_a_name_that_would_not_stand_well_in_a_log_makes_no_token(lab: Lab, name: str) -> None:
    with pytest.raises(InvalidTask, match="printable characters"):
        lab.store.write(tokens.issue_token, name, Role.USER, None)
