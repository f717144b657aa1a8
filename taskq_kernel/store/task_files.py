"""Files of tasks' folders that are kept: of each task those of the last attempt that ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.store.database import Write
from taskq_kernel.store.ids import chunks
from taskq_kernel.store.rows import FileRow, rows_of
from taskq_kernel.store.tables import task_files
from taskq_kernel.task_files import KeptFile

#: A task's number, the attempt that ended, and the files of that.
Ended = tuple[int, int, Sequence[KeptFile]]


def store_files(write: Write, ended: Iterable[Ended]) -> None:
    """Note the files of attempts that have ended, in the place of those of earlier attempts."""
    rows: list[dict[str, Any]] = []
    again: list[int] = []
    for task, attempt, files in ended:
        if attempt != 1:
            again.append(task)
        rows += [
            {"task": task, "name": one.name, "ref": one.ref, "size": one.size, "attempt": attempt} for one in files
        ]
    forget_files(write, again)
    for chunk in chunks(rows):
        write.conn.execute(sa.insert(task_files), list(chunk))


def forget_files(write: Write, numbers: Sequence[int]) -> None:
    """Drop what was noted of the files of tasks."""
    for chunk in chunks(numbers):
        write.conn.execute(sa.delete(task_files).where(task_files.c.task.in_(chunk)))


def copy_files(write: Write, origins: Mapping[int, int]) -> None:
    """Give tasks the files that others have, by the number of each: what these have computed stands for their run."""
    found = files_of(write.conn, sorted(set(origins.values())))
    store_files(write, [
        (task, 0, [KeptFile(row.name, row.ref, row.size) for row in found[origin]]) for task, origin in origins.items()
    ])


def files_of(conn: Connection, numbers: Sequence[int]) -> dict[int, list[FileRow]]:
    """The files of each task, by their names."""
    found: dict[int, list[FileRow]] = {number: [] for number in numbers}
    for chunk in chunks(numbers):
        for row in rows_of(FileRow, conn.execute(sa.select(task_files).where(task_files.c.task.in_(chunk)))):
            found[row.task].append(row)
    for rows in found.values():
        rows.sort(key=lambda row: row.name)
    return found
