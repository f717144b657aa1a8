"""The work that every peer does, and how it is timed.

Each peer gives two functions: one runs one of these tasks and waits for it, the other runs very many at once.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

#: Tasks at once, few and many; round trips one after another; short calls and how long each takes.
BULKS = (2000, 20000)
ROUND_TRIPS = 200
CALLS, CALL_S = 500, 0.005
#: Tasks of half a second, on two processes, of which one is killed after a second: 5 s of work at best.
HALVES, KILL_AFTER_S = 20, 1.0
PROCESSES = 2

One = Callable[[str, Any], Any]
Many = Callable[[str, Sequence[Any]], Sequence[Any]]


def echo(x: int) -> int:
    """What it is given."""
    return x


def spin(x: int) -> int:
    """What it is given, after it has occupied its core for 5 ms."""
    till = time.perf_counter() + CALL_S
    while time.perf_counter() < till:
        pass
    return x


def half(x: int) -> int:
    """What it is given, after half a second."""
    time.sleep(0.5)
    return x


def where(x: int) -> int:  # noqa: ARG001  every task has an argument
    """The process that runs it, which it holds for a moment so that others get their share."""
    time.sleep(0.05)
    return os.getpid()


#: By name: what each peer registers.
TASKS: dict[str, Callable[[int], int]] = {"echo": echo, "spin": spin, "half": half, "where": where}


def measure(version: str, began: float, one: One, many: Many, kill: Callable[[], None] | None = None) -> None:
    """Print the figures as JSON.

    Parameters
    ----------
    version : str
        Of what is measured.
    began : float
        When it was started, by ``time.perf_counter``.
    one : callable
        Runs one task, by its name, with an argument, and gives its result.
    many : callable
        Runs a task for each item, all at once, and gives the results in order.
    kill : callable, optional
        Kills one of the processes that run tasks; by default one that ``where`` has named.
    """
    assert one("echo", 0) == 0
    figures: dict[str, Any] = {"version": version, "first_s": time.perf_counter() - began}
    for name in ("echo", "spin"):
        verified(many, name, 200)  # warm
    figures["per_s"] = {str(tasks): tasks / verified(many, "echo", tasks) for tasks in BULKS}
    figures["efficiency"] = CALLS * CALL_S / PROCESSES / verified(many, "spin", CALLS)
    figures["trips_ms"] = trips(one)
    with under_load(one):
        figures["loaded_trips_ms"] = trips(one)
    victim = threading.Timer(KILL_AFTER_S, kill or killer(many))
    victim.start()
    figures["killed_s"] = verified(many, "half", HALVES)
    victim.join()
    print(json.dumps(figures), flush=True)


def verified(many: Many, name: str, tasks: int) -> float:
    """How many seconds so many tasks take, whose results are what they were given."""
    began = time.perf_counter()
    results = list(many(name, range(tasks)))
    took = time.perf_counter() - began
    assert results == list(range(tasks)), f"{name}: {results[:20]}"
    return took


def trips(one: One) -> list[float]:
    """How long round trips take, one after another, in milliseconds."""
    times = []
    for x in range(ROUND_TRIPS):
        began = time.perf_counter()
        assert one("echo", x) == x
        times.append((time.perf_counter() - began) * 1e3)
    return times


class under_load:  # noqa: N801  a context, read as a phrase
    """Meanwhile another thread has a task of 5 ms run, and another one as soon as that is over."""

    def __init__(self, one: One) -> None:
        self._one = one
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._over.is_set():
            self._one("spin", 0)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_exception: object) -> None:
        self._over.set()
        self._thread.join()


def killer(many: Many) -> Callable[[], None]:
    """Kills one of the processes that run tasks."""
    pids = sorted(set(many("where", range(8 * PROCESSES))))
    assert len(pids) == PROCESSES, f"{PROCESSES} processes were to run tasks, there are {pids}"
    return lambda: os.kill(pids[0], signal.SIGKILL)
