"""Tasks that a worker can never run: who gets them, how long they wait, and what is said of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa
from store_lab import Lab
from store_plans import executed
from test_why import Rabbit

from taskq_kernel.domain import WhyKind
from taskq_kernel.errors import InvalidTask, ServiceError
from taskq_kernel.messages import TaskMessage, decode
from taskq_kernel.project_manifest import ProjectFile, ProjectManifest
from taskq_kernel.service.async_store import AsyncStore
from taskq_kernel.service.waiting import Waiting
from taskq_kernel.service.why import Reason
from taskq_kernel.store.declined import LATER_S, SOON_S, decline_tasks
from taskq_kernel.store.outbox import read_due
from taskq_kernel.store.projects import register_project
from taskq_kernel.store.tables import workers

pytest_plugins = ["store_fixtures"]


def why(lab: Lab, task: Any) -> Reason:
    return asyncio.run(Waiting(AsyncStore(lab.store), Rabbit()).why(lab.task(task)))


def decline(lab: Lab, worker: str, *tasks: Any) -> int:
    return lab.store.write(decline_tasks, worker, [task.id for task in tasks])


def test_what_another_worker_can_run_is_handed_over_again_soon(lab: Lab) -> None:
    small, _large = lab.join("small", slots=2), lab.join("large", slots=2, cores=16)
    [task] = lab.submit(threads=8)
    assert lab.publish() == [task.number]
    assert decline(lab, small, task) == 1
    assert lab.waiting() == []
    lab.clock.advance(SOON_S)
    assert lab.waiting() == [task.number]


def test_what_nobody_can_run_waits_for_a_worker_that_can(lab: Lab) -> None:
    small = lab.join("small", slots=2)
    [task], [plain] = lab.submit(threads=8), lab.submit()
    lab.publish()
    decline(lab, small, task)
    lab.clock.advance(LATER_S / 2)
    assert lab.waiting() == []
    lab.join("elsewhere", slots=64, queues=["other"])
    assert lab.waiting() == []
    large = lab.join("large", slots=64)
    assert lab.publish() == [task.number]
    assert sorted(lab.claim(large, task, plain)) == sorted([(task.id, 1), (plain.id, 1)])


def test_a_retry_that_is_not_due_is_not_hurried_by_a_worker_that_joins(lab: Lab) -> None:
    worker = lab.join()
    [task] = lab.submit(threads=2, max_attempts=2)
    lab.claim(worker, task)
    lab.fail(task, worker)
    lab.join("another")
    assert lab.waiting() == []


def test_what_is_cancelled_or_runs_already_is_not_handed_over_again(lab: Lab) -> None:
    worker = lab.join()
    cancelled, running, gone = lab.submit("1", "2", "3", threads=8)
    lab.bulk_action("cancel", cancelled)
    lab.bulk_action("cancel", gone)
    lab.bulk_action("delete", gone)
    lab.claim(worker, running)
    assert decline(lab, worker, cancelled, running, gone) == 0
    lab.clock.advance(LATER_S)
    assert lab.waiting() == []


def test_many_are_declined_with_no_more_statements_than_a_few(lab: Lab) -> None:
    worker = lab.join(slots=2)
    lab.join("large", slots=2, cores=16)
    few, many = lab.submit("1", "2", threads=8), lab.submit(*map(str, range(40)), threads=32)
    lab.publish()
    with executed(lab.store.writer) as statements:
        decline(lab, worker, *few)
    with executed(lab.store.writer) as of_many:
        assert decline(lab, worker, *many) == 40
    assert len(of_many) <= len(statements)
    lab.clock.advance(LATER_S)
    assert sorted(lab.waiting()) == [task.number for task in (*few, *many)]


def test_only_a_worker_that_holds_a_lease_may_decline(lab: Lab) -> None:
    [task] = lab.submit(threads=8)
    with pytest.raises(ServiceError, match="no worker has the id"):
        decline(lab, "5c8bd1a2-7f0e-4a54-9a3c-3a8c1f1f2a11", task)


def test_a_worker_with_the_memory_or_the_julia_is_waited_for_and_what_is_lacking_is_said(lab: Lab) -> None:
    small = lab.join("small", slots=2, memory=8 << 30, julias=["1.12.1", "1.10.4"])
    manifest = ProjectManifest([ProjectFile("a.jl", "a" * 64, 1)])
    lab.store.write(register_project, "b" * 64, manifest, "ann", ["1.11.3"])
    [large] = lab.submit(memory_limit=9 << 30)
    [fits], [other] = lab.submit(memory_limit=8 << 30), lab.submit(project="b" * 64)
    lab.publish()
    assert why(lab, fits).kind is WhyKind.STARTING
    assert why(lab, large) == Reason(WhyKind.UNSERVED, (
        "it needs 9 GiB of memory, and no worker of the queue 'default' has so much: the most that one has is 8 GiB of "
        "memory; ask for less, or start a worker that has it"
    ))
    assert why(lab, other).sentence == (
        "its project's Manifest was made with Julia 1.11, and no worker of the queue 'default' has that: they have "
        "1.10.4, 1.12.1; start one with it (taskq worker --julia PATH), or make the Manifest anew with one of these"
    )
    assert decline(lab, small, large, other) == 2
    lab.clock.advance(LATER_S / 2)
    assert lab.waiting() == []
    lab.join("large", slots=2, memory=16 << 30, julias=["1.11.5"])
    assert sorted(lab.waiting()) == [large.number, other.number]
    assert why(lab, other).kind is WhyKind.STARTING


def test_what_each_worker_has_a_part_of_is_said_to_be_with_none(lab: Lab) -> None:
    lab.join("one", slots=2, cores=8, memory=1 << 30, julias=["1.12.1"])
    lab.join("two", slots=2, cores=1, memory=9 << 30, julias=["1.11.3"])
    manifest = ProjectManifest([ProjectFile("a.jl", "a" * 64, 1)])
    lab.store.write(register_project, "b" * 64, manifest, "ann", ["1.12"])
    [task] = lab.submit(threads=4, memory_limit=4 << 30, project="b" * 64)
    assert "it needs 4 cores, 4 GiB of memory and Julia 1.12, and" in why(lab, task).sentence
    assert ": none has all of it;" in why(lab, task).sentence


def test_memory_that_running_tasks_have_is_not_free(lab: Lab) -> None:
    worker = lab.join(slots=4, memory=8 << 30)
    [first], [second] = lab.submit(memory_limit=6 << 30), lab.submit(memory_limit=6 << 30)
    lab.publish()
    lab.claim(worker, first)
    assert why(lab, second).sentence.startswith("it needs 6 GiB of memory, and no worker has so much free")


def test_a_project_brings_the_julias_that_it_takes_to_the_worker(lab: Lab) -> None:
    manifest = ProjectManifest([ProjectFile("a.jl", "a" * 64, 1)])
    for julia in ((), ["1.11.3"], ()):  # the last one is a client of an earlier release
        lab.store.write(register_project, "b" * 64, manifest, "ann", julia)
    lab.submit(project="b" * 64)
    [[body]] = lab.store.read(read_due, lab.clock()).messages.values()
    assert decode(TaskMessage, body).julia == ["1.11.3"]
    with pytest.raises(InvalidTask, match=r"julia has 'x'"):
        lab.store.write(register_project, "b" * 64, manifest, "ann", ["x"])


def test_a_demand_that_no_worker_can_ever_meet_is_said_at_once(lab: Lab) -> None:
    lab.join("one", slots=2, cores=4)
    lab.join("two", slots=2, gpus=1)
    threads, gpus, both, fits = (
        *lab.submit(threads=8), *lab.submit(gpus=2), *lab.submit(threads=4, gpus=1), *lab.submit(threads=4),
    )
    lab.publish()
    assert why(lab, threads) == Reason(WhyKind.UNSERVED, (
        "it needs 8 cores, and no worker of the queue 'default' has so much: the most that one has is 4 cores; ask for "
        "less, or start a worker that has it"
    ))
    assert "it needs 2 devices and 1 core" in why(lab, gpus).sentence
    assert "the most that one has is 1 device;" in why(lab, gpus).sentence
    assert "it needs 1 device and 4 cores" in why(lab, both).sentence
    assert "none has both" in why(lab, both).sentence
    assert why(lab, fits).kind is WhyKind.STARTING


def test_a_task_that_waits_for_cores_says_so(lab: Lab) -> None:
    worker = lab.join(slots=4)
    running, large = lab.submit("1")[0], lab.submit("2", threads=4)[0]
    lab.publish()
    lab.claim(worker, running)
    assert why(lab, large) == Reason(
        WhyKind.BUSY, "it needs 4 cores, and no worker has so much free", ahead=0
    )
    small = lab.submit("3")[0]
    assert why(lab, small).sentence.startswith("it is on its way to a slot: 3 of 4 are free")


def test_a_running_task_of_many_threads_leaves_no_slot_free(lab: Lab) -> None:
    worker = lab.join(slots=4)
    large, small = lab.submit("1", threads=4)[0], lab.submit("2")[0]
    lab.claim(worker, large)
    lab.publish()
    found = why(lab, small)
    assert (found.kind, found.since) == (WhyKind.BUSY, lab.clock.now)


@pytest.mark.parametrize("odd", [{"cores": 0}, {"cores": -1}, {"cores": 1 << 20}, {"gpus": -1}], ids=str)
def test_a_worker_offers_a_core_and_no_less_than_no_device(lab: Lab, odd: dict[str, int]) -> None:
    [name] = odd
    with pytest.raises(InvalidTask, match="give") as refusal:
        lab.join(**odd)
    assert refusal.value.field == name


def test_a_worker_with_slots_and_no_core_left_by_an_earlier_release_breaks_no_answer(lab: Lab) -> None:
    worker, [task] = lab.join(slots=2), lab.submit()
    lab.store.write(lambda write: write.conn.execute(sa.update(workers).where(workers.c.id == worker).values(cores=0)))
    assert why(lab, task).kind is WhyKind.UNSERVED
