"""Made-up batches for the tests of a table's rows of batches."""

from __future__ import annotations

from typing import Any

STATUSES = ("QUEUEING", "RUNNING", "FINISHED", "FAILED", "CANCELLED")


def failed(count: int, name: str, example: int, *, line: int | None = 3) -> dict[str, Any]:
    """Points that failed for one cause, as GraphQL gives them."""
    message = f"{name} it is\nat x"
    return {"name": name, "line": line, "count": count, "example": example, "point": 0, "message": message}


def batch(name: str, *failures: dict[str, Any], left: float | None = None, **counts: int) -> dict[str, Any]:
    """A batch as GraphQL gives it, with so many points of each status."""
    total = sum(counts.values())
    return {
        "id": f"id of {name}", "name": name, "total": total, "cancelledAt": None, "failures": list(failures),
        "figures": {
            "counts": [{"status": status, "count": counts.get(status, 0)} for status in STATUSES],
            "done": total - counts.get("QUEUEING", 0) - counts.get("RUNNING", 0), "secondsLeft": left, "version": 1,
        },
    }  # fmt: skip
