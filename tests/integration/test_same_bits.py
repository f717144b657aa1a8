"""The same sweep gives the same bits, however many slots run it and in whichever order its points end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import pandas as pd
import pytest
from stacks import RunningStack

from taskq_kernel import connect

#: Two workers start five Julia processes.
pytestmark = pytest.mark.timeout(300)

CODE = """
using Random
function chain(n; scale)
    sleep(0.03 * rand(RandomDevice()))  # who comes first is left to chance
    steps = scale .* randn(n)
    elsewhere = fetch(@async rand(UInt32))
    return (sum = sum(steps), last = steps[end], order = randperm(n), word = randstring(8), elsewhere = elsewhere,
        process = getpid())
end
"""
#: What may differ from run to run.
OF_THE_RUN = ["seconds", "worker", "attempt", "started_at", "finished_at", "number", "process"]


@contextmanager
def worker(stack: RunningStack, slots: int, log: Path) -> Iterator[str]:
    """A worker with so many slots; the queue that it alone serves."""
    queue, tokens = f"bits-{uuid4().hex[:8]}", stack.home / "tokens"
    environment = stack.env | {
        "TASKQ_URL": stack.url, "TASKQ_TOKEN_FILE": str(tokens / "worker.token"), "TASKQ_QUEUE_TYPE": "classic",
        "TASKQ_BROKER_FILE": str(tokens / "broker.url"), "TASKQ_QUEUES": f'["{queue}"]', "TASKQ_SLOTS": str(slots),
    }  # fmt: skip
    with log.open("wb") as output:
        command = [sys.executable, "-m", "taskq_kernel.cli", "worker"]
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        yield queue
    finally:
        process.terminate()
        try:
            process.wait(60)
        finally:
            process.kill()


#: Ends when as many of them run at the same time as there are slots: from then on all slots take tasks.
MEET = 'touch(joinpath(folder, string(place))); while length(readdir(folder)) < 4 sleep(0.01) end'


def test_a_sweep_gives_the_same_bits_with_one_slot_and_with_four(
    stack: RunningStack, tmp_path: Path, effects: Path
) -> None:
    with ExitStack() as open_, connect(stack.url, token=stack.token()) as q:
        queues = [open_.enter_context(worker(stack, slots, tmp_path / f"worker-{slots}.log")) for slots in (1, 4)]
        meeting = [{"code": MEET, "arguments": {"folder": str(effects), "place": place}} for place in range(4)]
        q.submit_many(meeting, queue=queues[1]).results(120)
        f = q.define(CODE)
        sweeps = [f.sweep({"1": range(1, 9)}, scale=[0.1, 1, 1e9], seed=5, options={"queue": one}) for one in queues]
        frames = [sweep.wait(120, progress=False).frame() for sweep in sweeps]
    one, four = (frame.drop(columns=OF_THE_RUN) for frame in frames)
    assert len(one) == 24
    assert (one["status"] == "FINISHED").all()
    assert one["word"].nunique() == 24
    assert [frame["process"].nunique() > 1 for frame in frames] == [False, True]
    pd.testing.assert_frame_equal(one, four, check_exact=True)
