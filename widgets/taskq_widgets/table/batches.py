"""What the row of a batch says: how far it is, and why points failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from taskq_kernel.client import batch_operations
from taskq_kernel.client.batch_display import cause_of
from taskq_kernel.client.progress import duration_text
from taskq_widgets.table.cells import cut

#: What the service is asked for of a batch.
BATCH = f"id name total cancelledAt {batch_operations.FIGURES} {batch_operations.FAILURES}"
#: Causes of failures that are listed.
MOST_CAUSES = 20
_NAME_WIDTH, _CAUSE_WIDTH = 160, 240


@dataclass(frozen=True)
class BatchRows:
    """Some batches, as GraphQL gives them, and how many there are."""

    rows: Sequence[Mapping[str, Any]] = ()
    total: int = 0


def cells_of(batch: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a batch's row says."""
    figures, failures = batch["figures"], batch["failures"]
    left = figures["secondsLeft"]
    return {
        "id": batch["id"],
        "name": cut(batch["name"], _NAME_WIDTH),
        "total": batch["total"],
        "done": figures["done"],
        "counts": {one["status"]: one["count"] for one in figures["counts"] if one["count"]},
        "left": "" if left is None else duration_text(left),
        "failures": [
            [one["count"], cut(cause_of(one), _CAUSE_WIDTH), one["example"]] for one in failures[:MOST_CAUSES]
        ],
        "causes": len(failures),
    }
