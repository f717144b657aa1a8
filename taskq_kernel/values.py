"""Julia values as Python objects, and arguments as JSON.

A worker writes a value as JSON of one of four kinds (`taskq_kernel.domain.ValueKind`);
`decode` makes of it what a scientist would expect:

==================================  =====================================================
Julia                               Python
==================================  =====================================================
integers, BigInt                    int, exact
Float64, NaN, Inf                   float
BigFloat                            float, or `decimal.Decimal` where it has more digits
Bool, String, Symbol, Char          bool, str
nothing, missing                    None
Complex, Rational                   complex, `fractions.Fraction`
Date, DateTime, Time                str, ISO 8601
Vector, Tuple, Set, range           list
Matrix, Array of more dimensions    list of rows, nested
Dict, NamedTuple                    dict
a table                             pandas.DataFrame
a plot, an image, HTML              `RichValue`
everything else                     str: Julia's ``repr``
==================================  =====================================================

JSON has no NaN, no complex number and no fraction; objects with one key that begins with
``$`` stand for them, in arguments too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from taskq_kernel.domain import ValueKind
from taskq_kernel.errors import InvalidTask
from taskq_kernel.printable import printable

if TYPE_CHECKING:
    import pandas as pd

#: MIME types that can be shown, the best first.
_BEST_FIRST = ("text/html", "image/svg+xml", "image/png", "text/plain")
_SUFFIXES = {"text/html": ".html", "image/svg+xml": ".svg", "image/png": ".png", "text/plain": ".txt"}
#: Nesting of arguments deeper than this is taken for a list that holds itself.
_MAX_DEPTH = 200


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
            from base64 import b64decode

            return b64decode(text)
        return text.encode()

    def save(self, path: Any) -> None:
        """Write it to a file; the suffix (.png, .svg, .html, .txt) chooses the type."""
        from pathlib import Path

        file = Path(path)
        mime = next((mime for mime, suffix in _SUFFIXES.items() if suffix == file.suffix.lower()), self.mime)
        if mime not in self.bundle:
            raise ValueError(f"{str(file)!r}: this value has no {mime}, only {', '.join(self.bundle)}")
        file.write_bytes(self.data(mime))


def decode(kind: ValueKind | str, data: Any) -> Any:
    """The Python object for a value's JSON.

    Parameters
    ----------
    kind : ValueKind
        What the value is made of.
    data : Any
        Its JSON, parsed.

    Returns
    -------
    Any
        See the table in this module's description.
    """
    match ValueKind(kind):
        case ValueKind.JSON:
            return _decode(data)
        case ValueKind.TABLE:
            return _table(data["columns"])
        case ValueKind.MIME:
            return RichValue(data)
        case ValueKind.REPR:
            return data["repr"]


def _decode(data: Any) -> Any:
    if type(data) is list:
        return [_decode(item) if type(item) in (list, dict) else item for item in data]
    if type(data) is not dict:
        return data
    if len(data) == 1:
        tag = next(iter(data))
        if tag in _TAGS:
            return _TAGS[tag](data[tag])
    return {key: _decode(item) for key, item in data.items()}


def _complex(parts: list[Any]) -> complex:
    real, imaginary = (float(_decode(part)) for part in parts)
    return complex(real, imaginary)


def _rational(parts: list[int]) -> Any:
    from fractions import Fraction

    numerator, denominator = parts
    if denominator == 0:  # Julia has 1//0
        return math.copysign(math.inf, numerator)
    return Fraction(numerator, denominator)


def _pairs(pairs: list[list[Any]]) -> dict[Any, Any]:
    return {_hashable(_decode(key)): _decode(value) for key, value in pairs}


def _hashable(key: Any) -> Any:
    if isinstance(key, list):
        return tuple(_hashable(item) for item in key)
    return str(key) if isinstance(key, dict) else key


_TAGS: dict[str, Callable[[Any], Any]] = {
    "$float": float,
    "$complex": _complex,
    "$rational": _rational,
    "$dict": _pairs,
}


def _table(columns: dict[str, list[Any]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({name: _column(values) for name, values in columns.items()})


def _column(values: list[Any]) -> pd.Series[Any]:
    """A column of a table. Where whole numbers are missing they stay whole numbers."""
    import pandas as pd

    decoded = [_decode(value) for value in values]
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


def encode_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of a task as JSON.

    Besides what JSON has: NaN and infinities, complex numbers, fractions, dates, tuples and
    sets, numpy's numbers and arrays, pandas' columns.

    Raises
    ------
    InvalidTask
        If one of them cannot be written. It is named.
    """
    encoded = {}
    for name, value in arguments.items():
        if not isinstance(name, str):
            raise InvalidTask(f"argument {name!r}: names of arguments are strings")
        encoded[name] = _encode(value, name, 0)
    return encoded


def _encode(value: Any, where: str, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise InvalidTask(f"argument {where[:80]}...: it is nested more than {_MAX_DEPTH} levels deep")
    if value is None or type(value) in (bool, int):
        return value
    if isinstance(value, str):
        return _text(value, where)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"$float": _named(value)}
    if isinstance(value, complex):
        return {"$complex": [_encode(value.real, where, depth + 1), _encode(value.imag, where, depth + 1)]}
    if isinstance(value, Mapping):
        return {_key(key, where): _encode(item, f"{where}[{key!r}]", depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset | range):
        return [_encode(item, f"{where}[{index}]", depth + 1) for index, item in enumerate(value)]
    if hasattr(value, "tolist"):  # numpy's numbers and arrays, pandas' columns
        return _encode(value.tolist(), where, depth + 1)
    if hasattr(value, "to_dict"):  # pandas' tables
        return _encode(value.to_dict("list"), where, depth + 1)
    if hasattr(value, "numerator") and hasattr(value, "denominator"):
        whole = value.denominator == 1
        return value.numerator if whole else {"$rational": [value.numerator, value.denominator]}
    if hasattr(value, "isoformat"):
        return value.isoformat()
    shown = f"{type(value).__name__} {str(value)[:60]!r}"
    raise InvalidTask(f"argument {where} is {shown}: give numbers, strings, lists and dicts")


def _named(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _text(value: str, where: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidTask(f"argument {where} is not text: it holds half of a surrogate pair") from None
    return str(value)


def _key(key: Any, where: str) -> str:
    if not isinstance(key, str):
        raise InvalidTask(f"argument {where}: the keys of a dict are strings, and {key!r} is not one")
    return _text(key, where)
