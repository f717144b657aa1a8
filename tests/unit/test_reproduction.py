"""A task that runs again: the verdict on its value, and what differed in what the two ran in.

Another Julia and another processor are doubles here: facts that a worker would have told. The service is in memory.
"""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from client_fixtures import q, service
from client_lab import FakeService, later

from taskq_kernel.client.client import Client
from taskq_kernel.client.reproduction import Reproduction
from taskq_kernel.client.task import Task
from taskq_kernel.comparison import Likeness
from taskq_kernel.errors import InvalidTask, TaskqError, TaskTimeout

__all__ = ["q", "service"]

HERE = {"julia_version": "1.10.4", "cpu": "AMD EPYC 7763", "threads": 1, "host": "node7"}


def finished(service: FakeService, q: Client, value: Any, **fields: Any) -> Task:
    task = q.submit("rand(3)", name="a draw", seed=fields.pop("seed", 42))
    service.finish(task.id, value, **({"surroundings": HERE, "valueType": "Vector{Float64}"} | fields))
    return task


def again(service: FakeService, made: Reproduction, value: Any, **fields: Any) -> Reproduction:
    service.finish(made.task.id, value, **({"surroundings": HERE, "valueType": "Vector{Float64}"} | fields))
    return made.wait(5)


def test_the_same_value_in_the_same_surroundings_is_said_to_be_so(service: FakeService, q: Client) -> None:
    task = finished(service, q, [1.5, {"$float": "NaN"}])
    made = task.reproduce()
    assert (made.original, made.task.repeats, made.task.seed, made.task.avoid) == (task, task.number, 42, None)
    with pytest.raises(TaskqError, match=r"which repeats task 1 .* is QUEUEING: wait\(\) for it"):
        _ = made.verdict
    with pytest.raises(TaskTimeout):
        made.wait(0.01)
    later(lambda: again(service, made, [1.5, {"$float": "NaN"}]))
    verdict = made.wait(5).verdict
    assert (verdict.kind, bool(verdict), dict(made.surroundings)) == (Likeness.SAME_BITS, True, {})
    assert str(made) == (
        "task 1 (a draw) again, as task 2: same bits; nothing that is known of the surroundings differed"
    )
    assert asyncio.run(made) is made  # type: ignore[arg-type]  # it is driven as a coroutine


@pytest.mark.parametrize(
    ("change", "key", "pair", "said"),
    [
        ({"surroundings": HERE | {"julia_version": "1.11.0"}}, "julia_version", ("1.10.4", "1.11.0"),
         "Julia: 1.10.4, then 1.11.0"),
        ({"surroundings": HERE | {"cpu": "Intel Xeon"}}, "cpu", ("AMD EPYC 7763", "Intel Xeon"),
         "Processor: AMD EPYC 7763, then Intel Xeon"),
        ({"surroundings": HERE | {"threads": 4}}, "threads", (1, 4), "Julia's threads: 1, then 4"),
        ({"surroundings": HERE | {"host": "node8"}}, "host", ("node7", "node8"), "Host: node7, then node8"),
        ({"seed": 43}, "seed", (42, 43), "Seed: 42, then 43"),
        ({"surroundings": None}, "cpu", ("AMD EPYC 7763", None), "Processor: AMD EPYC 7763, then not known"),
    ],
)  # fmt: skip
def test_what_differed_in_the_surroundings_is_named(
    service: FakeService, q: Client, change: dict[str, Any], key: str, pair: tuple[Any, Any], said: str
) -> None:
    made = again(service, finished(service, q, [1.0, 2.0]).reproduce(), [1.0, 2.5], **change)
    assert str(made.verdict) == "different: first at [1]: 2.0, then 2.5"
    assert made.surroundings[key] == pair
    assert said in str(made)


def test_large_values_are_compared_and_not_fetched_where_their_hashes_are_the_same(
    service: FakeService, q: Client
) -> None:
    array = np.arange(100_000.0)
    from io import BytesIO

    for ref, one in (("a" * 64, array), ("b" * 64, array + (array == 7) * 1e-3)):
        file = BytesIO()
        np.save(file, one)
        service.blobs[ref] = file.getvalue()
    kept = {"valueKind": "ARRAY", "valueRef": "a" * 64}
    task = finished(service, q, None, **kept)
    service.calls.clear()
    same = again(service, task.reproduce(), None, **kept)
    assert (same.verdict.kind, "blob" in service.calls) == (Likeness.SAME_BITS, False)
    other = again(service, task.reproduce(), None, **(kept | {"valueRef": "b" * 64}))
    assert str(other.verdict) == "equal within 1e-08"
    assert str(again(service, task.reproduce(rtol=1e-12), None, **(kept | {"valueRef": "b" * 64})).verdict) == (
        "different: first at [7]: 7.0, then 7.001"
    )


def test_another_type_a_failure_and_another_file_are_differences(service: FakeService, q: Client) -> None:
    task = finished(service, q, [1.0])
    typed = again(service, task.reproduce(), [1.0], valueType="Vector{Float32}")
    assert str(typed.verdict) == "different: first at its type: Vector{Float64}, then Vector{Float32}"
    failed = task.reproduce()
    service.fail(failed.task.id)
    assert str(failed.wait(5).verdict) == (
        "different: first in the value itself: a value, then FAILED with DomainError: with -1.0"
    )
    files = [{"name": "x.csv", "sha256": "a" * 64}]
    service.change(task.id, files=files)
    other = again(service, task.reproduce(), [1.0], files=[{"name": "x.csv", "sha256": "b" * 64}])
    assert other.verdict.path == "files['x.csv']"


def test_only_what_has_a_value_can_be_reproduced(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    with pytest.raises(InvalidTask, match=r"is QUEUEING: only what has a value can be reproduced"):
        task.reproduce()


@pytest.mark.parametrize("rtol", ["1e-8", -1e-8, float("nan"), True])
def test_a_tolerance_that_is_none_is_refused_before_anything_runs(service: FakeService, q: Client, rtol: Any) -> None:
    task = finished(service, q, 1.0)
    with pytest.raises(InvalidTask, match=f"^rtol is {rtol!r}: give a number from 0 on"):
        task.reproduce(rtol=rtol)
    with pytest.raises(InvalidTask, match=r"^sample is 'all': give how many tasks are to run again"):
        q.tasks().verify(sample="all")  # type: ignore[arg-type]  # what is refused
    assert len(service.tasks) == 1


def test_a_sample_of_a_batch_runs_again_elsewhere_and_says_what_it_came_to(service: FakeService, q: Client) -> None:
    batch = q.submit_many(["rand()"] * 10)
    with pytest.raises(InvalidTask, match="none of its tasks is FINISHED"):
        batch.verify()
    for number, task in enumerate(batch):
        if number != 4:
            service.finish(task.id, [float(number + 1)], surroundings=HERE, valueType="Vector{Float64}")
    with pytest.raises(InvalidTask, match="sample is 0: give how many"):
        batch.verify(0)
    check = batch.verify(3, seed=1)
    assert str(check) == "0 of 3 have run again"
    assert [one.task.avoid for one in check.reproductions] == ["w1"] * 3
    assert [one.original.number for one in check.reproductions] == [
        one.original.number for one in batch.verify(3, seed=1).reproductions
    ]
    factors = zip(check.reproductions, (1, 1 + 2**-40, 2), strict=True)
    values = [[one.original.value[0] * factor] for one, factor in factors]
    for one, value, worker in zip(check.reproductions, values, ("w2", "w2", "w1"), strict=True):
        again(service, one, value, worker=worker)
    said = str(check.wait(5)).splitlines()
    assert said[0] == "of 3 that ran again, 1 have the same bits, 1 are equal within 9.1e-13, 1 differ"
    assert said[1] == "1 ran on the same worker as before: no other one took them"
    assert (bool(check), len(batch.verify(100).reproductions)) == (False, 9)
