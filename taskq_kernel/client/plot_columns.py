"""The columns of a sweep's frame, as a picture needs them: numbers, moments, or texts."""

from __future__ import annotations

from decimal import Decimal
from math import nan
from numbers import Real
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

#: Up to how many values are lines of their own.
_LINES = 10
#: Up to how many characters the name of a line is written as it is.
_LONG = 8
#: What stands between the arguments and the values of a frame.
_FIRST_OWN, _LAST_OWN = "status", "number"


def parts_of(frame: pd.DataFrame) -> tuple[list[str], list[str], list[str]]:
    """The arguments of a frame, what it has of its own, and the values; an argument may have the name of what it has.

    What is its own comes later then, with an underscore behind its name; its status is its only category.
    """
    names = list(frame.columns)
    kinds = [str(kind) for kind in frame.dtypes]
    first = kinds.index("category") if "category" in kinds else names.index(_FIRST_OWN)
    last = next(place for place in range(first, len(names)) if names[place].rstrip("_") == _LAST_OWN)
    return names[:first], names[first : last + 1], names[last + 1 :]


def varies(column: pd.Series[Any]) -> bool:
    """Whether it is not the same for all points."""
    kept = column.map(repr) if column.dtype == object else column
    return len(kept.drop_duplicates()) > 1


def is_numbers(column: pd.Series[Any]) -> bool:
    """Whether all that is there is a number."""
    kept = column.dropna().infer_objects()
    if kept.dtype == object:  # beyond 64 bits, fractions, decimals
        return len(kept) > 0 and all(isinstance(cell, Real | Decimal) for cell in kept)
    return bool(kept.dtype.kind in "iufb")


def is_line_each(column: pd.Series[Any]) -> bool:
    """Whether it has so few values that each is a line of its own."""
    return int(texts(column).nunique()) <= _LINES


def can_be_told_apart(column: pd.Series[Any]) -> bool:
    """Whether its values can be colours: few, or numbers."""
    return is_line_each(column) or is_numbers(column)


def floats(column: pd.Series[Any]) -> pd.Series[Any]:
    """Numbers as they are drawn; what no float64 holds is not."""
    if column.dtype != object:
        return column.astype("float64")
    return column.map(_float, na_action="ignore").astype("float64")


def _float(cell: Any) -> float:
    try:
        return float(cell)
    except OverflowError:
        return nan


def texts(column: pd.Series[Any]) -> pd.Series[Any]:
    """A column of unlike things, lists or dictionaries as texts, which can be told apart and sorted."""
    return column.map(str) if column.dtype == object else column


def placed(frame: pd.DataFrame, *names: str) -> pd.DataFrame:
    """The frame with some columns as axes can have them: numbers, moments, or texts."""
    odd = [name for name in names if frame[name].dtype == object]
    return frame.assign(
        **{name: floats(frame[name]) if is_numbers(frame[name]) else texts(frame[name]) for name in odd}
    )


def is_scattered(frame: pd.DataFrame, x: str, y: str) -> bool:
    """Whether two arguments are no grid: each place of one has a single one of the other."""
    if not (is_numbers(frame[x]) and is_numbers(frame[y])):
        return False
    wide, high = int(frame[x].nunique()), int(frame[y].nunique())
    return min(wide, high) > 1 and len(frame[[x, y]].drop_duplicates()) <= max(wide, high)


def labels(values: list[Any]) -> list[str]:
    """Values as texts; floats with as few digits as tell them apart, six or all."""
    short = [f"{value:.6g}" if isinstance(value, float) and len(str(value)) > _LONG else str(value) for value in values]
    return short if len(set(short)) == len(short) else list(map(str, values))
