"""How many no-op tasks a second the whole stack brings from submission to their end."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
from bench_stack import bench_stack
from processor_time import below_s, own_s

from taskq_kernel import connect

TASKS = 2000
ROUNDS = 3


def main() -> None:
    """Print tasks a second for each round, and the CPU time of each part."""
    with bench_stack(slots=2) as (home, info):
        from taskq_kernel.local.stack import LocalStack
        from taskq_kernel.settings import load_settings

        processes = LocalStack(load_settings(home=home)).status()["processes"]
        with connect(info.graphql, token=Path(info.token_file).read_text("utf-8")) as q:
            q.submit("nothing").result(timeout=30)
            for _ in range(ROUNDS):
                before = {one["role"]: cpu_seconds(psutil.Process(one["pid"])) for one in processes}
                began = time.perf_counter()
                batch = q.submit_many(["nothing"] * TASKS)
                submitted = time.perf_counter() - began
                batch.wait(timeout=120)
                took = time.perf_counter() - began
                spent = {
                    one["role"]: cpu_seconds(psutil.Process(one["pid"])) - before[one["role"]]
                    for one in processes
                }
                shares = ", ".join(f"{role} {seconds / TASKS * 1e3:.2f}" for role, seconds in spent.items())
                rate = f"{TASKS / took:.0f} tasks/s (submitted in {submitted:.2f} s)"
                print(f"{TASKS} no-ops: {rate}; CPU ms a task: {shares}")


def cpu_seconds(process: psutil.Process) -> float:
    """CPU time of a process and all below it, in seconds."""
    return own_s(process) + below_s(process)


if __name__ == "__main__":
    main()
