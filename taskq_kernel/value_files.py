"""Values that are kept in files: an array in NumPy's format, or JSON, with its large arrays beside it in an archive.

The archive is a tar file: ``value.json``, in which ``{"$array": 2}`` stands for ``2.npy``.
``worker/taskq_worker/julia/runner/parts.jl`` writes it.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from taskq_kernel import exact_json
from taskq_kernel.domain import ValueKind
from taskq_kernel.errors import InvalidJSON
from taskq_kernel.typed_values import ARRAY_TAG, read_array
from taskq_kernel.values import decode

#: Where a tar file says that it is one, and how.
_TAR_MAGIC, _TAR_MAGIC_AT = b"ustar", 257
#: How much of a file tells what it is.
HEAD_BYTES = _TAR_MAGIC_AT + len(_TAR_MAGIC)


def is_archive(head: bytes) -> bool:
    """Whether what begins so is an archive of JSON and arrays."""
    return head[_TAR_MAGIC_AT:HEAD_BYTES] == _TAR_MAGIC


def decode_file(kind: str, data: bytes, julia_type: str = "") -> Any:
    """The Python object for what is in a value's file; see `taskq_kernel.values.decode`."""
    if kind == ValueKind.ARRAY:
        return decode(kind, data)
    try:
        return decode(kind, _with_arrays(data), julia_type)
    except (InvalidJSON, ValueError, LookupError, tarfile.TarError):
        return data.decode(errors="replace")  # its text, rather than nothing


def json_of_file(kind: str, data: bytes) -> Any:
    """What is in a value's file as JSON, parsed: with its arrays as lists.

    Raises
    ------
    InvalidJSON, ValueError
        If it is not what its kind says.
    """
    # late: only arrays need it
    from taskq_kernel.arguments import encode_array

    if kind == ValueKind.ARRAY:
        return encode_array(read_array(data))
    if not is_archive(data):
        return exact_json.decode_kept(data)
    found, arrays = _open(data)
    return _replaced(found, [encode_array(array) for array in arrays])


def json_without_arrays(path: Path, limit_bytes: int) -> Any:
    """What is in a value's file as JSON, parsed; the arrays of an archive are not read, and stand as ``{"$array": 2}``.

    Raises
    ------
    InvalidJSON, ValueError, OSError
        If it is no such file, or gone, or its JSON has more bytes than ``limit_bytes``.
    """
    with path.open("rb") as file:
        archived = is_archive(file.read(HEAD_BYTES))
        file.seek(0)
        if not archived:
            return exact_json.decode_kept(_read_up_to(file, limit_bytes))
        try:
            with tarfile.open(fileobj=file, mode="r:") as archive:
                first = archive.next()
                member = None if first is None else archive.extractfile(first)
                return exact_json.decode_kept(b"" if member is None else _read_up_to(member, limit_bytes))
        except tarfile.TarError as problem:
            raise ValueError(str(problem)) from None


def _read_up_to(file: IO[bytes], limit_bytes: int) -> bytes:
    data = file.read(limit_bytes + 1)
    if len(data) > limit_bytes:
        raise ValueError(f"it has more than {limit_bytes} bytes")
    return data


def _with_arrays(data: bytes) -> Any:
    if not is_archive(data):
        return exact_json.decode_kept(data)
    found, arrays = _open(data)
    return _replaced(found, arrays)


def _open(data: bytes) -> tuple[Any, list[Any]]:
    """An archive's JSON, parsed, and its arrays."""
    view = memoryview(data)
    # The file is read where it stands in memory: an archive's own reader would copy each part.
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        first, *others = [view[one.offset_data : one.offset_data + one.size] for one in archive.getmembers()]
    return exact_json.decode_kept(bytes(first)), [read_array(one) for one in others]


def _replaced(data: Any, parts: Sequence[Any]) -> Any:
    """A value's JSON with its parts in their places."""
    if type(data) is list:
        return [_replaced(item, parts) if type(item) in (list, dict) else item for item in data]
    if type(data) is not dict:
        return data
    if data.keys() == {ARRAY_TAG} and type(data[ARRAY_TAG]) is int:
        return parts[data[ARRAY_TAG]]
    return {key: _replaced(item, parts) for key, item in data.items()}
