"""Arrays, columns and cells of numpy and pandas in which entries are missing, as what stands for them among arguments.

What numpy masks and what pandas calls NA is Julia's `missing`. Nothing here encodes: numbers and texts
stay as they are, `taskq_kernel.arguments` writes them.
"""

from __future__ import annotations

from typing import Any

from taskq_kernel.literals import JuliaValue
from taskq_kernel.typed_values import ARRAY_TAG, JULIA_TYPES, vector_of, with_holes

#: Stands for Julia's `missing`.
MISSING = JuliaValue("$missing", True)


def masked(array: Any) -> Any:
    """What stands for a masked array of numpy: itself without its mask, where nothing is masked."""
    # late: it is loaded already where there is such a value, and not needed elsewhere
    import numpy as np

    holes = np.ma.getmaskarray(array)
    if not holes.any():
        return array.data if array.ndim else array.data[()]
    if not array.ndim:
        return MISSING
    if array.dtype.kind == "M":  # numpy has a time that is none
        times = array.data.copy()
        times[holes] = "NaT"
        return times
    element = "String" if array.dtype.kind == "U" else JULIA_TYPES.get(array.dtype.name)
    if element is None:  # each entry by itself: of objects, of more than double precision
        entries: Any = array.data.astype(object)
        entries[holes] = MISSING
        return entries.tolist()
    return JuliaValue(ARRAY_TAG, [vector_of(with_holes(element), array.ndim), array.tolist()])


def column(values: Any) -> Any:
    """What stands for a column, index or array of pandas: its array where it is a plain one of numbers, or its entries.

    A column of numbers or texts in which some are missing says so by its type, even if all are missing.
    """
    # late: as numpy
    import numpy as np
    import pandas as pd

    if isinstance(values, pd.MultiIndex):
        return values.tolist()
    dtype = values.dtype
    if isinstance(dtype, np.dtype):
        is_array = dtype.kind == "M" or (isinstance(values, pd.Series) and dtype.kind in "iufcb")
        return values.to_numpy() if is_array else _entries(values)
    element = _element(dtype)
    if element is None:
        return _entries(values)
    entries = [None if entry is MISSING else entry for entry in _entries(values)]
    if None in entries:
        return JuliaValue(ARRAY_TAG, [vector_of(with_holes(element)), entries])
    return entries if element == "String" else values.to_numpy(dtype=dtype.numpy_dtype)


def cells(values: Any) -> list[Any]:
    """The entries of an array or column of one dimension, each as what it is among arguments."""
    # late: as above
    import numpy as np

    if isinstance(values, np.ndarray) and (isinstance(values, np.ma.MaskedArray) or values.dtype.kind == "M"):
        return list(values)  # as Python's own they would be None, and numbers of nanoseconds
    return _entries(values)


def _element(dtype: Any) -> str | None:
    """Julia's type for the entries of a column in which some may be missing; None where there is none."""
    # late: as above
    import pandas as pd

    if isinstance(dtype, pd.StringDtype):
        return "String"
    numbers = getattr(dtype, "numpy_dtype", None)  # of numpy's own or of Arrow's, which tell missing from NaN
    return JULIA_TYPES.get(numbers.name) if numbers is not None and numbers.kind in "iufb" else None


def _entries(values: Any) -> list[Any]:
    """The entries as Python has them; what is missing in a column that says so by its type is `MISSING`.

    NaN stands for it in columns of texts and categories, where it can be nothing else.
    """
    entries: list[Any] = values.tolist()
    kind = type(getattr(values, "dtype", None)).__name__
    if kind not in ("StringDtype", "CategoricalDtype"):
        return [MISSING if _is_missing(entry) else entry for entry in entries] if _is_from_pandas(values) else entries
    return [MISSING if hole else entry for entry, hole in zip(entries, values.isna(), strict=True)]


def _is_from_pandas(values: Any) -> bool:
    return type(values).__module__.partition(".")[0] == "pandas"


def _is_missing(entry: Any) -> bool:
    # late: as above
    import pandas as pd

    return entry is pd.NA or entry is pd.NaT
