"""Julia values as Python objects, and arguments as JSON.

A worker writes a value as JSON of one of four kinds (`taskq_kernel.domain.ValueKind`);
`decode` makes of it what a scientist would expect (``docs/values.md`` has the whole table,
and what becomes of Python's types as arguments: `taskq_kernel.arguments`):

==================================  =====================================================
Julia                               Python
==================================  =====================================================
integers, BigInt                    int, exact
Float64, NaN, Inf                   float
BigFloat                            float, or `decimal.Decimal` where it has more digits
Bool, String, Symbol, Char          bool, str
nothing, missing                    None
Complex, Rational                   complex, `fractions.Fraction`
Date, DateTime, Time                date, datetime, time
arrays of numbers, of dates         numpy.ndarray
Vector, Tuple, Set, range           list
Matrix, Array of more dimensions    list of rows, nested
Dict, NamedTuple                    dict
a table                             pandas.DataFrame
a plot, an image, HTML              `RichValue`
everything else                     str: Julia's ``repr``
==================================  =====================================================

Arrays and dates are so where Julia's name of the value's type is given, and are lists and ISO
8601 texts inside of something else.

JSON has no NaN, no complex number and no fraction; objects with one key that begins with
``$`` stand for them, in arguments too.
"""

from __future__ import annotations

import math
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from taskq_kernel.domain import ValueKind
from taskq_kernel.exact_json import MAX_EXPONENT, MAX_TYPED_DIGITS
from taskq_kernel.literals import JuliaValue
from taskq_kernel.moments import READERS
from taskq_kernel.passed_values import PassedValue
from taskq_kernel.printable import printable
from taskq_kernel.typed_values import column, read_array, typed

if TYPE_CHECKING:
    import pandas as pd

#: MIME types that can be shown, the best first.
_BEST_FIRST = ("text/html", "image/svg+xml", "image/png", "text/plain")
_SUFFIXES = {"text/html": ".html", "image/svg+xml": ".svg", "image/png": ".png", "text/plain": ".txt"}


class RichValue:
    """A value that shows itself: an image, SVG or HTML.

    In a notebook it is displayed; `save` writes it to a file.

    Attributes
    ----------
    bundle : dict of str
        What there is to show, by MIME type; images are in base64.
    """

    def __init__(self, bundle: Mapping[str, str]) -> None:
        self.bundle = dict(bundle)

    def __repr__(self) -> str:
        return printable(self.bundle.get("text/plain") or f"<RichValue: {', '.join(self.bundle)}>")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RichValue) and self.bundle == other.bundle

    __hash__ = None  # type: ignore[assignment]  # it holds a dict

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return dict(self.bundle)

    @property
    def mime(self) -> str:
        """The best of its MIME types."""
        known = (mime for mime in _BEST_FIRST if mime in self.bundle)
        return next(known, None) or next(iter(self.bundle))

    def data(self, mime: str | None = None) -> bytes:
        """The content of one MIME type as bytes, decoded; default: the best one.

        Raises
        ------
        KeyError
            If it has no such type.
        """
        mime = mime or self.mime
        text = self.bundle[mime]
        if mime.startswith("image/") and mime != "image/svg+xml":
            return b64decode(text)
        return text.encode()

    def save(self, path: Any) -> None:
        """Write it to a file; the suffix (.png, .svg, .html, .txt) chooses the type."""
        file = Path(path)
        mime = next((mime for mime, suffix in _SUFFIXES.items() if suffix == file.suffix.lower()), self.mime)
        if mime not in self.bundle:
            raise ValueError(f"{str(file)!r}: this value has no {mime}, only {', '.join(self.bundle)}")
        file.write_bytes(self.data(mime))


def decode(kind: ValueKind | str, data: Any, julia_type: str = "") -> Any:
    """The Python object for a value's JSON.

    Parameters
    ----------
    kind : ValueKind
        What the value is made of.
    data : Any
        Its JSON, parsed.
    julia_type : str
        What Julia calls its type: then arrays are numpy's, and dates are dates.

    Returns
    -------
    Any
        See the table in this module's description. What is not what its kind says comes as
        it is: a value is never a reason for an exception.
    """
    try:
        match ValueKind(kind):
            case ValueKind.JSON:
                return typed(_decode(data), julia_type)
            case ValueKind.TABLE:
                return _table(data["columns"], data.get("types", {}))
            case ValueKind.MIME:
                return RichValue(data)
            case ValueKind.ARRAY:
                return read_array(data) if isinstance(data, bytes) else data
            case ValueKind.REPR:
                return data["repr"]
    except (LookupError, ValueError, TypeError, ArithmeticError, AttributeError, RecursionError):
        # It is not what its kind says, or too deep for Python: what there is, undecoded.
        return data


def _decode(data: Any) -> Any:
    if type(data) is list:
        return [_decode(item) if type(item) in (list, dict) else item for item in data]
    if type(data) is not dict:
        return data
    if len(data) == 1:
        tag = next(iter(data))
        if tag in _TAGS:
            # One that Python has nothing for stays as it is, and spoils nothing around it.
            with suppress(ValueError, ArithmeticError, TypeError):
                return _TAGS[tag](data[tag])
    return {key: _decode(item) for key, item in data.items()}


class LongInteger(int):
    """An integer that shows itself although it has more digits than Python likes to write.

    Python refuses to write and to read more than 4,300 digits, which takes quadratic time
    there. With more than 100,000 it shows itself in hexadecimal digits.
    """

    def __repr__(self) -> str:
        # Decimals are exact, and have no such limit.
        return str(Decimal(self)) if self.bit_length() < _SHOWN_BITS else hex(self)

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self) if spec in ("", "d") else super().__format__(spec)


_SHOWN_BITS = int(MAX_TYPED_DIGITS * math.log2(10))
_LONG = re.compile(r"-?0x[0-9a-f]+")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def _long(digits: Any) -> int:
    if not _LONG.fullmatch(digits):
        raise ValueError("no hexadecimal digits")
    return LongInteger(digits, 16)


def _float(text: Any) -> float | Decimal:
    """NaN and infinities, or the digits of a number of any precision."""
    if text in _SPECIAL:
        return _SPECIAL[text]
    if not _NUMBER.fullmatch(text):
        raise ValueError("no number")
    number = Decimal(text)
    if number and abs(number.adjusted()) > MAX_EXPONENT:
        raise ValueError("beyond what a number may be")
    return number


def _complex(parts: list[Any]) -> complex:
    real, imaginary = (_part(_decode(part)) for part in parts)
    return complex(real, imaginary)


def _part(number: Any) -> float:
    part = float(number)
    if math.isinf(part) and number not in (math.inf, -math.inf):
        raise OverflowError("no float is as large")
    return part


def _rational(parts: list[Any]) -> Any:
    numerator, denominator = map(_decode, parts)
    if denominator == 0 and numerator:  # Julia has 1//0
        return math.inf if numerator > 0 else -math.inf
    return Fraction(numerator, denominator)


def _pairs(pairs: list[list[Any]]) -> dict[Any, Any]:
    decoded = {_hashable(_decode(key)): _decode(value) for key, value in pairs}
    if len(decoded) < len(pairs):
        raise ValueError("Julia tells keys apart that Python does not, such as 1 and true")
    return decoded


def _hashable(key: Any) -> Any:
    if isinstance(key, list):
        return tuple(_hashable(item) for item in key)
    return str(key) if isinstance(key, dict) else key


def _typed_array(content: list[Any]) -> Any:
    """An array by Julia's name of its type; its size is told where it has no entries."""
    julia_type, rows, *size = content
    made = typed(_decode(rows), julia_type)
    if size:
        return made.reshape(size[0])
    return _with_missing(made) if isinstance(made, list) and "{Missing," in julia_type else made


def _with_missing(rows: list[Any]) -> list[Any]:
    """Rows of a kind that neither numpy nor pandas has, in which null is `missing`."""
    return [_with_missing(row) if isinstance(row, list) else _missing(True) if row is None else row for row in rows]


def _missing(content: Any) -> Any:
    if content is not True:
        raise ValueError("no missing value")
    # late: pandas takes longer to load than a whole command
    import pandas as pd

    return pd.NA


def _passed(content: dict[str, Any]) -> PassedValue:
    try:
        return msgspec.convert(content, PassedValue)
    except msgspec.ValidationError as error:
        raise ValueError("no value that is kept") from error


_TAGS: dict[str, Callable[[Any], Any]] = {
    "$int": _long,
    "$float": _float,
    "$complex": _complex,
    "$rational": _rational,
    "$dict": _pairs,
    # Only arguments have these.
    "$array": _typed_array,
    "$value": _passed,
    "$missing": _missing,
    **READERS,
    "$range": partial(JuliaValue, "$range"),
    "$symbol": partial(JuliaValue, "$symbol"),
}


def _table(columns: dict[str, list[Any]], types: dict[str, str]) -> pd.DataFrame:
    # late: pandas takes longer to load than a whole command
    import pandas as pd

    return pd.DataFrame({name: _column(values, types.get(name, "")) for name, values in columns.items()})


def _column(values: Any, julia_type: str) -> pd.Series[Any]:
    """A column of a table. Where whole numbers are missing they stay whole numbers."""
    # late: pandas takes longer to load than a whole command
    import pandas as pd

    if not isinstance(values, list):  # a large one, which came as an array
        return pd.Series(values)
    decoded = [_decode(value) for value in values]
    as_typed = column(decoded, julia_type) if julia_type else None
    if as_typed is not None:
        return as_typed
    kinds = {type(value) for value in decoded}
    holes = type(None) in kinds
    kinds.discard(type(None))
    if any(type(value) is int and not -(2**63) <= value < 2**63 for value in decoded):
        return pd.Series(decoded, dtype="object")
    if holes and kinds in ({int}, {bool}):
        return pd.Series(decoded, dtype="Int64" if kinds == {int} else "boolean")
    if holes and kinds and kinds <= {int, float}:
        return pd.Series(decoded, dtype="float64")
    return pd.Series(decoded)
