"""Which queues have tasks that wait, and no worker that would take them."""

from __future__ import annotations

from store_lab import Lab

from taskq_kernel.store import workers
from taskq_kernel.store.waiting import served_queues, unserved_queues

pytest_plugins = ["store_fixtures"]


def unserved(lab: Lab, owner: str | None = None) -> list[str]:
    return lab.store.read(unserved_queues, owner)


def test_a_queue_without_a_worker_counts_as_soon_as_a_task_waits_in_it(lab: Lab) -> None:
    assert unserved(lab) == []
    for queue in ("gpu", "default", "gpu", "big"):
        lab.submit(queue=queue)
    assert unserved(lab) == ["big", "default", "gpu"]
    worker = lab.join(queues=["default", "gpu"])
    assert unserved(lab) == ["big"]
    assert lab.store.read(served_queues) == {"default", "gpu"}
    lab.store.write(workers.drain_worker, worker)
    assert unserved(lab) == ["big", "default", "gpu"], "a worker that drains takes nothing"


def test_tasks_that_are_done_or_gone_wait_for_nobody(lab: Lab) -> None:
    cancelled, deleted = lab.submit(queue="gpu")[0], lab.submit(queue="big")[0]
    lab.bulk_action("cancel", cancelled)
    lab.bulk_action("delete", deleted)
    assert unserved(lab) == []


def test_of_private_tasks_each_owner_hears_of_its_own_queues(lab: Lab) -> None:
    lab.submit(queue="gpu", owner="ann")
    lab.submit(queue="big", owner="bob")
    assert unserved(lab, "ann") == ["gpu"]
    assert unserved(lab) == ["big", "gpu"]
