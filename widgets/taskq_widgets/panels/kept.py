"""The files that the open task has left in its folder, and that were kept: their list, and a look into one of them."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from taskq_kernel.client.display import size_text
from taskq_kernel.client.task_files import TaskFile, TaskFiles, read_files
from taskq_kernel.domain import FINAL
from taskq_kernel.errors import TaskqError
from taskq_kernel.transport.graphql import GraphQLTransport

#: Files that are listed; `Task.files` has all of them.
MOST_LISTED = 1_000
#: How much of a text or a table is read for a look, how large a picture may be, and what a page takes as a file.
LOOK_BYTES, PICTURE_BYTES, MOST_BYTES = 128 << 10, 8 << 20, 64 << 20
#: Rows and columns of a table, and characters of one of its cells.
ROWS, COLUMNS, CELL = 200, 30, 200

_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"})
_DELIMITERS = {"text/csv": ",", "text/tab-separated-values": "\t"}


class PanelFiles:
    """The files of the open task, which is given as GraphQL gives it."""

    def __init__(self) -> None:
        self._files = TaskFiles([])
        #: What the task was when they were read: they change when an attempt ends.
        self._read: tuple[Any, ...] | None = None
        #: Which one is to be looked into, and what was seen there.
        self._chosen = ""
        self._look: dict[str, Any] = {}

    def due(self, data: Mapping[str, Any]) -> bool:
        """Return whether they, or one of them, are to be read."""
        return bool(data.get("outputs")) and (self._read != _state(data) or self._look.get("name") != self._chosen)

    def read(self, transport: GraphQLTransport, data: Mapping[str, Any]) -> None:
        """Ask the service for them, and for the one that is looked into; one that is away is asked again."""
        with suppress(TaskqError):
            if self._read != _state(data):
                self._files = read_files(transport, data["id"])
                self._read, self._look = _state(data), {}
                if self._chosen not in self._files:
                    self._chosen = ""
            self._look = _look(self._files[self._chosen], transport) if self._chosen else {"name": ""}

    def choose(self, name: str) -> None:
        """Look into a file; into none, if it is the one already."""
        self._chosen = "" if name == self._chosen else name

    def shown(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return their list, and what is seen of one."""
        if not data.get("outputs"):
            return {}
        left = len(self._files) - MOST_LISTED
        listed = [
            {"name": one.name, "size": size_text(one.size), "type": one.type}
            for one in list(self._files.values())[:MOST_LISTED]
        ]
        if listed:
            note = f"{left:,} more are not listed: taskq files {data['number']}" if left > 0 else ""
        else:
            note = "No file was kept." if data["status"] in FINAL else "They are kept when the task has ended."
        return {"files": listed, "note": note, "look": self._look if self._look.get("name") else {}}

    def contents(self, data: Mapping[str, Any], name: str) -> bytes:
        """Return what is in a file, for the page to save.

        Raises
        ------
        ValueError
            If it is too large for a page.
        """
        file = self._files[name]
        if file.size > MOST_BYTES:
            raise ValueError(
                f"{size_text(file.size)} are more than a page takes: taskq fetch {data['number']} '{name}', or "
                f"task.files[{name!r}].save() in Python"
            )
        return file.read_bytes()


def _state(data: Mapping[str, Any]) -> tuple[Any, ...]:
    return data["id"], data["status"], data["attempt"]


def _look(file: TaskFile, transport: GraphQLTransport) -> dict[str, Any]:
    """What is seen of a file, in the forms of `taskq_widgets.panels.results`: a picture, a table, or text."""
    if file.type in _PICTURES:
        return {"name": file.name} | _picture(file)
    return {"name": file.name} | _text(file, transport.blob_head(file.sha256, LOOK_BYTES))


def _picture(file: TaskFile) -> dict[str, Any]:
    if file.size > PICTURE_BYTES:
        return {"form": "none", "text": f"{size_text(file.size)} are too much to show here."}
    # In an element for pictures: nothing in it runs, or is fetched.
    source = f"data:{file.type};base64,{base64.b64encode(file.read_bytes()).decode()}"
    return {"form": "image", "source": source, "text": file.name}


def _text(file: TaskFile, head: bytes) -> dict[str, Any]:
    cut = len(head) < file.size
    if cut:  # whole lines, where there are some
        head = head[: head.rfind(b"\n") + 1] or head
    text = head.decode("utf-8", "replace" if file.type.startswith("text/") else "ignore")
    if "\0" in text or (not file.type.startswith("text/") and not _is_text(head, cut)):
        return {"form": "none", "text": "There is no look into a file of this type: download it."}
    note = f"The first {size_text(len(head))} of {size_text(file.size)}." if cut else ""
    if file.type in _DELIMITERS:
        with suppress(csv.Error):
            return _table(text, _DELIMITERS[file.type], note)
    return {"form": "text", "text": text, "note": note}


def _is_text(head: bytes, cut: bool) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return cut and error.start > len(head) - 4  # a character was cut through
    return True


def _table(text: str, delimiter: str, note: str) -> dict[str, Any]:
    rows = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row]
    if not rows:
        return {"form": "text", "text": text, "note": note}
    width = max(map(len, rows))
    if len(rows) > ROWS + 1 or width > COLUMNS:
        note = f"{note} Shown are the first {min(len(rows) - 1, ROWS)} rows and {min(width, COLUMNS)} columns.".strip()
    head, *body = [[cell[:CELL] for cell in row[:COLUMNS]] for row in rows[: ROWS + 1]]
    return {"form": "grid", "head": head, "rows": body, "note": note}
