"""taskq beside its peers: the same work on the same machine, in turn.

The peers are installed from PyPI into an environment of their own, in a temporary folder. Celery uses
the RabbitMQ of the stack that taskq is measured on, with late acknowledgement. They promise less for
it: taskq keeps each task, its history and its result in databases, Celery keeps messages in RabbitMQ,
and Dask holds everything in memory.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).with_name("peers")))

from bench_stack import bench_stack
from work import BULK, measure

from taskq_kernel import connect

#: Peers by name: what is installed for each, and the program that measures it.
PEERS = {"celery": ("celery", "with_celery.py"), "dask": ("distributed", "with_dask.py")}

Figures = dict[str, Any]


def main() -> None:
    """Print a table: medians, with the least and the most of all rounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="taskq-peers-") as folder, bench_stack(slots=2) as (home, info):
        python = install(Path(folder), given.peers)
        environment = {**os.environ, "PEER_BROKER": (home / "tokens" / "broker.url").read_text("utf-8").strip()}
        contenders: dict[str, Callable[[], Figures]] = {
            "taskq": lambda: of_taskq(info.graphql, Path(info.token_file).read_text("utf-8")),
            **{name: lambda name=name: of_peer(python, PEERS[name][1], environment) for name in given.peers},
        }
        found: dict[str, list[Figures]] = {name: [] for name in contenders}
        for round_ in range(given.rounds):
            print(f"round {round_ + 1} of {given.rounds}, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
            for name, act in contenders.items():
                found[name].append(act())
    print(f"{'':8} {'version':10} {f'{BULK:,} at once, per s':>28} {'round trip, ms: p50':>26} {'p95':>20}")
    for name, rounds in found.items():
        print(line(name, rounds))


def install(folder: Path, peers: list[str]) -> Path:
    """The interpreter of an environment that has the peers."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    packages = [PEERS[name][0] for name in peers]
    if packages:
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def of_taskq(url: str, token: str) -> Figures:
    """taskq's own figures, through a definition."""
    with connect(url, token=token) as q, contextlib.redirect_stdout(io.StringIO()) as printed:
        echo = q.define("echo(x) = x")
        measure(
            version("taskq-kernel"),
            one=lambda x: echo(x).result(timeout=60),
            many=lambda xs: echo.map(xs).results(timeout=300),
        )
    return json.loads(printed.getvalue())


def of_peer(python: Path, program: str, environment: dict[str, str]) -> Figures:
    """The figures of a peer, measured by a program of its own."""
    folder = Path(__file__).with_name("peers")
    done = subprocess.run(
        [python, folder / program], env=environment, cwd=folder, check=True, stdout=subprocess.PIPE, timeout=600
    )
    return json.loads(done.stdout.splitlines()[-1])


def line(name: str, rounds: list[Figures]) -> str:
    """One row of the table."""
    rate = spread([one["per_s"] for one in rounds], "{:,.0f}")
    half = spread([statistics.median(one["trips_ms"]) for one in rounds], "{:.1f}")
    slow = spread([statistics.quantiles(one["trips_ms"], n=20)[-1] for one in rounds], "{:.1f}")
    return f"{name:8} {rounds[0]['version']:10} {rate:>28} {half:>26} {slow:>20}"


def spread(values: list[float], form: str) -> str:
    """A median, with the least and the most."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{form.format(middle)} ({form.format(low)}–{form.format(high)})"


if __name__ == "__main__":
    main()
