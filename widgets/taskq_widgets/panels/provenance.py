"""How the open task's value was made: its facts, exports as files, and a repetition with its verdict."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from taskq_kernel import exact_json
from taskq_kernel.domain import TaskStatus
from taskq_kernel.passed_values import passed_values
from taskq_kernel.provenance import facts_of

if TYPE_CHECKING:
    from taskq_kernel.client.client import Client
    from taskq_kernel.client.task import Task

#: What the page can save, with what a file of it is called.
FORMS = ("script", "notebook", "crate", "cite")


def made_of(data: dict[str, Any]) -> dict[str, Any]:
    """Return the facts as rows of part, label and text, and what can be done with the task."""
    can = data.get("kind") in ("SCRIPT", "CALL")
    # More than one file is a zip of them.
    several = bool(data.get("project") or data.get("inputFiles") or passed_values(exact_json.encode(data["arguments"])))
    return {
        "facts": [[fact.part, fact.label, str(fact)] for fact in facts_of(data)],
        "endings": {
            "script": "zip" if several else "jl", "notebook": "zip" if several else "ipynb", "crate": "crate.zip",
            "cite": "bib",
        } if can else {},
        "reproducible": can and data["status"] == TaskStatus.FINISHED,
    }  # fmt: skip


def file_of(client: Client, data: dict[str, Any], form: str) -> bytes:
    """Return an export as the content of a file.

    Raises
    ------
    TaskqError
        If it cannot be made.
    """
    task: Task = client.task(data["id"])
    if form == "cite":
        return f"{task.cite().bibtex}\n".encode()
    several = made_of(data)["endings"][form] == "zip"
    with TemporaryDirectory() as folder:
        place = Path(folder) / "export"
        place.mkdir()
        if form == "script":
            task.export_script(place if several else place / "task.jl")
        elif form == "notebook":
            task.export_notebook(place / "task.ipynb")
        else:
            task.export_crate(place / "crate.zip")
        return _zipped(place) if several else next(place.iterdir()).read_bytes()


def _zipped(folder: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.write(path, path.relative_to(folder).as_posix())
    return packed.getvalue()
