"""Columns of tidy frames: arguments of their own types, and a column for each field of values that have fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from taskq_kernel.argument_names import is_place
from taskq_kernel.domain import ValueKind
from taskq_kernel.values import decode

if TYPE_CHECKING:
    import pandas as pd

_INT64 = range(-(1 << 63), 1 << 63)
#: Up to here a float64 holds every integer.
_EXACT = 1 << 53


def argument_columns(arguments: Sequence[Mapping[str, Any]], index: pd.Index[Any]) -> dict[str, pd.Series[Any]]:
    """The arguments of tasks, as JSON has them, as columns; ``arg1`` is the first that goes by position."""
    names = dict.fromkeys(name for given in arguments for name in given)
    return {column_name(name): column([given.get(name) for given in arguments], index) for name in names}


def column_name(argument: str) -> str:
    """What the column of an argument is called."""
    return f"arg{argument}" if is_place(argument) else argument


def column(cells: list[Any], index: pd.Index[Any] | None = None) -> pd.Series[Any]:
    """Cells as a column of the type that they have, whatever is missing; of objects where it is more than one."""
    # late: pandas takes longer to load than a whole command
    import pandas as pd

    if any(isinstance(cell, dict | list) for cell in cells):
        cells = [decode(ValueKind.JSON, cell) for cell in cells]
    made = pd.Series(cells, index=index, dtype="object")
    kinds = {type(cell) for cell in cells}
    moments = kinds - {type(None), type(pd.NA)}
    if moments in ({date}, {datetime}):  # pandas has no days: the coarsest that it has are seconds
        return made.where(made.notna(), pd.NaT).astype("datetime64[s]" if moments == {date} else "datetime64[ms]")
    if kinds == {str}:
        return made.astype("string")
    holes = kinds & {type(None), type(pd.NA)}
    if not holes:
        return made.infer_objects()
    kind = _WITH_HOLES.get(frozenset(kinds - holes))
    if kind is None or (kind == "Int64" and not all(type(cell) is not int or cell in _INT64 for cell in cells)):
        return made
    # What is missing is told from NaN.
    return made.astype("Float64" if kind == "float64" and type(pd.NA) in holes else kind)


_WITH_HOLES = {
    frozenset({int}): "Int64", frozenset({float}): "float64", frozenset({int, float}): "float64",
    frozenset({bool}): "boolean", frozenset({str}): "string",
}


def value_columns(values: pd.Series[Any]) -> dict[str, Any]:
    """The values as one column, of numbers where they are, or one for each field of named tuples and dictionaries."""
    # late: as above
    import pandas as pd

    present = values.dropna()
    if len(present) and all(isinstance(value, dict) for value in present):
        fields = list(dict.fromkeys(name for value in present for name in value))
        return {
            str(name): _value_column(
                pd.Series(
                    [value.get(name) if isinstance(value, dict) else None for value in values], index=values.index,
                    dtype="object",
                )
            )
            for name in fields
        }
    return {"value": _value_column(values)}


def _value_column(cells: pd.Series[Any]) -> pd.Series[Any]:
    """Values of the type that they have; integers that floats would round are kept where others are missing."""
    # late: as above
    import pandas as pd

    present = [cell for cell in cells if cell is not None and cell is not pd.NA]
    kinds = set(map(type, present))
    if kinds == {int} and len(present) < len(cells) and all(cell in _INT64 for cell in present):
        return cells.astype("Int64")
    if kinds == {int, float} and any(abs(cell) > _EXACT for cell in present if type(cell) is int):
        return cells
    return cells.infer_objects()


def add_columns(frame: pd.DataFrame, columns: Iterable[tuple[str, Any]]) -> pd.DataFrame:
    """The frame with more columns; one of a name that is there gets an underscore at its end."""
    # late: as above
    import pandas as pd

    there = set(frame.columns)
    added = {}
    for name, cells in columns:
        while name in there:
            name += "_"
        there.add(name)
        added[name] = cells
    return pd.concat([frame, pd.DataFrame(added, index=frame.index)], axis=1)
