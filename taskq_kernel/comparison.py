"""Two values of a task, compared: the same to the last bit, equal within rounding, or different, and where.

Values are Python objects as `taskq_kernel.values.decode` makes them. NaN equals NaN, and what is missing equals
what is missing; zero and minus zero are not the same bits. Numbers are compared by their difference relative to the
larger one; in an array, or a list of numbers, relative to the largest of all: an element that should be zero, and
is rounding, says nothing by its own size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from numbers import Number
from typing import Any

#: Up to which relative difference numbers count as equal: the square root of the distance between 1 and the next
#: Float64, as Julia's ``isapprox`` has it.
RTOL = 2.0**-26
#: How much of a value is shown, in characters.
_TEXT = 60


class Likeness(StrEnum):
    """How two values stand to each other."""

    SAME_BITS = "SAME_BITS"
    EQUAL_WITHIN = "EQUAL_WITHIN"
    DIFFERENT = "DIFFERENT"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a comparison has come to; it is true unless the values differ.

    Attributes
    ----------
    kind : Likeness
        Same bits, equal within something, or different.
    within : float
        The largest relative difference of two numbers; 0 for the same bits.
    path : str
        Where the first difference is, as Python would index the value: ``["curve"][3]``; empty for the value itself.
    first, second : str
        What is there, in the first value and in the second, as short texts.
    """

    kind: Likeness
    within: float = 0.0
    path: str = ""
    first: str = ""
    second: str = ""

    def __bool__(self) -> bool:
        return self.kind is not Likeness.DIFFERENT

    def __str__(self) -> str:
        if self.kind is Likeness.SAME_BITS:
            return "same bits"
        if self.kind is Likeness.EQUAL_WITHIN:
            return f"equal within {self.within:.2g}"
        where = f"at {self.path}" if self.path else "in the value itself"
        return f"different: first {where}: {self.first}, then {self.second}"


@dataclass(frozen=True, slots=True)
class _Difference:
    """Two parts that are not the same; ``relative`` is None where they are not numbers that can be close."""

    path: str
    first: Any
    second: Any
    relative: float | None = None


def compare(first: Any, second: Any, rtol: float = RTOL) -> Verdict:
    """Compare two values.

    Parameters
    ----------
    first, second : object
        The values, decoded.
    rtol : float
        Up to which relative difference numbers count as equal.

    Returns
    -------
    Verdict
        How they stand to each other. Where they differ: the first place that does, by more than ``rtol``.
    """
    within = 0.0
    nearest: _Difference | None = None
    for found in _differences("", first, second, rtol):
        if found.relative is None or not found.relative <= rtol:
            return Verdict(Likeness.DIFFERENT, math.inf, found.path, _shown(found.first), _shown(found.second))
        nearest = nearest or found
        within = max(within, found.relative)
    if nearest is None:
        return Verdict(Likeness.SAME_BITS)
    return Verdict(Likeness.EQUAL_WITHIN, within, nearest.path, _shown(nearest.first), _shown(nearest.second))


def _differences(path: str, a: Any, b: Any, rtol: float) -> Iterator[_Difference]:
    if a is b:
        return
    if _is_frame(a) and _is_frame(b):
        yield from _frames(path, a, b, rtol)
    elif _is_array(a) and _is_array(b):
        yield from _arrays(path, a, b, rtol)
    elif type(a) is not type(b):
        yield _Difference(path, a, b)
    elif isinstance(a, str):
        yield from _texts(path, a, b)
    elif isinstance(a, Mapping):
        yield from _mappings(path, a, b, rtol)
    elif isinstance(a, Sequence) and not isinstance(a, bytes):
        yield from _sequences(path, a, b, rtol)
    elif hasattr(a, "bundle"):
        yield from _mappings(path, a.bundle, b.bundle, rtol)
    elif isinstance(a, Number) and not isinstance(a, bool):
        yield from _numbers(path, a, b, rtol)
    elif a != b:
        yield _Difference(path, a, b)


def _texts(path: str, a: str, b: str) -> Iterator[_Difference]:
    """Two texts; of long ones, from where they differ on."""
    if a != b:
        place = next((i for i, (one, other) in enumerate(zip(a, b, strict=False)) if one != other), min(len(a), len(b)))
        far = place > _TEXT // 2
        yield _Difference(f"{path}[{place}:]", a[place:], b[place:]) if far else _Difference(path, a, b)


def _mappings(path: str, a: Mapping[Any, Any], b: Mapping[Any, Any], rtol: float) -> Iterator[_Difference]:
    for key in [*a, *(key for key in b if key not in a)]:
        here = f"{path}[{key!r}]"
        if key in a and key in b:
            yield from _differences(here, a[key], b[key], rtol)
        else:
            yield _Difference(here, a.get(key, _NOTHING), b.get(key, _NOTHING))


def _sequences(path: str, a: Sequence[Any], b: Sequence[Any], rtol: float) -> Iterator[_Difference]:
    if len(a) != len(b):
        yield _Difference(f"len({path or 'value'})", len(a), len(b))
    elif a and all(type(one) is float for one in a) and all(type(one) is float for one in b):
        import numpy as np

        yield from _arrays(path, np.asarray(a), np.asarray(b), rtol)
    else:
        for index, (one, other) in enumerate(zip(a, b, strict=True)):
            yield from _differences(f"{path}[{index}]", one, other, rtol)


def _numbers(path: str, a: Any, b: Any, rtol: float) -> Iterator[_Difference]:
    """Two numbers of one type: floats of any precision and complex numbers may be close, others are equal or not."""
    if isinstance(a, float | complex):
        import numpy as np

        yield from _arrays(path, np.asarray(a), np.asarray(b), rtol)
    elif a != b and not (a != a and b != b):  # NaN is not itself
        may_be_close = hasattr(a, "is_nan")  # a Decimal
        yield _Difference(path, a, b, float(abs(a - b) / max(abs(a), abs(b))) if may_be_close else None)


def _arrays(path: str, a: Any, b: Any, rtol: float) -> Iterator[_Difference]:
    """NumPy's arrays; of all that differ, the first one that is not close, or else the first."""
    import numpy as np

    if a.shape != b.shape or a.dtype != b.dtype:
        yield _Difference(path, _Described(a), _Described(b))
        return
    if a.dtype.kind not in "fc":
        differing = _unequal(a, b)
        if differing.any():
            yield _at(path, a, b, np.argwhere(differing)[0], None)
        return
    differing = _unequal(a, b) | _other_zero(a, b)
    if not differing.any():
        return
    with np.errstate(all="ignore"):
        finite = np.abs(np.concatenate([a.ravel(), b.ravel()]).astype(np.complex128 if a.dtype.kind == "c" else float))
        largest = finite[np.isfinite(finite)].max(initial=0.0)
        distance = np.abs(a - b)
        relative = distance / largest if largest else np.zeros_like(distance)
    # Nothing is close to NaN, or to an infinity.
    relative = np.where(np.isfinite(a) & np.isfinite(b), relative, np.inf)
    relative = np.where(differing, relative, 0.0)
    worst = float(relative.max())
    yield _at(path, a, b, np.argwhere(differing if worst <= rtol else relative > rtol)[0], worst)


def _unequal(a: Any, b: Any) -> Any:
    """Where two arrays differ; NaN, and a time that is none, are themselves."""
    with_nan = a.dtype.kind in "fcmM"
    return (a != b) & ~((a != a) & (b != b)) if with_nan else a != b


def _other_zero(a: Any, b: Any) -> Any:
    """Where a zero has another sign."""
    import numpy as np

    if a.dtype.kind == "c":
        return _other_zero(a.real, b.real) | _other_zero(a.imag, b.imag)
    return (a == 0) & (b == 0) & (np.signbit(a) != np.signbit(b))


def _at(path: str, a: Any, b: Any, index: Any, relative: float | None) -> _Difference:
    place = tuple(int(one) for one in index)
    where = f"{path}[{', '.join(map(str, place))}]" if place else path
    return _Difference(where, a[place].item(), b[place].item(), relative)


def _frames(path: str, a: Any, b: Any, rtol: float) -> Iterator[_Difference]:
    """pandas' tables, column by column."""
    if list(a.columns) != list(b.columns):
        yield _Difference(f"{path}.columns", list(a.columns), list(b.columns))
    elif len(a) != len(b):
        yield _Difference(f"len({path or 'value'})", len(a), len(b))
    else:
        for name in a.columns:
            yield from _columns(f"{path}[{name!r}]", a[name], b[name], rtol)


def _columns(path: str, a: Any, b: Any, rtol: float) -> Iterator[_Difference]:
    if a.dtype != b.dtype:
        yield _Difference(path, a.dtype, b.dtype)
    elif a.dtype.kind in "fciub" and type(a.dtype).__module__.startswith("numpy"):
        yield from _arrays(path, a.to_numpy(), b.to_numpy(), rtol)
    else:
        yield from _sequences(path, _plain(a), _plain(b), rtol)


def _plain(column: Any) -> list[Any]:
    """The cells of a column, None for what is missing."""
    missing = column.isna()
    cells = zip(column.tolist(), missing, strict=True)
    return [None if gone and not isinstance(cell, float) else cell for cell, gone in cells]  # NaN is a value


class _Described:
    """An array of which the shape or the type differs."""

    def __init__(self, array: Any) -> None:
        self._array = array

    def __repr__(self) -> str:
        shape = " by ".join(map(str, self._array.shape)) or "one number"
        return f"{shape} of {self._array.dtype}"


class _Nothing:
    def __repr__(self) -> str:
        return "nothing there"


_NOTHING = _Nothing()


def _is_array(value: Any) -> bool:
    return hasattr(value, "dtype") and hasattr(value, "shape") and not hasattr(value, "columns")


def _is_frame(value: Any) -> bool:
    return hasattr(value, "columns") and hasattr(value, "dtypes")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _TEXT else f"{text[: _TEXT - 1]}…"
