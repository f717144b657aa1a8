"""What a page shows of a value: blocks, in the order in which people look at them.

A block is data, and the template writes it. So nothing that a task has put into a value becomes HTML of the page:
its images are shown as images, from addresses of their own, and its HTML in a frame that may do nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskq_kernel import exact_json
from taskq_kernel.domain import ValueKind
from taskq_kernel.errors import InvalidJSON
from taskq_kernel.service.shared.picture import Picture, picture_of_array
from taskq_kernel.typed_values import read_array
from taskq_kernel.value_files import HEAD_BYTES, is_archive, json_of_file
from taskq_kernel.value_text import float_text, is_tagged, null_word, scalar, written
from taskq_kernel.values import RichValue, decode

if TYPE_CHECKING:
    import numpy as np

#: Rows and columns of a table that stand on a page.
ROWS, COLUMNS = 200, 30
#: Characters of a text, and of a cell.
TEXT, CELL = 20_000, 200
#: A value that takes more bytes is not read for a page, but for its beginning where it is an array.
READ_BYTES = 8 << 20
#: Entries of an array of which the smallest, the largest and the mean are worked out.
SUMMARY_ENTRIES = 8 << 20
#: What a value is called that is no dictionary or named tuple, where values have columns.
VALUE = "value"
#: Entries of an array that are shown one by one.
_FIRST = 12

#: Images by their MIME types in a bundle: how each is named among the downloads.
IMAGES = {"image/svg+xml": "svg", "image/png": "png", "image/jpeg": "jpg", "image/gif": "gif"}


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a page.

    Attributes
    ----------
    kind : str
        ``number``, ``text``, ``table``, ``facts``, ``image``, ``frame`` or ``picture``: what the template makes of it.
    text : str
        What stands there; of an image what it shows, for those who do not see it.
    file : str
        Of an image and a frame: its name among the downloads.
    rows : sequence of sequences of str
        Of a table and of facts.
    head : sequence of str
        Of a table: what stands above its columns.
    note : str
        What is to be said about it.
    picture : Picture or None
        What is drawn.
    """

    kind: str
    text: str = ""
    file: str = ""
    rows: Sequence[Sequence[str]] = ()
    head: Sequence[str] = ()
    note: str = ""
    picture: Picture | None = None


@dataclass(frozen=True, slots=True)
class StoredValue:
    """A value as the service has it.

    Attributes
    ----------
    kind, type, text, size
        As the task has them.
    json : str or None
        Where it stands in the task.
    file : Path or None
        Where it is a file.
    """

    kind: str
    type: str = ""
    text: str = ""
    size: int = 0
    json: str | None = None
    file: Path | None = None

    @property
    def readable(self) -> bool:
        """Whether it is small enough to be read for a page."""
        return self.file is None or self.file.stat().st_size <= READ_BYTES

    @property
    def archived(self) -> bool:
        """Whether its file is an archive of JSON and arrays."""
        if self.file is None:
            return False
        with self.file.open("rb") as file:
            return is_archive(file.read(HEAD_BYTES))

    def parsed(self) -> Any:
        """Its JSON, parsed; of an array in a file the array.

        Raises
        ------
        InvalidJSON, ValueError, OSError
            If it is not what its kind says, or gone.
        """
        if self.file is None:
            return exact_json.decode_kept((self.json or "null").encode())
        data = self.file.read_bytes()
        return read_array(data) if self.kind == ValueKind.ARRAY else json_of_file(self.kind, data)


def blocks_of(value: StoredValue) -> list[Block]:
    """What is shown of a value. It is never a reason for an exception: what cannot be read is said."""
    try:
        if value.kind == ValueKind.ARRAY and value.file is not None:
            return _array_file(value.file)
        if not value.readable:
            note = f"It is too large to be shown here ({value.size:,} bytes). The downloads have all of it."
            return [Block("text", cut(value.text), note=note)]
        return _of_kind(value, value.parsed())
    except (InvalidJSON, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, OSError):
        return [Block("text", cut(value.text), note="It cannot be shown in another way: it is not what its kind says.")]


def _of_kind(value: StoredValue, data: Any) -> list[Block]:
    match ValueKind(value.kind):
        case ValueKind.MIME:
            return _bundle(data)
        case ValueKind.TABLE:
            return [_table(data["columns"], null_word(value.text, value.type, "missing"))]
        case ValueKind.REPR:
            return [Block("text", cut(str(data["repr"])))]
        case _:
            return _plain(value, data)


def _plain(value: StoredValue, data: Any) -> list[Block]:
    # late: the service starts without numpy, which few pages need
    import numpy as np

    null = null_word(value.text, value.type, "nothing")
    if isinstance(data, list):
        made = decode(ValueKind.JSON, data, value.type)
        if isinstance(made, np.ndarray) and made.dtype != object:
            return _array(made)
    if isinstance(data, dict) and not is_tagged(data):
        rows = [(cut(str(name), CELL), cell(item, null)) for name, item in list(data.items())[:ROWS]]
        return [Block("facts", rows=rows, note=_left(len(data), "fields"))]
    if isinstance(data, str):
        return [Block("text", cut(data))]
    text = written(data, null=null, limit=TEXT)
    return [Block("number" if len(text) <= 60 and not isinstance(data, list) else "text", text)]


def _bundle(data: Mapping[str, Any]) -> list[Block]:
    bundle = {str(mime): text for mime, text in data.items() if isinstance(text, str)}
    about = cut(RichValue(bundle).bundle.get("text/plain", ""), CELL) or "The picture that this task returned"
    for mime, suffix in IMAGES.items():
        if mime in bundle:
            return [Block("image", about, file=f"value.{suffix}")]
    if "text/html" in bundle:
        note = "This was written by the task. Scripts in it do not run here, and it loads nothing from elsewhere."
        return [Block("frame", about, file="value.html", note=note)]
    return [Block("text", cut(next(iter(bundle.values()), "")))]


def _table(columns: Mapping[str, Any], null: str) -> Block:
    shown = {str(name): entries for name, entries in list(columns.items())[:COLUMNS]}
    length = max((len(entries) for entries in columns.values()), default=0)
    rows = [
        [cell(entries[place], null) if place < len(entries) else "" for entries in shown.values()]
        for place in range(min(length, ROWS))
    ]
    notes = [_left(length, "rows"), _left(len(columns), "columns", COLUMNS)]
    return Block("table", rows=rows, head=[cut(name, CELL) for name in shown], note=" ".join(filter(None, notes)))


# -- arrays --------------------------------------------------------------------------------


def _array_file(file: Path) -> list[Block]:
    # late: the service starts without numpy, which few pages need
    import numpy as np

    # Mapped, not read: of a large one only the beginning is looked at.
    array = np.load(file, mmap_mode="r", allow_pickle=False)
    return _array(array)


def _array(array: np.ndarray[Any, Any]) -> list[Block]:
    # late: the service starts without numpy, which few pages need
    import numpy as np

    facts = [("size", " × ".join(map(str, array.shape)) or "1"), ("type of its entries", str(array.dtype))]
    if 0 < array.size <= SUMMARY_ENTRIES:
        facts += _summary(array)
    first = np.asarray(array.ravel(order="K")[:_FIRST] if array.size <= SUMMARY_ENTRIES else array.flat[:_FIRST])
    if array.ndim == 1 or array.size <= _FIRST:
        more = ", …" if array.size > _FIRST else ""
        facts.append(("entries", ", ".join(map(_entry, first.tolist())) + more))
    drawn = picture_of_array(array)
    picture = [] if drawn is None else [Block("picture", drawn.about, picture=drawn)]
    if array.ndim == 2 and array.size <= 400:
        table = [[_entry(item) for item in row] for row in array.tolist()]
        return [*picture, Block("facts", rows=facts), Block("table", rows=table)]
    return [*picture, Block("facts", rows=facts)]


def _summary(array: np.ndarray[Any, Any]) -> list[tuple[str, str]]:
    # late: the service starts without numpy, which few pages need
    import numpy as np

    if array.dtype.kind not in "iuf":
        return []
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    facts = []
    if finite.size:
        named = {"smallest": finite.min(), "mean": finite.mean(dtype="float64"), "largest": finite.max()}
        facts = [(name, _entry(item.item())) for name, item in named.items()]
    missing = int(array.size - finite.size)
    return [*facts, ("NaN or infinite", f"{missing:,} entries")] if missing else facts


def _entry(item: Any) -> str:
    if isinstance(item, float):
        return float_text(item)
    if isinstance(item, complex):
        return scalar({"$complex": [item.real, item.imag]})
    return "true" if item is True else "false" if item is False else str(item)


# -- texts ---------------------------------------------------------------------------------


def cell(item: Any, null: str = "nothing") -> str:
    """A value's JSON, parsed, in a cell; ``null`` is how null reads."""
    # late: the service starts without numpy, which few pages need
    import numpy as np

    if isinstance(item, np.ndarray):
        item = item.tolist()
    if isinstance(item, np.generic):
        item = item.item()
    if isinstance(item, str):
        return cut(item, CELL)
    return cut(written(item, null=null, limit=CELL), CELL)


def cut(text: str, limit: int = TEXT) -> str:
    """A text that is no longer than ``limit``; one that was longer says by how much."""
    if len(text) <= limit:
        return text
    if limit <= CELL:
        return f"{text[: limit - 1]}…"
    return f"{text[:limit]}…\n[{len(text) - limit:,} more characters are left out here]"


def _left(count: int, what: str, most: int = ROWS) -> str:
    return f"The first {most:,} of {count:,} {what} are shown here; the downloads have all." if count > most else ""


def finite(item: Any) -> float | None:
    """A number that can be drawn; None for all else."""
    if isinstance(item, bool) or not isinstance(item, int | float):
        return None
    try:
        number = float(item)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def numbers(items: Iterable[Any]) -> list[float | None]:
    """Items as numbers, None for what is none."""
    return [finite(item) for item in items]
