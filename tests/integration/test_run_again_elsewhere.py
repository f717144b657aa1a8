"""Results that run again on another worker, where there are two, and what that says of both."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from julia_fixtures import julia
from stacks import RunningStack, eventually
from test_worker_stop import worker

from taskq_kernel import Client

#: Two workers start a Julia process each.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def queue(q: Client, stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A queue that two workers serve; the Julia of one checks every index."""
    name, folder = f"two-{uuid4().hex[:8]}", tmp_path_factory.mktemp("workers")
    careful = folder / "julia-careful"
    careful.write_text(f'#!/bin/sh\nexec "{julia()}" --check-bounds=yes "$@"\n')
    careful.chmod(0o755)
    for place in (folder, *folder.parents[:2]):
        place.chmod(0o755)  # where tasks have users of their own, these start it
    with (
        worker(stack, name, folder / "first.log", "--julia", julia(), TASKQ_RUNNER="julia"),
        worker(stack, name, folder / "second.log", "--julia", str(careful), TASKQ_RUNNER="julia"),
    ):
        eventually(lambda: sum(name in one.queues for one in q.workers()) == 2, "both workers are there", 120)
        yield name


def test_a_task_runs_again_on_the_other_worker_with_the_same_bits_and_names_what_differed(
    q: Client, queue: str
) -> None:
    task = q.submit("using Random\n(x = randn(3), word = randstring(8))", queue=queue)
    task.result(240)
    again = task.reproduce(elsewhere=True).wait(240)
    assert str(again.verdict) == "same bits"
    assert again.task.worker != task.worker
    assert again.surroundings["worker"] == (task.worker, again.task.worker)
    assert again.surroundings.keys() == {"worker", "julia_flags"}
    assert sorted("--check-bounds=yes" in flags for flags in again.surroundings["julia_flags"]) == [False, True]
    assert f"Worker: {task.worker}, then {again.task.worker}" in str(again)
    # And: back from there.
    third = again.task.reproduce(elsewhere=True).wait(240)
    assert (third.task.worker, str(third.verdict)) == (task.worker, "same bits")


def test_a_sample_of_a_sweep_runs_again_on_the_workers_that_have_not_run_it(q: Client, queue: str) -> None:
    batch = q.define("f(; n) = (n, randn())").sweep(
        n=[1, 2, 3, 4], name=f"verified {uuid4()}", options={"queue": queue}
    )
    batch.wait(240, progress=False)
    verified = batch.verify(sample=4).wait(240)
    assert verified.same_workers == 0
    assert str(verified) == "of 4 that ran again, 4 have the same bits"
