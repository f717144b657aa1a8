"""The texts of Julia's manifests in the task database: each once, and as long as a task names it."""

from __future__ import annotations

import sqlalchemy as sa
from store_lab import Lab

from taskq_kernel.store.manifests import UNUSED_S, forget_unused_manifests, manifests_of
from taskq_kernel.store.tables import manifests

pytest_plugins = ["store_fixtures"]

SHA256 = "a" * 64


def test_the_text_that_one_outcome_brings_is_that_of_all_tasks_with_its_hash(lab: Lab) -> None:
    worker, tasks = lab.join(), lab.submit("1", "1", "1")
    lab.claim(worker, *tasks)
    texts = ("packages", None, None)
    for task, sha256, text in zip(tasks, (SHA256, SHA256, "b" * 64), texts, strict=True):
        lab.record(lab.outcome(task, worker, manifest_sha256=sha256, manifest=text))
    numbers = [task.number for task in tasks]
    assert lab.store.read(manifests_of, numbers) == dict(zip(numbers, ("packages", "packages", None), strict=True))
    assert [lab.task(task).manifest_sha256 for task in tasks] == [SHA256, SHA256, "b" * 64]


def test_a_text_goes_once_no_task_names_it_and_no_worker_has_told_it_for_a_day(lab: Lab) -> None:
    worker, [task] = lab.join(), lab.submit("1")
    lab.claim(worker, task)
    lab.record(lab.outcome(task, worker, manifest_sha256=SHA256, manifest="packages"))

    def there() -> bool:
        lab.store.write(forget_unused_manifests, lab.clock() - UNUSED_S)
        with lab.store.reader.begin() as conn:
            return conn.execute(sa.select(manifests.c.text)).scalars().all() == ["packages"]

    lab.clock.advance(UNUSED_S + 1)
    assert there()
    other = lab.submit("2")[0]
    lab.claim(worker, other)
    lab.record(lab.outcome(other, worker, manifest_sha256=SHA256, manifest="packages"))
    lab.bulk_action("delete", task, other)
    assert there()
    lab.clock.advance(UNUSED_S + 1)
    assert not there()


def test_a_retry_forgets_which_packages_the_attempt_before_had(lab: Lab) -> None:
    worker, [task] = lab.join(), lab.submit("1")
    lab.claim(worker, task)
    lab.fail(task, worker, manifest_sha256=SHA256)
    assert lab.task(task).manifest_sha256 == SHA256
    lab.bulk_action("retry", task)
    assert lab.task(task).manifest_sha256 is None
