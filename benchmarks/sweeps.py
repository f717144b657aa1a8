"""What a sweep costs beside its own work: short calls on two slots, and a function that takes long to compile.

It ends with exit code 1 where a figure is worse than promised: an efficiency of 0.75 for 500 calls of 5 ms
on two slots, whether they compute or wait outside of Julia, and a fiftieth of the time that a process for
each of 1,000 points takes.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench_stack import bench_stack
from short_calls import CALL_S, CALLS, COMPUTING, WAITING, Kind, sweep_s, warm

from taskq_kernel import connect
from taskq_kernel.client.client import Client
from taskq_kernel.local.julia import find_julia
from taskq_kernel.settings import load_settings

SLOTS = 2
ROUNDS = 5
POINTS, PROCESSES = 1000, 10
SOME_STEPS = 200
LEAST_EFFICIENCY, LEAST_TIMES_FASTER = 0.75, 50

#: A function of so many different steps that Julia takes about a second to compile it, and next to nothing to run it.
SLOW_TO_COMPILE = """
let steps = [:(y = y < $i ? sin(y * $i) + y^2 : exp(-abs(y)) + $i * cos(y)) for i in 1:STEPS]
    @eval slow(x) = (y = float(x); $(steps...); y)
end
"""


def main() -> int:
    """Print all figures."""
    julia = str(find_julia(load_settings()).path)
    steps = steps_of_a_second(julia)
    with bench_stack(slots=SLOTS) as (_home, info), connect(
        info.graphql, token=Path(info.token_file).read_text("utf-8")
    ) as q:
        efficiency = min(short_calls(q, kind) for kind in (COMPUTING, WAITING))
        compiled_s = slow_to_compile(q, steps)
    process_s = process_per_point(julia, steps)
    faster = process_s / compiled_s
    print(
        f"{POINTS} points of a function that takes a second to compile: {compiled_s:.2f} s as a sweep; a process for "
        f"each, {SLOTS} at once: {process_s:.0f} s ({PROCESSES} measured): {faster:.0f} times faster"
    )
    return 0 if efficiency >= LEAST_EFFICIENCY and faster >= LEAST_TIMES_FASTER else 1


def short_calls(q: Client, kind: Kind) -> float:
    """The share of the slots' time in which calls of 5 ms ran, until the last one ends; the median."""
    warm(q, kind, SLOTS)
    shares = [CALLS * CALL_S / (SLOTS * sweep_s(q, kind)) for _ in range(ROUNDS)]
    median = statistics.median(shares)
    print(
        f"{CALLS} calls that {kind.name} for {CALL_S * 1e3:.0f} ms on {SLOTS} slots: an efficiency of {median:.2f} "
        f"({min(shares):.2f} to {max(shares):.2f} in {ROUNDS} rounds, load {os.getloadavg()[0]:.1f})"
    )
    return median


def slow_to_compile(q: Client, steps: int) -> float:
    """How long a sweep takes in which every slot compiles the function once, in seconds."""
    f = q.define(SLOW_TO_COMPILE.replace("STEPS", str(steps)), entry="slow")
    began = time.perf_counter()
    b = f.map(range(POINTS)).wait(progress=False)
    took = time.perf_counter() - began
    assert b.done
    assert b.failures().empty
    return took


def process_per_point(julia: str, steps: int) -> float:
    """How long Julia processes that are started for one point each take for all of them, as many at once as slots."""
    code = SLOW_TO_COMPILE.replace("STEPS", str(steps))
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(SLOTS) as pool:
        script = Path(folder) / "point.jl"
        script.write_text(f"{code}\nprintln(slow(parse(Int, ARGS[1])))\n", "utf-8")
        began = time.perf_counter()
        list(pool.map(lambda point: run(julia, str(script), str(point)), range(PROCESSES)))
        return (time.perf_counter() - began) * POINTS / PROCESSES


def steps_of_a_second(julia: str) -> int:
    """How many steps Julia compiles in about a second here."""
    took = compile_s(julia, SOME_STEPS)
    steps = max(1, round(SOME_STEPS / took))  # it is linear in them
    print(f"a function of {steps} steps takes {compile_s(julia, steps):.2f} s to compile")
    return steps


def compile_s(julia: str, steps: int) -> float:
    """How long the first call of the function takes, in seconds."""
    code = SLOW_TO_COMPILE.replace("STEPS", str(steps))
    # The call is a statement of its own: it would be compiled before the clock starts otherwise.
    return float(run(julia, "-e", f"{code}\nbegan = time()\nslow(1)\nprint(time() - began)"))


def run(julia: str, *arguments: str) -> str:
    """What a Julia process prints."""
    command = [julia, "--startup-file=no", *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
