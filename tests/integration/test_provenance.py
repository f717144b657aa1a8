"""How a result was made, on a real stack: what Julia says of itself comes to the task, and to the results database."""

from __future__ import annotations

import json
import platform
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from uuid import uuid4

from stacks import RunningStack, eventually

from taskq_kernel import machine
from taskq_kernel.client.client import Client

ALGEBRA = """
using LinearAlgebra
BLAS.set_num_threads(2)
a = rand(300, 300)
for _ in 1:20
    a = a * a / norm(a)
end
sum(a)
"""


def test_a_task_tells_what_it_ran_in_and_what_it_cost_and_every_place_shows_it(stack: RunningStack, q: Client) -> None:
    task = q.submit(ALGEBRA, name="algebra", seed=3, threads=2)
    task.result(120)
    made = task.provenance
    assert (made["seed"], made["threads"], made["blas_threads"], made["attempt"]) == (3, 2, 2, 1)
    assert "blas" in made["blas"].lower()
    assert (made["cpu"], made["host"], made["system"]) == (machine.processor(), socket.gethostname(), machine.system())
    assert platform.machine() in made["system"]
    assert made["julia_version"] in str(task.environment)
    assert made["cpu_target"]
    assert made["taskq_version"] == machine.release()
    assert made["peak_memory_bytes"] > 1 << 20
    assert 0 < made["cpu_s"] < 60
    file = stack.home / "results.db"
    columns = "seed, threads, blas_threads, cpu, cpu_target, system, host, taskq_version, julia_flags"
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as conn:
        kept = conn.execute(f"SELECT {columns} FROM results WHERE task_id = ?", [task.id]).fetchone()
    assert kept == tuple(made.get(name.strip()) for name in columns.split(","))
    shown = subprocess.run(
        [sys.executable, "-m", "taskq_kernel.cli", "show", str(task.number)], env=stack.env, capture_output=True,
        encoding="utf-8", timeout=60, check=True,
    ).stdout  # fmt: skip
    assert "how this was made" in shown
    assert made["cpu"] in shown


def test_what_a_task_ran_in_is_told_of_one_that_failed_and_of_one_whose_value_is_another_ones(q: Client) -> None:
    failed = q.submit("error(\"no\")")
    eventually(lambda: failed.done, "it has failed", 60)
    assert failed.provenance["cpu"] == machine.processor()
    first = q.submit("rand(3) # to be found again", seed=5, cache=True)
    first.result(60)
    hit = q.submit("rand(3) # to be found again", seed=5, cache=True)
    assert hit.cached_from == first.number
    assert hit.provenance["cached_from"] == first.number
    assert json.loads(hit.provenance.to_json())["julia_version"] == first.provenance["julia_version"]


def test_a_task_runs_again_with_everything_the_same_and_the_verdict_is_true(stack: RunningStack, q: Client) -> None:
    code = "using Random\n(x = rand(3), word = randstring(8), none = [missing, NaN])"
    draw = q.submit(code, name="draw", env={"A": "b"})
    clock = q.submit("(fixed = 1, at = time_ns())", name="clock")
    draw.result(60), clock.result(60)
    same = draw.reproduce(elsewhere=True).wait(60)
    assert str(same.verdict) == "same bits"
    assert (same.task.seed, same.task.env, same.task.worker) == (draw.seed, {"A": "b"}, draw.worker)  # there is one
    assert not same.surroundings
    other = clock.reproduce().wait(60)
    assert str(other.verdict).startswith("different: first at ['at']: ")
    told = subprocess.run(
        [sys.executable, "-m", "taskq_kernel.cli", "reproduce", str(clock.number)], env=stack.env, capture_output=True,
        encoding="utf-8", timeout=60,
    )  # fmt: skip
    assert (told.returncode, f"task {clock} again" in told.stdout, "different: first at ['at']" in told.stdout) == (
        1, True, True,
    )


def test_a_sample_of_a_sweep_runs_again_on_the_one_worker_that_there_is_and_says_so(q: Client) -> None:
    batch = q.define("f(; n) = (n, rand())").sweep(n=[1, 2, 3, 4], name=f"verified {uuid4()}")
    batch.wait(60, progress=False)
    said = str(batch.verify(sample=2).wait(60))
    assert said == (
        "of 2 that ran again, 2 have the same bits\n2 ran on the same worker as before: no other one took them"
    )
