"""Tasks as a pandas DataFrame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from taskq_kernel.client.tidy import argument_columns
from taskq_kernel.domain import TaskStatus
from taskq_kernel.task_fields import TASK_FIELDS
from taskq_kernel.values import decode

if TYPE_CHECKING:
    import pandas as pd

#: The columns, in their order: where each comes from, and its dtype.
COLUMNS: dict[str, tuple[str, str]] = {
    field.name: (field.graphql, field.dtype)
    for field in sorted(TASK_FIELDS, key=lambda field: field.name == "id")  # the index is what people go by
    if field.dtype
}


def make_frame(rows: Iterable[Mapping[str, Any]], *, values: bool = True) -> pd.DataFrame:
    """A DataFrame with one row a task, indexed by the task's number.

    Parameters
    ----------
    rows : iterable of dict
        Tasks with GraphQL's field names.
    values : bool
        Whether there is a column ``value``. A value too large to travel with its task is
        None there; ``value_text`` shows how it begins, and `Task.value` fetches it.

    Returns
    -------
    pandas.DataFrame
        Index ``number`` (int64) and `COLUMNS`: ``status`` is an ordered category, times are
        ``datetime64[us, UTC]``, ``seconds`` and ``progress`` are float64 with NaN where there
        is none, ``seed`` is Int64, texts are pandas strings, with NA where there is none, ``value`` holds Python
        objects.
    """
    # late: pandas takes longer to load than a whole command
    import pandas as pd

    rows = list(rows)
    index = pd.Index([row["number"] for row in rows], dtype="int64", name="number")
    columns = {
        column: _column(kind, [row.get(field) for row in rows], rows, index)
        for column, (field, kind) in COLUMNS.items()
        if values or kind != "value"
    }
    return pd.DataFrame(columns, index=index)


def with_arguments(frame: pd.DataFrame, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The frame of some tasks, and behind it a column for each of their arguments, of the type that its values have.

    ``arg1`` is the first that goes by position. An argument with the name of another column is called
    ``arguments.<name>``.
    """
    # late: pandas takes longer to load than a whole command
    import pandas as pd

    found = argument_columns([row.get("arguments") or {} for row in rows], frame.index)
    taken = {*frame.columns, frame.index.name}
    columns = {f"arguments.{name}" if name in taken else name: column for name, column in found.items()}
    return pd.concat([frame, pd.DataFrame(columns, index=frame.index)], axis=1) if columns else frame


def _column(kind: str, cells: list[Any], rows: list[Mapping[str, Any]], index: pd.Index[int]) -> pd.Series[Any]:
    # late: pandas takes longer to load than a whole command
    import pandas as pd

    if kind == "value":
        return pd.Series([_value(row) for row in rows], index=index, dtype="object")
    if kind == "error":
        texts = [None if cell is None else f"{cell['name']}: {cell['message']}" for cell in cells]
        return pd.Series(texts, index=index, dtype="string")
    if kind == "status":
        known = pd.CategoricalDtype([status.value for status in TaskStatus], ordered=True)
        return pd.Series(cells, index=index, dtype=known)
    if kind == "time":
        times = pd.to_datetime(pd.Series(cells, index=index, dtype="object"), utc=True, format="ISO8601")
        return times.astype("datetime64[us, UTC]")
    return pd.Series(cells, index=index, dtype=kind)


def _value(row: Mapping[str, Any]) -> Any:
    if row.get("valueKind") is None or row.get("valueRef") or "value" not in row:
        return None
    return decode(row["valueKind"], row["value"], row.get("valueType") or "")
