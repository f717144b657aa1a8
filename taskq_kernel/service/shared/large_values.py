"""What is drawn, or stands in a table, of values that are files: their numbers and texts, without their arrays."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from taskq_kernel import exact_json
from taskq_kernel.domain import ValueKind
from taskq_kernel.errors import InvalidJSON
from taskq_kernel.service.blobs import Blobs
from taskq_kernel.store.rows import TaskRow
from taskq_kernel.typed_values import ARRAY_TAG
from taskq_kernel.value_files import json_without_arrays
from taskq_kernel.value_text import is_tagged

#: Of the points that are read at a time so many values are looked into that are files.
_MOST_FILES = 1_000
#: A value whose JSON, without its large arrays, takes more bytes is not looked into.
_JSON_BYTES = 1 << 20
#: What is found in one is left out where it takes more bytes.
_FOUND_BYTES = 4 << 10


def with_large_values(rows: Sequence[TaskRow], blobs: Blobs) -> list[TaskRow]:
    """Points with what a page, a picture or a file of them has of their values.

    A value that is a file has its fields that are a number or a text each where a short one has all.
    """
    found, left = list(rows), _MOST_FILES
    for place, row in enumerate(rows):
        if left and row.value_ref is not None and row.value_kind == ValueKind.JSON:
            left -= 1
            try:
                found[place] = _replaced(row, _short_json(blobs.path(row.value_ref)))
            except OSError:  # it is not there, or cannot be read now; the next reading may find it
                continue
    return found


def _replaced(row: Any, value_json: str | None) -> TaskRow:
    return cast(TaskRow, SimpleNamespace(**dict(row._mapping) | {"value_json": value_json}))


@lru_cache(4096)  # a file is named by its content
def _short_json(path: Path) -> str | None:
    """The fields of a value that are a number or a text each, as JSON; None where there is none.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    try:
        data = json_without_arrays(path, _JSON_BYTES)
    except (InvalidJSON, ValueError):
        return None
    if not isinstance(data, dict) or is_tagged(data):
        return None
    short = {name: item for name, item in data.items() if not has_parts(item)}
    text = exact_json.encode(short).decode()
    return text if short and len(text) <= _FOUND_BYTES else None


def has_parts(item: Any) -> bool:
    """Whether a field of a value, as JSON has it, is more than one number or text."""
    return isinstance(item, list) or (isinstance(item, dict) and (not is_tagged(item) or ARRAY_TAG in item))
