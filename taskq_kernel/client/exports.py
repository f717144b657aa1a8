"""Tasks as files that others can have: a script, a notebook, an RO-Crate; and how they are cited."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

from taskq_kernel import exact_json
from taskq_kernel.client import operations
from taskq_kernel.client.session import Session
from taskq_kernel.errors import InvalidTask, NotFound
from taskq_kernel.export import script as scripts
from taskq_kernel.export.citation import Citation, cite
from taskq_kernel.export.crate import Crate, write_crate
from taskq_kernel.export.notebook import notebook
from taskq_kernel.export.source import EXPORTED, Exported
from taskq_kernel.passed_values import passed_values
from taskq_kernel.project_manifest import decode_manifest


def read_exported(client: Session, task_id: str) -> Exported:
    """A task with all that an export of it needs."""
    [task] = exported_of(client, [operations.get(client.transport, task_id, EXPORTED)])
    return task


def exported_of(client: Session, rows: Sequence[Mapping[str, Any]]) -> list[Exported]:
    """Tasks of their rows, with the files of their projects, those that they were given, and their large arguments.

    What many of them have is fetched once.
    """
    content = cache(partial(_content, client))

    @cache
    def project(name: str) -> dict[str, bytes]:
        return {file.path: content(file.sha256) for file in decode_manifest(content(name)).files}

    def exported(row: Mapping[str, Any]) -> Exported:
        inputs = {name: content(file["ref"]) for name, file in (row.get("inputFiles") or {}).items()}
        large = {ref: content(ref) for ref in passed_values(exact_json.encode(row.get("arguments") or {}))}
        return Exported(row, project(row["project"]) if row.get("project") else {}, inputs, large)

    return [exported(row) for row in rows]


def _content(client: Session, ref: str) -> bytes:
    try:
        return client.transport.get_blob(ref)
    except NotFound as error:
        raise NotFound(f"a file that the task had is not kept any more: {error}", "NOT_FOUND") from error


def export_script(task: Exported, path: str | Path) -> Path:
    """Write a task as a script, or as a folder where the path does not end in ``.jl``; the script's path."""
    target = _target(path)
    if target.suffix == ".jl":
        return _write(target, scripts.script(task).encode(), {})
    files = scripts.folder(task)
    return _write(target / scripts.SCRIPT, files.pop(scripts.SCRIPT), files)


def export_notebook(task: Exported, path: str | Path) -> Path:
    """Write a task as a notebook, with what it needs beside it; its path."""
    target = _target(path)
    if target.suffix != ".ipynb":
        raise InvalidTask(f"is {str(path)!r}: give a file that ends in .ipynb", "path")
    kept: dict[str, bytes] = {}
    text = notebook(task, kept)
    beside = scripts.beside(task, kept)
    if target.name in beside:
        raise InvalidTask(f"is {str(path)!r}: its project has such a file; give another name", "path")
    return _write(target, text.encode(), beside)


def _target(path: str | Path) -> Path:
    """A path that somebody has given, with ``~`` put in."""
    return Path(os.path.expanduser(path))  # noqa: PTH111  (pathlib refuses ~nobody)


def _write(target: Path, content: bytes, beside: Mapping[str, bytes]) -> Path:
    """Write a file, and those that it needs beside it where they are not there; nothing of somebody else's is lost."""
    missing: dict[Path, bytes] = {}
    for name, needed in beside.items():
        file = target.parent / name
        if not file.exists():
            missing[file] = needed
        elif not file.is_file() or file.read_bytes() != needed:
            raise InvalidTask(f"is {str(target)!r}, beside which {name} is another: give a folder of its own", "path")
    for file, needed in (*missing.items(), (target, content)):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(needed)
    return target


def export_crate(
    client: Session, rows: Sequence[Mapping[str, Any]], name: str, citation: Citation, path: str | Path,
    license: str = "",
) -> Path:
    """Write tasks, whose rows have `EXPORTED`, as an RO-Crate; the path of the zip."""
    target = _target(path)
    if target.suffix != ".zip":
        raise InvalidTask(f"is {str(path)!r}: give a file that ends in .zip", "path")
    tasks = exported_of(client, rows)
    author = str(rows[0]["owner"])
    crate = Crate(name, author, tasks, citation, license, dict(_kept(client, tasks)), _parquet(client, tasks))
    content = io.BytesIO()
    write_crate(crate, content, datetime.now(UTC))
    return _write(target, content.getvalue(), {})


def _kept(client: Session, tasks: Sequence[Exported]) -> Iterator[tuple[str, bytes]]:
    """Values and files of tasks that the service keeps apart, by their paths in a crate."""
    for task in tasks:
        number, ref = task.row["number"], task.row.get("valueRef")
        if ref:
            suffix = "npy" if task.row["valueKind"] == "ARRAY" else "json"
            content = _content(client, ref)
            yield f"data/values/{number}.{suffix if suffix == 'npy' or content[:1] in b'{[' else 'tar'}", content
        for file in task.row.get("files") or ():
            yield f"data/files/{number}/{file['name']}", _content(client, file["sha256"])
        for name, content in task.inputs.items():
            yield f"inputs/{number}/{name}", content


def _parquet(client: Session, tasks: Sequence[Exported]) -> bytes | None:
    """The table of results in Parquet; None where that is not installed."""
    from importlib.util import find_spec

    if find_spec("pyarrow") is None:
        return None
    from tempfile import TemporaryDirectory

    from taskq_kernel.client.frame import make_frame, with_arguments
    from taskq_kernel.client.parquet import to_parquet

    ids = [task.row["id"] for task in tasks]
    found = list(operations.get_many(client.transport, ids, f"{operations.FRAME} arguments"))
    frame = with_arguments(make_frame(found, values=True), found)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "results.parquet"
        to_parquet(frame, file)
        return file.read_bytes()


def cite_task(row: Mapping[str, Any]) -> Citation:
    """How a task's value is cited; the row has `CITED`."""
    return _cited(row, str(row["name"]), f"value of task {row['number']}", f"taskq-{str(row['id'])[:8]}")


def cite_batch(rows: Sequence[Mapping[str, Any]], name: str, batch_id: str | None) -> Citation:
    """How the values of a batch are cited."""
    if not rows:
        raise InvalidTask("there is no task to cite")
    last = max(rows, key=lambda row: row.get("finishedAt") or row["createdAt"])
    what = f"values of {len(rows)} tasks"
    return _cited(last, name, what, f"taskq-{(batch_id or str(last['id']))[:8]}")


def _cited(row: Mapping[str, Any], title: str, what: str, key: str) -> Citation:
    task = Exported(row)
    digest = next(fact.value for fact in task.facts if fact.key == "code_sha256")
    with_ = " and ".join(filter(None, [
        f"taskq {task.around['taskq_version']}" if task.around.get("taskq_version") else "taskq",
        f"Julia {task.julia}" if task.julia else "",
    ]))  # fmt: skip
    commit = next((f", git commit {fact.value[:12]}" for fact in task.facts if fact.key == "git_commit"), "")
    made = f"Computed with {with_}, from code with SHA-256 {digest[:16]}{commit}"
    return cite(title, str(row["owner"]), row.get("finishedAt") or row["createdAt"], what, made, key)
