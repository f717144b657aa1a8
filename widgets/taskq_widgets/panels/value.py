"""The value of the task that is open: as the page shows it, and as the contents of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from taskq_kernel.client.connection import connecting_code
from taskq_kernel.errors import TaskqError
from taskq_kernel.value_files import is_archive, json_of_file
from taskq_widgets.panels.files import contents, formats, likely_formats
from taskq_widgets.panels.results import Shown, present
from taskq_widgets.table.values import seconds_of

if TYPE_CHECKING:
    from taskq_widgets.live import LiveTasks

#: A value larger than this is not brought to the notebook to be looked at.
MOST_BYTES = 8 << 20
#: Nor one larger than this to be taken as a file: it passes the kernel and the page.
MOST_FILE_BYTES = 64 << 20

_PENDING = {
    "QUEUEING": "Waiting for a free slot.",
    "RUNNING": "Running. The result appears here.",
    "FAILED": "It failed, so there is no result.",
    "CANCELLED": "It was cancelled, so there is no result.",
}


class PanelValue:
    """The value of one task, which is given as GraphQL gives it.

    Parameters
    ----------
    live
        The connection, for what is too large to travel with its task.

    Attributes
    ----------
    whole : bool
        Whether all of it is shown, or the beginning.
    slice : int
        Which slice is shown of an array of more than two dimensions, from 0.
    """

    def __init__(self, live: LiveTasks) -> None:
        self.whole = False
        self.slice = 0
        self._live = live
        #: A large value that was read, and where it is kept.
        self._blob: tuple[str, Any] = ("", None)
        #: What was made of a large value last.
        self._shown: Shown = {}
        #: How Python connects to the service.
        self._connecting: str | None = None

    def shown(self, data: dict[str, Any]) -> Shown:
        """Return the value as the page shows it, or why there is none; see `taskq_widgets.panels.results`."""
        size, ref = int(data.get("valueSize") or 0), data.get("valueRef")
        kind, julia_type = data.get("valueKind"), data.get("valueType") or ""
        if data["status"] == "QUEUEING" and (why := data.get("why")):
            since, until = (None if why[name] is None else seconds_of(why[name]) for name in ("since", "until"))
            return {"form": "waits", "text": why["sentence"], "since": since, "until": until, "needs": why["needs"]}
        if data["status"] != "FINISHED":
            return {"form": "none", "text": _PENDING[data["status"]]}
        if kind is None:
            return {"form": "none", "text": ""}
        taken = {"python": self.in_python(data), "type": julia_type}
        if ref and size > MOST_BYTES:
            forms = likely_formats(kind, julia_type) if size <= MOST_FILE_BYTES else []
            note = f"{size / 1e6:,.1f} MB are too much to show here."
            return taken | {"form": "text", "text": data.get("valueText") or "", "note": note, "files": forms}
        look = [ref or "", self.whole, self.slice]
        if ref and self._shown.get("look") == look:
            return self._shown
        try:
            value = self._large(ref, kind) if ref else data.get("value")
        except TaskqError as error:
            return {"form": "none", "text": f"The value cannot be read: {error}"}
        shown = present(kind, value, data.get("valueText") or "", julia_type, whole=self.whole, at=self.slice)
        remarks = [data.get("valueNote") or "", shown.get("note", "")]
        files = formats(kind, value, julia_type)
        self._shown = shown | taken | {"note": " ".join(filter(None, remarks)), "look": look, "files": files}
        return self._shown

    def json(self, data: dict[str, Any]) -> Any:
        """Return the JSON of a finished task's value, a large one too.

        Raises
        ------
        ValueError
            If it is too large to be brought to the notebook.
        TaskqError
            If it cannot be read.
        """
        ref = data.get("valueRef")
        if not ref:
            return data.get("value")
        size = int(data.get("valueSize") or 0)
        if size > MOST_BYTES:
            raise ValueError(f"{size / 1e6:,.1f} MB are too much to show here.")
        return self._large(ref, data["valueKind"])

    def file(self, data: dict[str, Any], form: str) -> bytes:
        """Return the value as the contents of a file; see `taskq_widgets.panels.files`.

        Raises
        ------
        ValueError
            If it is too large for a page, or cannot be had in this form.
        """
        size, ref = int(data.get("valueSize") or 0), data.get("valueRef")
        most = MOST_BYTES if form == "text" else MOST_FILE_BYTES
        if size > most:
            raise ValueError(f"{size / 1e6:,.1f} MB are more than a page takes; in Python: {self.in_python(data)}")
        kind, blob = data["valueKind"], self._live.transport.get_blob(ref) if ref else None
        if blob is not None and form == ("npy" if kind == "ARRAY" else "json") and not is_archive(blob):
            return blob
        value = data.get("value") if blob is None else json_of_file(kind, blob)
        return contents(form, kind, value, data.get("valueType") or "")

    def _large(self, ref: str, kind: str) -> Any:
        """The JSON of a large value."""
        if self._blob[0] != ref:
            self._blob = (ref, json_of_file(kind, self._live.transport.get_blob(ref)))
        return self._blob[1]

    def in_python(self, data: dict[str, Any], part: str = "value", call: str = "") -> str:
        """Return a line that has the value in Python, or another part of the task."""
        if self._connecting is None:
            self._connecting = connecting_code(self._live.client.url)
        return f"from taskq_kernel import connect; {part} = {self._connecting}.task({data['number']}).{part}{call}"
