"""Python objects as arguments of Julia code: JSON that ``julia/json.jl`` reads.

``docs/values.md`` has the table of types, and a test goes through it cell by cell. What has
no form there is refused with its place and what to give instead: nothing becomes something
else in silence.
"""

from __future__ import annotations

import dataclasses
import datetime
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from numbers import Integral, Rational
from typing import TYPE_CHECKING, Any
from uuid import UUID

from taskq_kernel import columns, moments
from taskq_kernel.errors import InvalidTask
from taskq_kernel.exact_json import LONG_BITS, MAX_DEPTH, MAX_EXPONENT
from taskq_kernel.literals import JuliaValue
from taskq_kernel.typed_values import array_tag

if TYPE_CHECKING:
    from taskq_kernel.large_arrays import Store
#: Levels of JSON below an argument; the object that holds all of them is one more.
_DEEPEST = MAX_DEPTH - 1


def encode_arguments(arguments: Mapping[str, Any], store: Store | None = None) -> dict[str, Any]:
    """Arguments of a task as JSON.

    Besides what JSON has: NaN and infinities, decimals, complex numbers, fractions, dates,
    tuples and sets, dicts with any keys, dataclasses, numpy's numbers and arrays, pandas'
    columns and tables.

    Parameters
    ----------
    store : callable, optional
        Stores a file under its SHA-256: arrays of numbers of more than 64 KiB go there, wherever they
        stand. Default: they are JSON like others.

    Raises
    ------
    InvalidTask
        If one of them cannot be written. It is named.
    """
    if store is not None and "numpy" in sys.modules:
        # late: it needs numpy, which is loaded already where there is an array
        from taskq_kernel.large_arrays import LargeArrays

        arrays = LargeArrays(store)
        arguments = {name: arrays.apart(value) for name, value in arguments.items()}
    encoded = {}
    for name, value in arguments.items():
        if not isinstance(name, str):
            raise InvalidTask("is named by no string: names of arguments are strings", "arguments",
                              place=f"argument {name!r}")  # fmt: skip
        try:
            encoded[name] = _encode(value, name, 0)
        except InvalidTask as error:
            error.field = f"arguments.{name[:80]}"
            raise
    return encoded


def encode_array(array: Any) -> Any:
    """An array of numbers as lists in lists, for whoever wants JSON."""
    return _encode(array.tolist(), "value", 0)


def _encode(value: Any, where: str, depth: int) -> Any:
    if depth > _DEEPEST:
        raise InvalidTask(f"is nested more than {MAX_DEPTH} levels deep", place=f"argument {where[:80]}...")
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return _text(value, where)
    if isinstance(value, float):
        return _float(float(value))
    if isinstance(value, JuliaValue):
        return {value.tag: _encode(value.content, where, depth + 1)}
    if isinstance(value, Mapping):
        return _mapping(value, where, depth)
    if hasattr(value, "as_argument"):  # a task, which stands for its value, or several
        return value.as_argument()
    if isinstance(value, list | tuple | set | frozenset | range):
        return [_encode(item, f"{where}[{index}]", depth + 1) for index, item in enumerate(value)]
    if isinstance(value, type):
        raise _refusal(value, where, "give a value, or the name of a type as a string")
    if _is_from(value, "numpy"):
        return _from_numpy(value, where, depth)
    if _is_from(value, "pandas"):
        return _from_pandas(value, where, depth)
    if isinstance(value, datetime.date | datetime.time):
        return _encode(_moment(moments.of_python, value, where), where, depth)
    return _scalar(value, where) if isinstance(value, _SCALARS) else _other(value, where, depth)


_SCALARS = (Integral, complex, Decimal, Rational, UUID)


def _scalar(value: Any, where: str) -> Any:
    if isinstance(value, Integral):
        return _integer(int(value))
    if isinstance(value, complex):
        return {"$complex": [_float(value.real), _float(value.imag)]}
    if isinstance(value, Decimal):
        return _decimal(value, where)
    if isinstance(value, Rational):
        over, under = int(value.numerator), int(value.denominator)
        return _integer(over) if under == 1 else {"$rational": [_integer(over), _integer(under)]}
    return str(value)


def _other(value: Any, where: str, depth: int) -> Any:
    if isinstance(value, _Parts):
        return {"$complex": [_encode(part, where, depth) for part in (value.real, value.imaginary)]}
    if isinstance(value, datetime.timedelta):
        raise _refusal(value, where, "give a number, such as its total_seconds()")
    if isinstance(value, bytes | bytearray | memoryview):
        raise _refusal(value, where, "give text, as by decode(), or list(...) for the numbers")
    if isinstance(value, Enum):
        raise _refusal(value, where, "give its .value or its .name")
    if dataclasses.is_dataclass(value):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return _mapping(fields, where, depth)
    if hasattr(value, "numerator") and hasattr(value, "denominator"):  # of a library that registers nothing
        with _blamed(value, where):
            return _scalar(Fraction(int(value.numerator), int(value.denominator)), where)
    # Arrays of other libraries.
    if hasattr(value, "tolist"):
        with _blamed(value, where):
            items = value.tolist()
        if type(items) is not type(value):
            return _encode(items, where, depth + 1)
    raise _refusal(value, where, "give numbers, strings, lists and dicts")


# -- numbers -------------------------------------------------------------------------------


def _integer(value: int) -> Any:
    return value if value.bit_length() <= LONG_BITS else {"$int": hex(value)}


def _float(value: float) -> Any:
    return value if math.isfinite(value) else {"$float": _named(value)}


def _decimal(value: Decimal, where: str) -> Any:
    """Every finite decimal is a BigFloat, whether it has many digits or few."""
    if not value.is_finite():
        if value.is_snan():
            raise _refusal(value, where, "a signalling NaN is no number that Julia has")
        return _float(float(value))
    if value and abs(value.adjusted()) > MAX_EXPONENT:
        raise _refusal(value, where, f"its power of ten is more than {MAX_EXPONENT:,}")
    return {"$float": str(value)}


def _named(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


# -- texts and dicts -----------------------------------------------------------------------


def _text(value: str, where: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidTask("is not text: it holds half of a surrogate pair", place=f"argument {where}") from None
    return str.__str__(value)


def _mapping(value: Mapping[Any, Any], where: str, depth: int) -> dict[str, Any]:
    """An object; or pairs, where a key is no string or begins as our tags do."""
    if all(isinstance(key, str) and not key.startswith("$") for key in value):
        return {
            _text(key, f"{where}[{key!r}]"): _encode(item, f"{where}[{key!r}]", depth + 1)
            for key, item in value.items()
        }
    return {
        "$dict": [
            [
                _encode(key, f"the key {_shown(key)} of {where}", depth + 4),
                _encode(item, f"{where}[{_shown(key)}]", depth + 4),
            ]
            for key, item in value.items()
        ]
    }


# -- numpy and pandas ----------------------------------------------------------------------


def _is_from(value: Any, package: str) -> bool:
    """Whether a class of it, or of what it is derived from, is this package's."""
    return package in sys.modules and any(
        kind.__module__.partition(".")[0] == package for kind in type(value).__mro__
    )


def _from_numpy(given: Any, where: str, depth: int) -> Any:
    # late: it is loaded already where there is such a value, and not needed elsewhere
    import numpy as np

    if not isinstance(given, np.generic | np.ndarray):
        raise _refusal(given, where, "give numbers, strings, lists and dicts")
    value: Any = given
    if value.dtype.names:  # rows with named fields are a table
        return _mapping({name: value[name] for name in value.dtype.names}, where, depth)
    if isinstance(value, np.ma.MaskedArray):
        return _encode(columns.masked(value), where, depth)
    match value.dtype.kind:
        case "M":
            return _encode(_moment(moments.of_numpy, value, where), where, depth)
        case "m":
            raise _refusal(value, where, "give a number and say of what, as by dividing by numpy.timedelta64(1, 's')")
        case "f" | "c" if value.dtype.itemsize > (8 if value.dtype.kind == "f" else 16):
            each: Any = np.frompyfunc(_exact, 1, 1)
            return _encode(np.asarray(each(value), dtype=object).tolist(), where, depth)
        case "S" | "V":
            raise _refusal(value, where, "give text, as by numpy.char.decode, or numbers")
    if isinstance(value, np.ndarray) and value.ndim:
        return array_tag(value, _encode(value.tolist(), where, depth + 2))
    return _encode(value.tolist(), where, depth)


def _moment(make: Callable[[Any], Any], value: Any, where: str) -> Any:
    """What stands for dates or times, which may be finer than Julia's."""
    try:
        return make(value)
    except moments.TooFine as problem:
        raise _refusal(value, where, str(problem)) from None


class _Parts:
    """A complex number of more than double precision."""

    def __init__(self, real: Any, imaginary: Any) -> None:
        self.real, self.imaginary = real, imaginary


def _exact(number: Any) -> Any:
    """A number of more than double precision: a float where that holds it, else a decimal."""
    # late: it is loaded already where there is such a value, and not needed elsewhere
    import numpy as np

    if isinstance(number, np.complexfloating):
        return complex(number) if complex(number) == number else _Parts(_exact(number.real), _exact(number.imag))
    number = np.longdouble(number)
    double = float(number)
    if double == number or not np.isfinite(number):
        return double
    digits = int(np.finfo(np.longdouble).precision) + 3  # as many as tell any two of them apart
    return Decimal(np.format_float_scientific(number, precision=digits, unique=False))


def _from_pandas(value: Any, where: str, depth: int) -> Any:
    # late: as numpy
    import pandas as pd

    if value is pd.NA or value is pd.NaT:
        return _encode(columns.MISSING, where, depth)
    if isinstance(value, pd.DataFrame):
        if not value.columns.is_unique:
            twice = value.columns[value.columns.duplicated()][0]
            raise _refusal(value, where, f"it has two columns named {twice!r}", shown="")
        # Column by column, for the missing among whole numbers.
        return _mapping({name: value[name] for name in value.columns}, where, depth)
    if isinstance(value, pd.Timestamp):
        return _encode(_moment(moments.of_python, value, where), where, depth)
    if isinstance(value, pd.Timedelta):
        raise _refusal(value, where, "give a number, such as its total_seconds()")
    if hasattr(value, "tolist"):  # columns, indexes, arrays
        with _blamed(value, where):
            items = columns.column(value)
        return _encode(items, where, depth)
    raise _refusal(value, where, "give numbers, strings, lists and dicts")


# -- what cannot cross ---------------------------------------------------------------------


@contextmanager
def _blamed(value: Any, where: str) -> Iterator[None]:
    """Whatever an object's own methods raise is told with its place."""
    try:
        yield
    except Exception as error:
        raise _refusal(value, where, f"it cannot be read ({type(error).__name__}: {error})") from None


def _refusal(value: Any, where: str, instead: str, shown: str | None = None) -> InvalidTask:
    what = f"{type(value).__name__} {_shown(value) if shown is None else shown}".rstrip()
    return InvalidTask(f"is {what}: {instead}", place=f"argument {where}")


def _shown(value: Any) -> str:
    try:
        text = str(value) if not isinstance(value, str) else value
    except Exception:
        return "that cannot be shown"
    return repr(text[:60])
