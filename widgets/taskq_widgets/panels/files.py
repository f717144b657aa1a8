"""A task's value as a file that other programs read, whole and with every digit.

========  ============================================================================
``json``  anything, in the grammar of ``docs/values.md``
``csv``   a table with its head; numbers, texts and truth values in a row or in rows
``npy``   an array of numbers of any dimensions (`numpy.load`)
``npz``   a table, or a dictionary of arrays and numbers: an array for each name
``svg``   an image, and its other forms ``png``, ``jpeg``, ``gif`` and ``html``
``text``  what is copied: tables and matrices with tabs, as spreadsheets take them
========  ============================================================================
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from taskq_kernel import exact_json
from taskq_kernel.value_text import is_tagged, scalar, written
from taskq_widgets.panels.pictures import shape

if TYPE_CHECKING:
    import numpy as np

_MIMES = {
    "svg": "image/svg+xml", "png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "html": "text/html",
}  # fmt: skip
#: NumPy's names of Julia's types of numbers.
_DTYPES = {
    **{name: name.lower() for name in ("Float16", "Float32", "Float64", "Int8", "Int16", "Int32", "Int64")},
    **{name: name.lower() for name in ("UInt8", "UInt16", "UInt32", "UInt64")},
    "Bool": "bool", "ComplexF32": "complex64", "Complex{Float32}": "complex64", "ComplexF64": "complex128",
    "Complex{Float64}": "complex128",
}  # fmt: skip
_ELEMENT = re.compile(rf"\b(?:Array|Vector|Matrix)\{{({'|'.join(map(re.escape, _DTYPES))})[,}}]")
#: Floats hold whole numbers up to here one by one.
_EXACT = 2**53


def formats(kind: str, data: Any, julia_type: str = "") -> list[str]:
    """Return in which forms a value can be had as a file, the ones that are wanted most first.

    Parameters
    ----------
    kind
        GraphQL's ``valueKind``.
    data
        Its JSON, parsed.
    julia_type
        Its type.
    """
    if kind == "MIME":
        return [*(name for name, mime in _MIMES.items() if mime in data), "json"]
    if kind == "TABLE":
        return ["csv", *(["npz"] if _named_arrays(kind, data) is not None else []), "json"]
    if kind not in ("JSON", "ARRAY"):
        return ["json"]
    if isinstance(data, dict):
        return [*(["npz"] if _named_arrays(kind, data) is not None else []), "json"]
    found = ["csv"] if _rows(data) is not None else []
    if isinstance(data, list) and _array(data, julia_type) is not None:
        found.append("npy")
    return [*found, "json"]


def likely_formats(kind: str, julia_type: str) -> list[str]:
    """Return the same for a value that is too large to be read for that."""
    if kind == "TABLE":
        return ["csv", "json"]
    if kind == "ARRAY" or (kind == "JSON" and _ELEMENT.search(julia_type)):
        return ["csv", "npy", "json"]
    return ["json"]


def contents(form: str, kind: str, data: Any, julia_type: str = "") -> bytes:
    """Return a value as the contents of a file.

    Raises
    ------
    ValueError
        If it cannot be had in this form.
    """
    makers: dict[str, Callable[[], bytes | None]] = {
        "json": lambda: exact_json.encode(data),
        "csv": lambda: _delimited(kind, data, ","),
        "npy": lambda: _npy(_array(data, julia_type)),
        "npz": lambda: _npz(_named_arrays(kind, data)),
        "text": lambda: _text(kind, data).encode(errors="replace"),
    }
    made = _image(data, _MIMES[form]) if form in _MIMES else makers[form]()
    if made is None:
        raise ValueError(f"this value cannot be had as {form}: it can as {', '.join(formats(kind, data, julia_type))}")
    return made


def _image(bundle: Mapping[str, str], mime: str) -> bytes | None:
    if mime not in bundle:
        return None
    as_text = mime in ("image/svg+xml", "text/html")
    return bundle[mime].encode() if as_text else b64decode(bundle[mime])


# -- text


def _text(kind: str, data: Any) -> str:
    if kind == "REPR":
        return str(data["repr"])
    if kind == "MIME":
        return next((data[mime] for mime in ("image/svg+xml", "text/html", "text/plain") if mime in data), "")
    if kind == "TABLE" or (isinstance(data, list) and data and isinstance(data[0], list)):
        table = _delimited(kind, data, "\t")
        if table is not None:
            return table.decode()
    return data if isinstance(data, str) else written(data)


def _delimited(kind: str, data: Any, delimiter: str) -> bytes | None:
    rows = _table_rows(data["columns"]) if kind == "TABLE" else _rows(data)
    if rows is None:
        return None
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue().encode(errors="replace")


def _table_rows(columns: Mapping[str, Sequence[Any]]) -> Iterable[Sequence[Any]]:
    yield list(columns)
    yield from zip_longest(*columns.values())


def _rows(data: Any) -> list[list[Any]] | None:
    """Return an array of one or two dimensions as rows, None where it is not one or holds more than scalars."""
    if not isinstance(data, list) or not data:
        return None
    rows = data if all(isinstance(row, list) for row in data) else [[value] for value in data]
    plain = all(len(row) == len(rows[0]) and all(map(_is_scalar, row)) for row in rows)
    return rows if plain and rows[0] else None


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, list | dict) or (is_tagged(value) and "$dict" not in value)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return scalar(value) if _is_scalar(value) else written(value)


# -- NumPy


def _array(data: Any, julia_type: str = "") -> np.ndarray | None:
    """Return nested lists of numbers as an array, None where one of them is no number that it could hold exactly."""
    # late: a page that no array is taken from needs none of it
    import numpy as np

    sizes = shape(data)
    if not sizes or 0 in sizes:
        return None
    leaves = data
    for _ in sizes[1:]:
        leaves = [value for row in leaves for value in row]
    numbers = _numbers(leaves)
    if numbers is None:
        return None
    element = _ELEMENT.search(julia_type)
    dtype = _DTYPES[element[1]] if element else _dtype(numbers)
    try:
        found = None if dtype is None else np.array(numbers, dtype=dtype).reshape(sizes)
    except (OverflowError, TypeError, ValueError):
        return None
    return found


def _numbers(values: Sequence[Any]) -> list[Any] | None:
    found = []
    for value in values:
        number = _number(value)
        if number is None:
            return None
        found.append(number)
    return found


def _number(value: Any) -> Any:
    """Return a value as Python's number; ``missing`` as NaN, what is no number as None."""
    match value:
        case None:
            return float("nan")
        case bool() | int() | float():
            return value
        case {"$float": str(name)} if name in ("NaN", "Infinity", "-Infinity"):
            return float(name)
        case {"$complex": [real, imaginary]}:
            parts = _number(real), _number(imaginary)
            return None if None in parts else complex(*parts)
    return None


def _dtype(numbers: Sequence[Any]) -> str | None:
    kinds = {type(number) for number in numbers}
    if kinds == {bool}:
        return "bool"
    if bool in kinds or not kinds:
        return None
    if kinds == {int}:
        least, most = min(numbers), max(numbers)
        if least >= -(2**63) and most < 2**63:
            return "int64"
        return "uint64" if least >= 0 and most < 2**64 else None
    if any(type(number) is int and abs(number) > _EXACT for number in numbers):
        return None
    return "complex128" if complex in kinds else "float64"


def _named_arrays(kind: str, data: Any) -> dict[str, np.ndarray] | None:
    """Return a table's columns, or a dictionary's arrays and numbers, None where not all of them are such."""
    # late: see above
    import numpy as np

    named = data["columns"] if kind == "TABLE" else data
    if not named or is_tagged(named):
        return None
    found: dict[str, np.ndarray] = {}
    for name, value in named.items():
        values = value if isinstance(value, list) else [value]
        texts = kind == "TABLE" and all(isinstance(one, str) for one in values)
        array = np.array(values, dtype=str) if texts else _array(values)
        if array is None:
            return None
        found[name] = array if isinstance(value, list) else array[0]
    return found


def _npy(array: np.ndarray | None) -> bytes | None:
    # late: see above
    import numpy as np

    if array is None:
        return None
    out = io.BytesIO()
    np.save(out, array, allow_pickle=False)
    return out.getvalue()


def _npz(arrays: Mapping[str, np.ndarray] | None) -> bytes | None:
    """Return what `numpy.savez` writes; that takes no array of the name ``file``."""
    if arrays is None:
        return None
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), _npy(array) or b"")
    return out.getvalue()
