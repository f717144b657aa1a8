"""The points of a sweep as they travel and are kept: columns or axes of JSON, never a list of points.

A *design* is an object with one of two members. ``columns`` has a list for each argument, all of
the same length: point *i* takes the *i*-th entry of each. ``axes`` has a list for each argument,
and the points are their product: the last axis runs fastest, as nested loops would go. The names of
arguments that go by position are ``"1"``, ``"2"``, ...

A hundred thousand points of two arguments with a few hundred values each are some kilobytes so, and
any point is found by its place without making the others.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from taskq_kernel import exact_json
from taskq_kernel.argument_names import check_argument_names, named_only
from taskq_kernel.errors import InvalidJSON, InvalidTask
from taskq_kernel.passed_values import passed_values

MAX_POINTS = 1_000_000
MAX_DESIGN_BYTES = 48 << 20
MAX_POINT_BYTES = 1 << 20


class _Design(msgspec.Struct, forbid_unknown_fields=True):
    columns: dict[str, list[msgspec.Raw]] | None = None
    axes: dict[str, list[msgspec.Raw]] | None = None


_decoder = msgspec.json.Decoder(_Design)


class Grid(Sequence[str]):
    """The points of a design: a sequence of their arguments, each as the JSON of an object.

    Parameters
    ----------
    design : str
        The design, as `read_design` or `write_design` gives it.

    Attributes
    ----------
    names : tuple of str
        The arguments, in the order of their axes.
    """

    def __init__(self, design: str) -> None:
        read = _decoder.decode(design)
        self._product = read.axes is not None
        lists = (read.axes if read.axes is not None else read.columns) or {}
        self.names = tuple(lists)
        self._lists = [[bytes(item).decode() for item in items] for items in lists.values()]
        self._heads = [f"{msgspec.json.encode(name).decode()}:" for name in lists]
        # By name, so that the same arguments are the same text in whichever order they were given.
        self._sorted = sorted(range(len(self.names)), key=self.names.__getitem__)
        sizes = [len(items) for items in self._lists]
        self._count = math.prod(sizes) if self._product else (sizes[0] if sizes else 0)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[index] for index in range(*place.indices(self._count))]
        if not 0 <= place < self._count:
            raise IndexError(f"point {place} of {self._count}")
        cells = self.cells(place)
        return "{" + ",".join(self._heads[index] + cells[index] for index in self._sorted) + "}"

    def cells(self, place: int) -> list[str]:
        """The arguments of a point, each as JSON, in the order of `names`."""
        if not self._product:
            return [items[place] for items in self._lists]
        cells = []
        for items in reversed(self._lists):
            place, index = divmod(place, len(items))
            cells.append(items[index])
        return cells[::-1]

    def column(self, name: str) -> list[str]:
        """One argument of every point, each as JSON."""
        index = self.names.index(name)
        items = self._lists[index]
        if not self._product:
            return items
        sizes = [len(of) for of in self._lists]
        inner, outer = math.prod(sizes[index + 1 :]), math.prod(sizes[:index])
        return [item for item in items for _ in range(inner)] * outer


def names_of(design: str) -> tuple[str, ...]:
    """The arguments of a design, as `Grid` has them, without a look at its points, of which there may be a million."""
    return tuple(next(filter(None, _axes.decode(design).values()), ()))


_axes = msgspec.json.Decoder(dict[str, dict[str, msgspec.Raw] | None])


def read_design(text: str) -> str:
    """Check a design that came from elsewhere; in the one form that is kept.

    Raises
    ------
    InvalidTask
        If it is none. The message names what is wrong with it.
    """
    if len(text) > MAX_DESIGN_BYTES:
        raise InvalidTask(f"has {len(text)} characters, more than the {MAX_DESIGN_BYTES} allowed", "design")
    try:
        data = exact_json.decode(text)
        kept = exact_json.encode(data).decode()
        exact_json.check_depth(data, kept.encode())
        grid = Grid(kept)
    except (InvalidJSON, msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidTask(f"is no design: {error}", "design") from None
    _check(data, grid, kept)
    return kept


def _check(data: Mapping[str, Any], grid: Grid, design: str) -> None:
    if len([name for name in ("columns", "axes") if data.get(name) is not None]) != 1:
        raise InvalidTask("has neither columns nor axes, or both: give one of them", "design")
    if '"$task":' in design:
        raise InvalidTask("has a task for a value: give its result, or call the function once for it", "design")
    if passed_values(design):
        raise InvalidTask("has a large value that the service keeps: give it to single tasks", "design")
    if "\0" in "".join(grid.names):
        raise InvalidTask("has a name that holds a NUL character", "design")
    check_argument_names(named_only(grid.names))
    columns = data.get("columns")
    if columns is not None and len({len(items) for items in columns.values()}) > 1:
        lengths = ", ".join(f"{name}: {len(items)}" for name, items in columns.items())
        raise InvalidTask(f"has columns that differ in length ({lengths[:200]})", "design")
    if len(grid) > MAX_POINTS:
        raise InvalidTask(f"has {len(grid):,} points, more than the {MAX_POINTS:,} allowed", "design")
    lists = (columns if columns is not None else data["axes"]).values()
    longest = sum(max((len(exact_json.encode(item)) for item in items), default=0) for items in lists)
    if longest > MAX_POINT_BYTES:
        raise InvalidTask(
            f"has points of up to {longest} bytes of arguments, more than the {MAX_POINT_BYTES} allowed", "design"
        )


def write_design(*, columns: Mapping[str, Any] | None = None, axes: Mapping[str, Any] | None = None) -> str:
    """A design of arguments that are JSON already."""
    kind, lists = ("columns", columns) if columns is not None else ("axes", axes)
    return exact_json.encode({kind: lists}).decode()


def design_hash(design: str) -> str:
    """What tells designs apart."""
    return sha256(design.encode()).hexdigest()


def part_of(grid: Grid, places: Iterable[int]) -> str:
    """The design of some of a grid's points."""
    columns: list[list[msgspec.Raw]] = [[] for _ in grid.names]
    for place in places:
        for column, cell in zip(columns, grid.cells(place), strict=True):
            column.append(msgspec.Raw(cell.encode()))
    return msgspec.json.encode({"columns": dict(zip(grid.names, columns, strict=True))}).decode()


def new_places(grid: Grid, there: Iterable[Iterable[str]]) -> Iterator[int]:
    """The places of the points of a grid that are not among those that are there.

    A point that stands in a grid several times is there as often: repetitions with other seeds
    are points of their own.

    Parameters
    ----------
    there : iterable of iterables of str
        The grids whose points are there.
    """
    left = Counter(arguments for other in there for arguments in other)
    for place, arguments in enumerate(grid):
        if left[arguments] > 0:
            left[arguments] -= 1
        else:
            yield place
