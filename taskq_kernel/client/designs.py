"""From what a sweep is written as to its design: axes where all combinations are meant, columns where some are."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from taskq_kernel.columns import cells
from taskq_kernel.errors import InvalidTask
from taskq_kernel.grid import MAX_POINTS, write_design

if TYPE_CHECKING:
    import pandas as pd


class Point(Mapping[str, Any]):
    """A point that a condition looks at: ``p.n`` and ``p["n"]`` are its argument ``n``."""

    __slots__ = ("_values",)

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __getattr__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(f"a point has {', '.join(self._values)}, and no {name}") from None

    def __iter__(self) -> Any:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def product(axes: Mapping[str, Any], where: Callable[[Any], Any] | None = None) -> str:
    """All combinations of some arguments, or those for which a condition holds.

    Parameters
    ----------
    axes : dict
        For each argument a list, range, array or column of values, or one value for all points.
    where : callable, optional
        Takes a `Point`; the points for which it gives something true are kept.
    """
    values = {name: _axis(given) for name, given in axes.items()}
    _check_count(values)
    cells = {name: _encoded(name, items) for name, items in values.items()}
    if where is None:
        return write_design(axes=cells)
    kept: list[tuple[int, ...]] = []
    names = list(values)
    for places in itertools.product(*(range(len(items)) for items in values.values())):
        point = Point({name: values[name][place] for name, place in zip(names, places, strict=True)})
        if where(point):
            kept.append(places)
    columns = {name: [cells[name][places[index]] for places in kept] for index, name in enumerate(names)}
    return write_design(columns=columns)


def rows(frame: pd.DataFrame) -> str:
    """One point for each row of a table; its columns are the arguments."""
    if not hasattr(frame, "columns"):
        raise InvalidTask(f"is {type(frame).__name__}: give a DataFrame, such as pd.DataFrame(...) of it", "frame")
    for name in frame.columns:
        if not isinstance(name, str):
            raise InvalidTask(f"has a column named {name!r}: give strings, the names of arguments", "frame")
    if not frame.columns.is_unique:
        raise InvalidTask("has two columns of one name", "frame")
    return write_design(columns={name: _encoded(name, cells(frame[name])) for name in frame.columns})


def mapped(lists: Sequence[Iterable[Any]], constants: Mapping[str, Any]) -> str:
    """One point for each item, as Python's own ``map`` takes them: several lists go in step, the shortest ends them."""
    columns: dict[str, list[Any]] = {str(place): [] for place in range(1, len(lists) + 1)}
    for items in zip(*lists, strict=False):
        for column, item in zip(columns.values(), items, strict=True):
            column.append(item)
    count = len(next(iter(columns.values()), []))
    cells = {name: _encoded(name, column) for name, column in columns.items()}
    return write_design(columns=cells | {name: _encoded(name, [value]) * count for name, value in constants.items()})


def columns(values: Mapping[str, Sequence[Any]]) -> str:
    """One point for each place in lists of one length."""
    return write_design(columns={name: _encoded(name, list(items)) for name, items in values.items()})


def is_column(given: Any) -> bool:
    """Whether it is a column, index or array of numpy and pandas, or of libraries that take after them."""
    return hasattr(given, "tolist") and getattr(given, "ndim", 0) == 1


def _axis(given: Any) -> list[Any]:
    if isinstance(given, list | tuple | range):
        return list(given)
    return cells(given) if is_column(given) else [given]


def _encoded(name: str, items: list[Any]) -> list[Any]:
    # late: it looks for numpy and pandas
    from taskq_kernel.arguments import encode_arguments

    cells: list[Any] = encode_arguments({name: items})[name]
    return cells


def _check_count(values: Mapping[str, list[Any]]) -> None:
    count = 1
    for items in values.values():
        count *= len(items)
    if count > 10 * MAX_POINTS:
        sizes = " x ".join(str(len(items)) for items in values.values())
        raise InvalidTask(f"has {sizes} = {count:,} combinations: at most {MAX_POINTS:,} points are possible", "design")
