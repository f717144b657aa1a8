"""A sweep as a pandas DataFrame: one tidy row a point."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from taskq_kernel import exact_json
from taskq_kernel.client import batch_operations, operations
from taskq_kernel.client.batch_seeds import seeds_of
from taskq_kernel.client.frame import make_frame
from taskq_kernel.client.tidy import add_columns, column, column_name, value_columns
from taskq_kernel.domain import TaskStatus
from taskq_kernel.grid import Grid
from taskq_kernel.seeds import point_seed

if TYPE_CHECKING:
    import pandas as pd

    from taskq_kernel.client.session import Session

#: What is shown of a point's task, in this order.
_COLUMNS = (
    "status", "progress", "seconds", "seed", "cached_from", "worker", "attempt", "error", "started_at", "finished_at",
    "number",
)


def sweep_frame(client: Session, batch_id: str, *, values: bool) -> pd.DataFrame:
    """The frame of a batch; see `Sweep.frame`."""
    # late: pandas takes longer to load than a whole command
    import pandas as pd

    fields = f"{batch_operations.BATCH} {batch_operations.FIGURES} grids {{ first count design }}"
    batch = batch_operations.get(client.transport, batch_id=batch_id, fields=fields)
    wanted = f"{operations.FRAME if values else operations.FRAME_WITHOUT_VALUES} point"
    rows = list(operations.pages(client.transport, {"batch": batch_id}, wanted))
    rows = [row for row in rows if row["point"] is not None]
    tasks = make_frame(rows, values=values)
    tasks = tasks.reset_index().set_index(pd.Index([row["point"] for row in rows], dtype="int64", name="point"))
    tasks = tasks.astype({"number": "Int64", "attempt": "Int64"})
    index = pd.RangeIndex(batch["total"], name="point")
    tasks = tasks.reindex(index)
    _complete(client, tasks, batch)
    frame = pd.DataFrame(parameters([Grid(grid["design"]) for grid in batch["grids"]]), index=index)
    shown = [(name, tasks[name]) for name in _COLUMNS]
    found = value_columns(_values(tasks)) if values else {}
    return add_columns(frame, [*shown, *found.items()])


def _values(tasks: pd.DataFrame) -> pd.Series[Any]:
    """The values; None, and not a number that is none, where there is no task yet."""
    # late: as above
    import pandas as pd

    there = tasks["number"].notna()
    cells = [value if is_there else None for value, is_there in zip(tasks["value"], there, strict=True)]
    return pd.Series(cells, index=tasks.index, dtype="object")


def _complete(client: Session, tasks: pd.DataFrame, batch: Mapping[str, Any]) -> None:
    """Say what is known of points without a task: their seed, and that they wait, or were cancelled with the batch."""
    missing = tasks["status"].isna()
    if not missing.any():
        return
    places = tasks.index.to_series()[missing]
    if batch["seed"] is None:
        seeds = places.map(seeds_of(client.transport, batch).__getitem__)
    else:  # only those that are missing are worked out
        seeds = places.map(lambda place: point_seed(batch["seed"], place))
    tasks["seed"] = tasks["seed"].fillna(seeds.astype("Int64"))
    counts = {one["status"]: one["count"] for one in batch["figures"]["counts"]}
    status = TaskStatus.QUEUEING if batch["cancelledAt"] is None else TaskStatus.CANCELLED
    if counts[status] > (tasks["status"] == status.value).sum():  # else their tasks were deleted
        tasks.loc[missing, "status"] = status.value


def parameters(grids: Sequence[Grid]) -> dict[str, pd.Series[Any]]:
    """The arguments of the points as columns of their own types; ``arg1`` is the first that goes by position."""
    names = list(dict.fromkeys(name for grid in grids for name in grid.names))
    return {column_name(name): column([cell for grid in grids for cell in _cells(grid, name)]) for name in names}


def _cells(grid: Grid, name: str) -> list[Any]:
    if name not in grid.names:
        return [None] * len(grid)
    texts = grid.column(name)
    unlike = {text: exact_json.decode(text) for text in set(texts)}
    return [unlike[text] for text in texts]


def failures_frame(groups: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Why points failed, as `Sweep.failures` gives it."""
    # late: as above
    import pandas as pd

    rows = [
        {
            "cause": cause(group), "count": group["count"], "example": group["example"], "point": group["point"],
            "message": group["message"],
        }
        for group in groups
    ]
    kinds = {"cause": "string", "count": "int64", "example": "int64", "point": "int64", "message": "string"}
    return pd.DataFrame(rows, columns=list(kinds)).astype(kinds)


def cause(group: Mapping[str, Any]) -> str:
    """Why points failed: ``DomainError in line 3``."""
    return str(group["name"]) if group["line"] is None else f"{group['name']} in line {group['line']}"
