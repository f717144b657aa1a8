"""What somebody has submitted lately: tasks, and batches as one, the newest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any, overload

from taskq_kernel.broker.names import session_queue
from taskq_kernel.client import batch_operations, display, operations
from taskq_kernel.client.batch import Batch
from taskq_kernel.client.batch_display import counts_text
from taskq_kernel.client.progress import duration_text
from taskq_kernel.client.sweep import Sweep
from taskq_kernel.client.task import Task, task_from
from taskq_kernel.domain import TaskKind
from taskq_kernel.errors import InvalidTask

if TYPE_CHECKING:
    from taskq_kernel.client.session import Session

#: How many tasks are looked through for those that were not submitted together.
_FAR = 20_000
#: What is read of a task: what a `Task` keeps, so that each can be made without another request.
_TASK = operations.TASK
_BATCH = f"{batch_operations.BATCH} {batch_operations.FIGURES}"
_COLUMNS = ("submitted", "what", "name", "status", "value")


@dataclass(frozen=True)
class Submission:
    """One thing that was submitted: a task, tasks that were submitted together, or a sweep.

    Attributes
    ----------
    at : datetime
        When.
    what : str
        ``task 12``, ``batch of 5`` or ``sweep of 100``.
    name : str
        What it is called; a batch by its last task.
    status, value : str
        How it stands, and what there is to say at this stage.
    row : dict
        What was read of it: of the task, of the sweep, or of the newest task of the batch.
    """

    at: datetime
    what: str
    name: str
    status: str
    value: str
    row: Mapping[str, Any]


class Recent(Sequence["Task | Batch | Sweep"]):
    """A list of what was submitted lately; it shows itself as a table.

    Its items are `Task`, `Batch` and `Sweep`, as they are now; the table is as it was when it was read.

    Attributes
    ----------
    submissions : list of Submission
        What the table shows.
    """

    def __init__(self, client: Session, submissions: Sequence[Submission]) -> None:
        self._client = client
        self.submissions = list(submissions)

    def __len__(self) -> int:
        return len(self.submissions)

    @overload
    def __getitem__(self, index: int) -> Task | Batch | Sweep: ...
    @overload
    def __getitem__(self, index: slice) -> Recent: ...
    def __getitem__(self, index: int | slice) -> Task | Batch | Sweep | Recent:
        if isinstance(index, slice):
            return Recent(self._client, self.submissions[index])
        return self._item(self.submissions[index])

    def __iter__(self) -> Iterator[Task | Batch | Sweep]:
        return (self._item(one) for one in self.submissions)

    def _item(self, one: Submission) -> Task | Batch | Sweep:
        if "total" in one.row:
            return Sweep(self._client, one.row)
        if (batch := one.row["batch"]) is None:
            return task_from(self._client, dict(one.row))
        with self._client.cache.reading():
            rows = operations.pages(self._client.transport, {"batch": batch}, _TASK, order=[("NUMBER", "ASC")])
            return Batch(self._client, [task_from(self._client, row) for row in rows], batch)

    # -- showing -------------------------------------------------------------------------

    def __repr__(self) -> str:
        if not self.submissions:
            return "<nothing was submitted lately>"
        lines = [_COLUMNS, *self._cells()]
        widths = [max(len(line[column]) for line in lines) for column in range(len(_COLUMNS))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        )

    def _repr_html_(self) -> str:
        if not self.submissions:
            return f"<i>{escape(repr(self)[1:-1])}</i>"
        return display.plain_table(_COLUMNS, self._cells())

    def _cells(self) -> list[tuple[str, ...]]:
        now = datetime.now(UTC)
        return [
            (
                f"{duration_text(max(0.0, (now - one.at).total_seconds()))} ago", one.what,
                display.cut(one.name, 50), one.status, display.cut(one.value, 60),
            )
            for one in self.submissions
        ]  # fmt: skip


def read_recent(client: Session, limit: int, since: str | None) -> Recent:
    """What the client's user has submitted last.

    Raises
    ------
    InvalidTask
        If the limit is no number from 1 to 1,000.
    """
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= operations.PAGE:
        raise InvalidTask(f"is {limit!r}: give a whole number from 1 to {operations.PAGE:,}", "limit")
    owner = client.transport.execute("query Me { me { name } }", {})["me"]["name"]
    sweeps, _count = batch_operations.page(client.transport, first=limit, owner=owner, fields=_BATCH)
    kept = {row["id"] for row in sweeps}
    found = [_sweep(row) for row in sweeps if since is None or _moment(row) >= datetime.fromisoformat(since)]
    found += [one for one in _tasks(client, owner, limit, since) if one.row["batch"] not in kept]
    return Recent(client, sorted(found, key=lambda one: one.at, reverse=True)[:limit])


def _tasks(client: Session, owner: str, limit: int, since: str | None) -> Iterator[Submission]:
    """The newest tasks, those that were submitted together as one; neither points of sweeps nor cells of sessions."""
    chosen = {"owner": owner, "isPoint": False} | ({} if since is None else {"createdAfter": since})
    rows = operations.pages(client.transport, chosen, _TASK, order=[("NUMBER", "DESC")], limit=_FAR)
    seen: set[str] = set()
    for row in rows:
        if row["kind"] == TaskKind.SESSION or row["queue"].startswith(session_queue("")):
            continue
        if row["batch"] in seen:
            continue
        seen.add(row["batch"] or row["id"])
        yield _task(row) if row["batch"] is None else _batch(client, row)
        if len(seen) >= limit:
            return


def _task(row: Mapping[str, Any]) -> Submission:
    return Submission(_moment(row), f"task {row['number']}", row["name"], row["status"], display.said_by(row), row)


def _batch(client: Session, row: Mapping[str, Any]) -> Submission:
    counted = operations.counts(client.transport, {"batch": row["batch"]})
    counts = {"counts": [{"status": status, "count": count} for status, count in counted.counts.items()]}
    what = f"batch of {counted.total}"
    return Submission(_moment(row), what, row["name"], counts_text(counts), "", row)


def _sweep(row: Mapping[str, Any]) -> Submission:
    return Submission(
        _moment(row), f"sweep of {row['total']}", row["name"], counts_text(row["figures"]), "", row
    )  # fmt: skip


def _moment(row: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(row["createdAt"])
