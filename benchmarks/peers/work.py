"""The work that every peer does, and how it is timed: tasks that give back what they are given."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence

#: How many tasks at once, and how many one after another.
BULK = 2000
ROUND_TRIPS = 100


def measure(version: str, one: Callable[[int], int], many: Callable[[Sequence[int]], Sequence[int]]) -> None:
    """Print the figures as JSON.

    Parameters
    ----------
    version : str
        Of what is measured.
    one : callable
        Runs one task and gives its result.
    many : callable
        Runs a task for each item, all at once, and gives the results in order.
    """
    assert list(many(range(200))) == list(range(200))  # warm
    began = time.perf_counter()
    results = list(many(range(BULK)))
    took = time.perf_counter() - began
    assert results == list(range(BULK))
    trips = []
    for x in range(ROUND_TRIPS):
        began = time.perf_counter()
        assert one(x) == x
        trips.append((time.perf_counter() - began) * 1e3)
    print(json.dumps({"version": version, "per_s": BULK / took, "trips_ms": trips}), flush=True)
