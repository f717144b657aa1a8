"""Frames as Parquet files, which pandas, polars, DuckDB, R and Julia read.

A column in Parquet has one type. Columns of one type keep it; of the others, nothing is lost and nothing
rounded:

======================================================  =================================================
a column of                                             is in the file
======================================================  =================================================
integers beyond 64 bits, decimals, fractions            text, as digits
complex numbers                                         a struct of ``re`` and ``im``
arrays of numbers and lists of one type                 lists, of lists where there are more dimensions
dates, times                                            dates, times
what is missing                                         null
everything else: unlike values, dictionaries, tables    text, as JSON, as ``docs/values.md`` has it
======================================================  =================================================

The index is a column like the others.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskq_kernel import exact_json
from taskq_kernel.arguments import encode_arguments
from taskq_kernel.client.tidy import add_columns
from taskq_kernel.errors import InvalidTask, SetupError

if TYPE_CHECKING:
    import pandas as pd


def to_parquet(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a frame, of `Client.results`, `Sweep.frame` or any other, as a Parquet file.

    Parameters
    ----------
    frame : pandas.DataFrame
        What is written. It is not changed.
    path : str or Path
        The file; one that is there is replaced.

    Raises
    ------
    SetupError
        If pyarrow is not installed.
    """
    try:
        # late: few need it, and it may not be installed
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise SetupError("Parquet files need pyarrow: pip install 'taskq-kernel[parquet]'") from None

    flat = frame
    if list(frame.index.names) != [None]:
        flat = add_columns(frame.index.to_frame(index=False), frame.reset_index(drop=True).items())
    columns = {str(name): _column(pa, flat[name]) for name in flat.columns}
    pq.write_table(pa.table(columns), path)


def plain(value: Any) -> Any:
    """A value as a text file can hold it: a number or text as it is, a date as ISO 8601, anything else as JSON."""
    if _is_missing(value):
        return None
    if isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Decimal | Fraction):
        return str(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return _json(value)


def _column(pa: Any, column: pd.Series[Any]) -> Any:
    if str(column.dtype) == "category":
        column = column.astype("string")
    if column.dtype != object and column.dtype.kind != "c":
        return pa.Array.from_pandas(column)
    cells = [None if _is_missing(cell) else cell for cell in column]
    present = [cell for cell in cells if cell is not None]
    if present and all(isinstance(cell, complex) for cell in present):
        return pa.array([None if cell is None else {"re": cell.real, "im": cell.imag} for cell in cells])
    if present and all(isinstance(cell, Decimal | Fraction) for cell in present):
        return pa.array([None if cell is None else str(cell) for cell in cells], pa.string())
    if present and all(type(cell) is int for cell in present) and max(map(int.bit_length, present)) >= 64:
        return pa.array([None if cell is None else str(cell) for cell in cells], pa.string())
    if len({_kind(cell) for cell in present}) <= 1 and not any(isinstance(cell, dict) for cell in present):
        try:
            return pa.array([_listed(cell) for cell in cells])
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
            pass  # what one type cannot hold, JSON can
    return pa.array([None if cell is None else _json(cell) for cell in cells], pa.string())


def _is_missing(cell: Any) -> bool:
    # pandas' and Julia's missing; not NaN, which is a number
    return cell is None or type(cell).__name__ in ("NAType", "NaTType")


def _kind(cell: Any) -> Any:
    """What has to be alike in a column: the type, and of arrays that of what is in them."""
    return (type(cell), getattr(cell, "dtype", None), getattr(cell, "ndim", None))


def _listed(cell: Any) -> Any:
    if type(cell).__module__ == "numpy" and getattr(cell, "ndim", 0) > 1:
        return cell.tolist()
    return cell


def _json(value: Any) -> str:
    bundle = getattr(value, "bundle", None)
    try:
        return exact_json.encode(_simple(encode_arguments({"value": bundle or value})["value"])).decode()
    except InvalidTask:
        return exact_json.encode(str(value)).decode()


def _simple(data: Any) -> Any:
    """JSON for other programs: what is missing is null, and a date is its text."""
    match data:
        case list():
            return [_simple(one) for one in data]
        case {"$missing": True}:
            return None
        case {"$date": str(text)} | {"$datetime": str(text)} | {"$time": str(text)}:
            return text
        case {"$array": [str(kind), list(rows), *_]} if "Missing" in kind or "Date" in kind:
            return rows
        case dict():
            return {key: _simple(value) for key, value in data.items()}
    return data
