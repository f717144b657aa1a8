"""How long one small task takes: from Python on a warm stack, and as a whole process."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench_stack import bench_stack

from taskq_kernel import connect

ROUNDS = 200
PROCESS_ROUNDS = 20


def main() -> None:
    """Print medians and 95th percentiles in milliseconds."""
    with bench_stack(slots=2) as (home, info):
        token = Path(info.token_file).read_text("utf-8")
        with connect(info.graphql, token=token) as q:
            q.submit("nothing").result(timeout=30)
            times = []
            for _ in range(ROUNDS):
                began = time.perf_counter()
                q.submit("nothing").result(timeout=30)
                times.append(time.perf_counter() - began)
        report("submit → result of a no-op", times)
        times = []
        taskq = Path(sys.executable).with_name("taskq")
        for _ in range(PROCESS_ROUNDS):
            began = time.perf_counter()
            done = subprocess.run(
                [taskq, "submit", "-", "--wait"],
                input="sum(1:10)",
                capture_output=True,
                encoding="utf-8", errors="replace",
                check=True,
                env=os.environ | {"TASKQ_HOME": str(home)},
            )
            times.append(time.perf_counter() - began)
            assert done.stdout == "55\n", done.stdout
        report("taskq submit --wait of sum(1:10)", times)


def report(what: str, times: list[float]) -> None:
    """One line of figures."""
    median = statistics.median(times)
    p95 = statistics.quantiles(times, n=20)[-1]
    print(f"{what}: median {median * 1e3:.1f} ms, p95 {p95 * 1e3:.1f} ms, {len(times)} rounds")


if __name__ == "__main__":
    main()
