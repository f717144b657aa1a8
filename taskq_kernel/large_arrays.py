"""Large arrays among arguments: found wherever they stand, written as NumPy's files, and named by their content."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, cast

import numpy as np

from taskq_kernel.domain import ValueKind
from taskq_kernel.errors import InvalidTask
from taskq_kernel.exact_json import MAX_DEPTH
from taskq_kernel.passed_values import PassedValue

#: Stores what is in a file under its SHA-256.
Store = Callable[[str, BinaryIO], object]
#: An array of machine numbers that is larger travels in binary.
LARGE_ARRAY_BYTES = 64 << 10
#: NumPy's types that Julia has, too; of others the values go as JSON does.
_TYPES = frozenset("?bhilqBHILQefdFD")
#: What is written at once.
_CHUNK_ITEMS = 1 << 17


class _Kept:
    """Stands among arguments for an array that is kept."""

    def __init__(self, tag: dict[str, Any]) -> None:
        self._tag = tag

    def as_argument(self) -> dict[str, Any]:
        return self._tag


class LargeArrays:
    """Stores large arrays, each once however often it stands among the arguments of one task.

    Parameters
    ----------
    store : callable
        Stores what is in a file under its SHA-256.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        #: By the arrays' ids; the arrays are held, so that no other gets the id of one.
        self._kept: dict[int, tuple[Any, _Kept]] = {}

    def apart(self, value: Any, depth: int = 0) -> Any:
        """A value in which something else stands for its large arrays of numbers, wherever they are in it."""
        if depth > MAX_DEPTH:
            raise InvalidTask(f"is nested more than {MAX_DEPTH} levels deep", place="an argument")
        if isinstance(value, np.ndarray):
            return self._keep(value) if _is_large(value) else value
        if type(value) in (list, tuple):
            return [self.apart(item, depth + 1) if _may_hold(item) else item for item in value]
        if isinstance(value, Mapping):
            return {key: self.apart(item, depth + 1) if _may_hold(item) else item for key, item in value.items()}
        return self._columns(value) if _is_from_pandas(value) else value

    def _columns(self, value: Any) -> Any:
        """A column, or a table's, as their arrays where these are numbers and large."""
        if value.ndim == 1:
            array = value.to_numpy() if isinstance(value.dtype, np.dtype) else None
            return self._keep(array) if array is not None and _is_large(array) else value
        if not value.columns.is_unique:
            return value  # refused where it is encoded
        return {name: self._columns(value[name]) for name in value.columns}

    def _keep(self, array: np.ndarray[Any, Any]) -> _Kept:
        if id(array) not in self._kept:
            self._kept[id(array)] = array, self._stored(array)
        return self._kept[id(array)][1]

    def _stored(self, array: np.ndarray[Any, Any]) -> _Kept:
        with tempfile.TemporaryFile(prefix="taskq-array-") as file:
            size, digest = write_array(array, file.write)
            self._store(digest, cast("BinaryIO", file))
        return _Kept(PassedValue(digest, ValueKind.ARRAY, size).as_argument())


def _may_hold(value: Any) -> bool:
    """Whether there may be an array in it: most of what stands in a list are numbers and texts."""
    return not isinstance(value, int | float | str | complex | None)


def _is_from_pandas(value: Any) -> bool:
    kind = type(value)
    return kind.__module__.partition(".")[0] == "pandas" and kind.__name__ in ("Series", "DataFrame")


def _is_large(array: np.ndarray[Any, Any]) -> bool:
    masked = isinstance(array, np.ma.MaskedArray)
    return array.nbytes > LARGE_ARRAY_BYTES and array.ndim > 0 and array.dtype.char in _TYPES and not masked


def write_array(array: np.ndarray[Any, Any], write: Callable[[bytes], object]) -> tuple[int, str]:
    """Write an array as a file of NumPy's format 1.0, little-endian, a part at a time; its length and its SHA-256."""
    dtype = array.dtype.newbyteorder("<")
    # As it lies, where it lies in one piece; column by column is as Julia has it.
    order = "F" if array.flags.f_contiguous else "C"
    digest, size = hashlib.sha256(), 0

    def put(data: bytes) -> None:
        nonlocal size
        digest.update(data)
        size += len(data)
        write(data)

    put(_header(dtype, array.shape, order == "F"))
    flat = array.T if order == "F" else array
    chunks: Any = np.nditer(
        flat, flags=["external_loop", "buffered", "zerosize_ok"], op_dtypes=[dtype], buffersize=_CHUNK_ITEMS, order="C",
        casting="equiv",
    )
    for chunk in chunks:
        put(chunk.tobytes())
    return size, digest.hexdigest()


def _header(dtype: np.dtype[Any], shape: tuple[int, ...], column_by_column: bool) -> bytes:
    # Julia reads NumPy's own names of types.
    about = {"descr": dtype.str, "fortran_order": column_by_column, "shape": shape}
    file = _Bytes()
    np.lib.format.write_array_header_1_0(file, about)
    return bytes(file.data)


class _Bytes:
    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> int:
        self.data += data
        return len(data)
