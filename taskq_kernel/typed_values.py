"""Values as the type that Julia gave them: numpy's arrays, pandas' columns, dates.

JSON has one kind of list and one of number. What Julia calls a value, or a column of a table,
says which array it is; what does not fit that comes as `taskq_kernel.values` reads it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

#: What a file in NumPy's format begins with.
NPY_MAGIC = b"\x93NUMPY"

#: numpy's types by Julia's.
DTYPES: Mapping[str, str] = {
    **{f"Int{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"UInt{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
    **{f"Float{bits}": f"float{bits}" for bits in (16, 32, 64)},
    "Bool": "bool", "ComplexF64": "complex128", "Complex{Float64}": "complex128",
    "ComplexF32": "complex64", "Complex{Float32}": "complex64",
    "Date": "datetime64[D]", "Dates.Date": "datetime64[D]",
    "DateTime": "datetime64[ms]", "Dates.DateTime": "datetime64[ms]",
}  # fmt: skip
#: pandas' types for columns in which some are missing.
_WITH_HOLES: Mapping[str, str] = {
    **{julia: dtype.replace("i", "I", 1).replace("f", "F", 1) for julia, dtype in DTYPES.items() if "nt" in dtype},
    **{f"UInt{bits}": f"UInt{bits}" for bits in (8, 16, 32, 64)},
    "Float32": "Float32", "Float64": "Float64", "Bool": "boolean", "String": "string",
    "Date": "datetime64[s]", "Dates.Date": "datetime64[s]",
    "DateTime": "datetime64[ms]", "Dates.DateTime": "datetime64[ms]",
}  # fmt: skip
_MOMENTS: Mapping[str, Callable[[str], Any]] = {
    "Date": date.fromisoformat, "DateTime": datetime.fromisoformat, "Time": time.fromisoformat,
}  # fmt: skip
_UNION = re.compile(r"Union\{Missing, ?(.+)\}")
_BIT_ARRAY = re.compile(r"Bit(?:Vector|Matrix|Array\{(\d+)\})")


def typed(value: Any, julia_type: str) -> Any:
    """A value as what Julia calls it: an array, a date; itself where it is neither, or does not fit.

    Parameters
    ----------
    value : Any
        As `taskq_kernel.values` reads it.
    julia_type : str
        Julia's name of its type, such as ``Matrix{Float64}`` or ``Array{Float64,2}``.
    """
    try:
        if isinstance(value, list):
            kind = array_type(julia_type)
            return value if kind is None else _array(value, *kind)
        if isinstance(value, str):
            return _MOMENTS.get(julia_type.removeprefix("Dates."), str)(value)
    except (ValueError, TypeError, OverflowError):
        pass  # it is not what its type says: what there is
    return value


#: Stands among arguments for an array that JSON alone does not tell: ``{"$array": ["Matrix{Int8}", [[1, 2]]]}``.
ARRAY_TAG = "$array"
#: Stands for Julia's `missing`: ``{"$missing": true}``. In an array whose type has it, null does.
MISSING_TAG = "$missing"
#: What Julia makes of a list of such numbers without being told.
_TOLD_BY_JSON = ("Int64", "Float64", "Bool")


def with_type(text: str, julia_type: str) -> str:
    """A value's JSON as an argument: with its type, where it would become something else without."""
    if julia_type == "Missing":
        return f'{{"{MISSING_TAG}":true}}'
    moment = julia_type.removeprefix("Dates.")
    if moment in _MOMENTS:
        return f'{{"${moment.lower()}":{text}}}'
    kind = array_type(julia_type)
    if kind is None or not text.startswith("["):
        return text
    element, dimensions = kind
    plain = element in _TOLD_BY_JSON and (dimensions > 1 or text == "[]")
    if not plain and not _tells_more(element):
        return text
    return f'{{"{ARRAY_TAG}":["{julia_type}",{text}]}}'


def typed_columns(columns: Mapping[str, list[Any]], types: Mapping[str, str]) -> dict[str, Any]:
    """The columns of a table as arguments, each with the type of its entries where that tells more."""
    typed_ones = {name for name, entries in columns.items() if entries and _tells_more(types.get(name, ""))}
    return {
        name: {ARRAY_TAG: [vector_of(types[name]), entries]} if name in typed_ones else entries
        for name, entries in columns.items()
    }


def _tells_more(element: str) -> bool:
    """Whether entries of such a type would become others if it were not told."""
    holes = _UNION.fullmatch(element)
    entries = holes[1] if holes else element
    is_text_with_holes = holes is not None and entries == "String"
    known = entries in DTYPES or entries.removeprefix("Dates.") in _MOMENTS or is_text_with_holes
    return known and element not in _TOLD_BY_JSON


_NUMBERS = ("int", "uint", "float", "bool", "complex")
#: Julia's types of numbers by numpy's.
JULIA_TYPES: Mapping[str, str] = {
    dtype: julia for julia, dtype in DTYPES.items() if dtype.startswith(_NUMBERS) and "{" not in julia
}


def array_tag(array: np.ndarray[Any, Any], rows: Any) -> Any:
    """What stands for a numpy array among arguments: its rows as JSON, with its type where that tells more."""
    element = JULIA_TYPES.get(array.dtype.name)
    if element is None or (array.ndim == 1 and element in _TOLD_BY_JSON and array.size):
        return rows
    kind = vector_of(element, array.ndim)
    return {ARRAY_TAG: [kind, rows] if array.size else [kind, [], list(array.shape)]}


def vector_of(element: str, dimensions: int = 1) -> str:
    """Julia's name of an array of such elements."""
    names = {1: f"Vector{{{element}}}", 2: f"Matrix{{{element}}}"}
    return names.get(dimensions, f"Array{{{element},{dimensions}}}")


def with_holes(element: str) -> str:
    """Julia's type of elements of which some are missing."""
    return f"Union{{Missing, {element}}}"


def array_type(julia_type: str) -> tuple[str, int] | None:
    """The type of an array's elements and how many dimensions it has; None where it is no array."""
    if bits := _BIT_ARRAY.fullmatch(julia_type):
        return "Bool", int(bits.group(1) or (1 if julia_type == "BitVector" else 2))
    for name, dimensions in (("Vector{", 1), ("Matrix{", 2)):
        if julia_type.startswith(name):
            return julia_type[len(name) : -1], dimensions
    if julia_type.startswith("Array{"):
        element, _, dimensions_text = julia_type[len("Array{") : -1].rpartition(",")
        return (element.strip(), int(dimensions_text)) if dimensions_text.strip().isdigit() else None
    return ("Int64", 1) if julia_type == "UnitRange{Int64}" else None


def _array(items: list[Any], element: str, dimensions: int) -> Any:
    # late: numpy and pandas take longer to load than a whole command
    import numpy as np

    if element.removeprefix("Dates.") == "Time" and dimensions == 1:  # numpy has none
        return [time.fromisoformat(item) for item in items]
    if element in DTYPES:
        made = np.array(items, dtype=DTYPES[element])
        return made if made.ndim == dimensions else made.reshape((0,) * dimensions)
    holes = _UNION.fullmatch(element)
    if holes and dimensions == 1 and holes[1] in _WITH_HOLES:
        import pandas as pd

        return pd.array(items, dtype=_WITH_HOLES[holes[1]])
    if holes and holes[1] in DTYPES:
        return _masked(np.array(items, dtype=object), DTYPES[holes[1]], dimensions)
    return items


def _masked(entries: np.ndarray[Any, Any], dtype: str, dimensions: int) -> Any:
    """Entries as an array of numpy in which None is masked: pandas has columns alone."""
    # late: as above
    import numpy as np

    if entries.ndim != dimensions:
        raise ValueError("rows that differ in length")
    holes = np.array([entry is None for entry in entries.flat], dtype=bool).reshape(entries.shape)
    entries[holes] = "NaT" if dtype.startswith("datetime") else 0
    return np.ma.masked_array(entries.astype(dtype), mask=holes)


def column(items: list[Any], element: str) -> pd.Series[Any] | None:
    """A column of a table as its type wants it; None where that is not known, or it does not fit."""
    import pandas as pd

    holes = _UNION.fullmatch(element)
    dtype = _WITH_HOLES.get(holes.group(1)) if holes else DTYPES.get(element)
    if dtype is None:
        return None
    try:
        # pandas has no days: the coarsest that it has are seconds.
        return pd.Series(pd.array(items, dtype=dtype.replace("[D]", "[s]")))
    except (ValueError, TypeError, OverflowError):
        return None


def read_array(data: bytes | memoryview) -> np.ndarray[Any, Any]:
    """The array in a file of NumPy's format, in memory of its own.

    Raises
    ------
    ValueError
        If it is no such file, or its end is missing.
    """
    # late: as above
    import io

    import numpy as np

    # As much as can be its header, which has its length in the bytes 8 and 9.
    file = io.BytesIO(bytes(data[: 10 + 2**16]))
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("no file of NumPy's format 1.0")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.hasobject:
        raise ValueError("a file with Python objects")
    flat = np.frombuffer(data, dtype=dtype, offset=file.tell()).copy()
    return flat.reshape(shape, order="F" if fortran else "C")
