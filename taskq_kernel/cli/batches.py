"""Batches in the terminal: a row each, or one with all that is known of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from taskq_kernel.cli import output
from taskq_kernel.cli.times import age
from taskq_kernel.client import batch_operations
from taskq_kernel.client.batch_display import cause_text, counts_text
from taskq_kernel.client.display import cut
from taskq_kernel.client.progress import duration_text
from taskq_kernel.durations import seconds_text
from taskq_kernel.printable import one_line

#: What a row needs.
FIELDS = f"{batch_operations.BATCH} {batch_operations.FIGURES} {batch_operations.FAILURES}"
#: The columns of a table of batches.
COLUMNS = ("batch", "points", "done", "left", "counts", "first failure", "age")
#: Characters of a name and of a cause in a row.
_NAME, _CAUSE = 32, 40


def write(rows: Sequence[Mapping[str, Any]]) -> None:
    """Write batches as a table to standard output."""
    output.columns([list(COLUMNS), *(_cells(row) for row in rows)])


def _cells(row: Mapping[str, Any]) -> list[str]:
    figures = row["figures"]
    share = 100 * figures["done"] / row["total"] if row["total"] else 100
    left = figures["secondsLeft"]
    return [
        cut(one_line(row["name"]), _NAME),
        str(row["total"]),
        f"{share:.0f} %",
        "" if left is None else duration_text(left),
        counts_text(figures),
        cut(cause_text(row["failures"][0]), _CAUSE) if row["failures"] else "",
        age(row["createdAt"]),
    ]


def described(row: Mapping[str, Any]) -> str:
    """All there is to know of a batch."""
    figures = row["figures"]
    facts = {
        "function": row["definitionName"],
        "points": row["total"],
        "done": f"{figures['done']} of {row['total']}",
        "status": counts_text(figures),
        "time left": None if figures["secondsLeft"] is None else duration_text(figures["secondsLeft"]),
        "cancelled": "yes; resume it, or submit it again, to go on" if row["cancelledAt"] else None,
        "seed": row["seed"],
        "queue": row["queue"],
        "time limit": seconds_text(row["timeoutSeconds"]),
        "owner": row["owner"],
        "id": row["id"],
    }
    lines = [f"batch {one_line(row['name'])}", ""]
    lines += [f"{name:<13} {one_line(str(value))}" for name, value in facts.items() if value not in (None, "")]
    if row["failures"]:
        lines += ["", "failures"]
        lines += [f"  {cause_text(group)} (such as task {group['example']})" for group in row["failures"]]
    return "\n".join(lines) + "\n"
