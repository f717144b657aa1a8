"""What can be had of a value as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from taskq_kernel.domain import ValueKind
from taskq_kernel.errors import InvalidJSON
from taskq_kernel.service.shared.value_blocks import IMAGES, StoredValue
from taskq_kernel.value_text import written
from taskq_kernel.values import RichValue, decode

if TYPE_CHECKING:
    import numpy as np

#: What spreadsheets take for a formula where a text begins with it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
#: Bundles' parts beside images, as they are named among the downloads.
_PARTS = {**{suffix: mime for mime, suffix in IMAGES.items()}, "html": "text/html", "txt": "text/plain"}
#: The types of what is saved; whatever else there is, is bytes.
TYPES = {
    "csv": "text/csv; charset=utf-8", "json": "application/json", "npy": "application/octet-stream",
    "png": "image/png", "jpg": "image/jpeg", "gif": "image/gif", "svg": "image/svg+xml",
    "html": "text/html; charset=utf-8", "txt": "text/plain; charset=utf-8", "tar": "application/x-tar",
    "jl": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class Export:
    """A form in which a value can be had.

    Attributes
    ----------
    suffix : str
        Its name is ``value.<suffix>``.
    label : str
        What the link to it says.
    make : callable or None
        Makes it; None where the value's file is it.
    """

    suffix: str
    label: str
    make: Callable[[], bytes] | None = None


def exports_of(value: StoredValue) -> list[Export]:
    """The forms in which a value can be had.

    A value that is too large to be read for a page can be had as it is stored; one whose file is gone, in none.
    """
    if value.file is not None and not value.file.is_file():
        return []
    if not value.readable:
        return [_stored(value)]
    try:
        return _exports(value, value.parsed())
    except (InvalidJSON, ValueError, LookupError, TypeError, AttributeError, OSError, RecursionError):
        return [] if value.file is None else [_stored(value)]


def _stored(value: StoredValue) -> Export:
    if value.kind == ValueKind.ARRAY:
        return Export("npy", "NumPy (.npy)")
    return Export("tar", "All of it (.tar)") if value.archived else Export("json", "JSON")


def _exports(value: StoredValue, data: Any) -> list[Export]:
    # late: the service starts without numpy, which few pages need
    import numpy as np

    if value.kind == ValueKind.MIME:
        rich = RichValue({str(mime): text for mime, text in data.items() if isinstance(text, str)})
        return [
            Export(suffix, suffix.upper(), partial(rich.data, mime))
            for suffix, mime in _PARTS.items() if mime in rich.bundle
        ]
    if value.kind == ValueKind.REPR:
        return [Export("txt", "Text", str(data["repr"]).encode)]
    found = []
    if value.kind == ValueKind.TABLE:
        found.append(Export("csv", "CSV", lambda: table_csv(data["columns"])))
    array = data if isinstance(data, np.ndarray) else decode(ValueKind.JSON, data, value.type)
    if isinstance(array, np.ndarray) and array.dtype.kind in "biufcM" and not isinstance(array, np.ma.MaskedArray):
        if array.ndim in (1, 2):
            found.append(Export("csv", "CSV", lambda: array_csv(array)))
        if value.file is None or value.kind != ValueKind.ARRAY:
            found.append(Export("npy", "NumPy (.npy)", lambda: array_npy(array)))
    if value.file is not None:
        return [*found, _stored(value)]
    return [*found, Export("json", "JSON", (value.json or "null").encode)]


def table_csv(columns: Mapping[str, Sequence[Any]]) -> bytes:
    """A table as CSV."""
    # late: the service starts without numpy, which few pages need
    import numpy as np

    lists = [entries.tolist() if isinstance(entries, np.ndarray) else list(entries) for entries in columns.values()]
    length = max(map(len, lists), default=0)
    rows = ([entries[place] if place < len(entries) else None for entries in lists] for place in range(length))
    return b"".join(csv_lines([list(columns), *rows]))


def array_csv(array: np.ndarray[Any, Any]) -> bytes:
    """A vector or a matrix as CSV, without a head."""
    rows = array.tolist() if array.ndim == 2 else [[entry] for entry in array.tolist()]
    return b"".join(csv_lines(rows))


def array_npy(array: np.ndarray[Any, Any]) -> bytes:
    """An array as a file of NumPy's."""
    # late: the service starts without numpy, which few pages need
    import numpy as np

    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def csv_lines(rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """Rows as lines of CSV.

    A text that a spreadsheet would take for a formula gets an apostrophe before it, as OWASP has it: a task's
    values are no commands for whoever opens them.
    """
    for row in rows:
        line = io.StringIO(newline="")
        csv.writer(line).writerow([_csv_cell(item) for item in row])
        yield line.getvalue().encode("utf-8", "replace")


def _csv_cell(item: Any) -> Any:
    if isinstance(item, bool):
        return "true" if item else "false"
    if item is None or isinstance(item, int | float):
        return item
    text = item if isinstance(item, str) else str(item) if not isinstance(item, dict | list) else written(item)
    return f"'{text}" if text.startswith(_FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
