"""Links in the store: made, found by their tokens, revoked, expired and forgotten, over SQLite and PostgreSQL."""

from __future__ import annotations

from uuid import uuid4

import pytest
import sqlalchemy as sa
from store_lab import Lab

from taskq_kernel.errors import Forbidden, InvalidTask, NotFound
from taskq_kernel.service.shared.reading import read_batch, read_points, read_task
from taskq_kernel.store import shares
from taskq_kernel.store.bulk_actions import Actor
from taskq_kernel.store.sight import Sight
from taskq_kernel.store.tables import tasks

pytest_plugins = ["store_fixtures"]

ANN, BOB, ROOT = Actor("ann"), Actor("bob"), Actor("root", own_only=False)
DAY_S = 86_400.0


def share(lab: Lab, target: object, actor: Actor = ANN, expires_in_s: float | None = DAY_S) -> tuple[str, str]:
    """A new link; its id and its token."""
    made, token = lab.store.write(shares.create_share, str(target), expires_in_s, actor)
    return made.id, token


def test_a_link_is_found_by_its_token_alone(lab: Lab) -> None:
    [task] = lab.submit(name="a task")
    share_id, token = share(lab, task.id)
    found = lab.store.read(shares.share_of, token)
    assert found is not None
    assert (found.id, found.task, found.batch, found.name) == (share_id, task.number, None, "a task")
    assert found.expires_at == lab.clock.now + DAY_S
    for wrong in (share_id, token[:-1], token.upper(), "", "\x00", "ü"):
        assert lab.store.read(shares.share_of, wrong) is None


def test_who_may_not_see_or_change_may_not_share_either(lab: Lab) -> None:
    [task] = lab.submit()
    with pytest.raises(Forbidden, match=f"task {task.number} belongs to ann"):
        share(lab, task.number, BOB)
    with pytest.raises(NotFound):
        share(lab, uuid4())
    with pytest.raises(InvalidTask):
        share(lab, "no id")
    share_id, _ = share(lab, task.number, ROOT)
    assert [one.id for one in lab.store.read(shares.list_shares, ANN)] == [share_id]
    assert lab.store.read(shares.list_shares, BOB) == []
    with pytest.raises(Forbidden):
        lab.store.write(shares.revoke_share, share_id, BOB)
    first = lab.store.write(shares.revoke_share, share_id, ANN).revoked_at
    lab.clock.advance(60)
    assert lab.store.write(shares.revoke_share, share_id.upper(), ROOT).revoked_at == first


def test_a_link_outlives_what_it_shows_and_is_forgotten_long_after_its_end(lab: Lab) -> None:
    [task, other] = lab.submit("1", "2")
    _, token = share(lab, task.number)
    _, forever = share(lab, task.number, expires_in_s=None)
    lab.bulk_action("delete", task)
    found = lab.store.read(shares.share_of, token)
    assert found is not None
    assert (found.task, found.name) == (task.number, None)
    lab.clock.advance(shares.REMEMBERED_S + 2 * DAY_S)
    share(lab, other.number)
    assert lab.store.read(shares.share_of, token) is None
    assert lab.store.read(shares.share_of, forever) is not None


def test_what_a_page_shows_is_read_from_either_database(lab: Lab) -> None:
    batch = str(uuid4())
    together = lab.submit("1", "2", "3", batch=batch)
    worker = lab.join()
    lab.claim(worker, *together[:2])
    lab.finish(together[0], worker)
    lab.fail(together[1], worker)
    lab.submit("4", batch=batch, owner="bob")
    read = lab.store.read(read_batch, batch, Sight("ann"), 1, lab.clock.now)
    assert {status: count for status, count in read.counts.items() if count} == {
        "FINISHED": 1, "FAILED": 1, "QUEUEING": 1,
    }
    points = lab.store.read(read_points, read, -1, 2)
    points += lab.store.read(read_points, read, points[-1].number, 2)
    assert [row.number for row in points] == [task.number for task in together]
    assert [row.value_json for row in points] == ["2", None, None]
    task = lab.store.read(read_task, together[1].number).task
    assert (task.error_name, task.code) == ("DomainError", "2")
    with pytest.raises(NotFound):
        lab.store.read(read_batch, batch, Sight("nobody"), 1, lab.clock.now)


def test_of_tasks_that_were_submitted_together_only_those_in_sight_are_read(lab: Lab) -> None:
    batch = str(uuid4())
    made, _free = lab.submit("1", "2", batch=batch)
    of_recipe = sa.update(tasks).where(tasks.c.number == made.number).values(recipe="ising")
    lab.store.write(lambda write: write.conn.execute(of_recipe))
    read = lab.store.read(read_batch, batch, Sight("ann", recipes_only=True), 1, lab.clock.now)
    assert (read.total, [row.number for row in read.points]) == (1, [made.number])
    assert [row.number for row in lab.store.read(read_points, read, -1, 10)] == [made.number]
