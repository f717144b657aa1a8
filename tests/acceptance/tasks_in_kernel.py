"""Made-up tasks for the tests of the table, imported by the notebook that shows it."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

STATUSES = ("QUEUEING", "RUNNING", "FINISHED", "FAILED", "CANCELLED")
CODES = (
    "using LinearAlgebra\ngap(; n, beta) = let e = eigvals(Symmetric(beta * randn(n, n)))\n    e[end] - e[end-1]\nend",
    "sum(rand(10^6)) / 10^6",
    "# mean of a random walk\nwalk = cumsum(randn(10_000))\nmaximum(abs, walk)",
    "solve(f, x₀; ε = 1e-9) = newton(f, x₀, ε)",
)
NAMES = ("mean of noise", "spectral gap n=400 β=1.0", "random walk, longest excursion", "Newton from x₀ = 2")
TYPES = ("Float64", "Vector{Float64}", "Int64")


def task(number: int, now: datetime | None = None, **changes: Any) -> dict[str, Any]:
    """Return a task as GraphQL gives it, made up from its number."""
    rng = random.Random(number)
    now = now or datetime.now(UTC)
    kind = number % 4
    status = "FINISHED" if number % 10 < 6 else STATUSES[(0, 0, 1, 3, 4)[rng.randrange(5)]]
    created = now - timedelta(seconds=rng.randrange(5, 4000))
    made = {
        "id": str(UUID(int=number)), "number": number, "name": NAMES[kind], "kind": "SCRIPT", "code": CODES[kind],
        "queue": "default", "priority": 1, "maxAttempts": 1 + number % 3 // 2, "owner": "ann", "batch": None,
        "createdAt": created.isoformat(), "version": number, "lost": 0, "arguments": {"n": number % 7, "beta": 0.5},
    }  # fmt: skip
    made |= in_status(status, rng, created)
    return made | changes


def in_status(status: str, rng: random.Random, created: datetime) -> dict[str, Any]:
    """Return the fields that follow from a task's status."""
    begun = status != "QUEUEING"
    ended = status in ("FINISHED", "FAILED", "CANCELLED")
    started = created + timedelta(seconds=1)
    if status == "RUNNING":
        started = datetime.now(UTC) - timedelta(seconds=rng.randrange(1, 300))
    seconds = round(rng.lognormvariate(0, 1.5), 4)
    return {
        "status": status, "attempt": int(begun), "worker": f"node-{rng.randrange(1, 5)}" if begun else None,
        "progress": round(rng.random(), 2) if status == "RUNNING" else None,
        "progressMessage": "sweep 12 of 40" if status == "RUNNING" else None,
        "seconds": seconds if ended else None,
        "startedAt": started.isoformat() if begun else None,
        "finishedAt": (started + timedelta(seconds=seconds)).isoformat() if ended else None,
        **outcome(status, rng),
    }  # fmt: skip


def outcome(status: str, rng: random.Random) -> dict[str, Any]:
    """Return value and error of a task in a status."""
    value = rng.choice((rng.random(), rng.random() * 10.0 ** rng.randrange(-9, 9), [0.1, 0.2, 0.3], 4711))
    text = "[0.1, 0.2, 0.3]" if isinstance(value, list) else repr(value)
    error = {
        "name": "DomainError",
        "message": "sqrt was called with a negative real argument",
        "stacktrace": "",
        "line": 3,
    }
    return {
        "value": value if status == "FINISHED" else None,
        "valueText": text if status == "FINISHED" else None,
        "valueType": "Vector{Float64}" if isinstance(value, list) else "Float64",
        "error": error if status == "FAILED" else None,
    }


def tasks(count: int) -> list[dict[str, Any]]:
    """Return tasks 1 to ``count``."""
    now = datetime.now(UTC)
    return [task(number, now) for number in range(1, count + 1)]
