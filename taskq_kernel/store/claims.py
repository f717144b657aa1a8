"""Claims and heartbeats: how a worker takes tasks and keeps them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from taskq_kernel.domain import TaskStatus
from taskq_kernel.store.cache import environment_of
from taskq_kernel.store.database import Write
from taskq_kernel.store.declined import keep_off
from taskq_kernel.store.dialects import insert_new
from taskq_kernel.store.hot import HotQuery, HotStatement, among
from taskq_kernel.store.ids import chunks, parse_ids
from taskq_kernel.store.index_choice import without_index
from taskq_kernel.store.long_logs import keep_both_ends
from taskq_kernel.store.policy import Policy
from taskq_kernel.store.rows import Columns, TaskRow, WorkerRow
from taskq_kernel.store.series import store_series
from taskq_kernel.store.tables import Cause, outbox, task_logs, tasks, workers
from taskq_kernel.store.transitions import Transition, transition
from taskq_kernel.store.workers import claimed_by, present_worker, release


@dataclass(frozen=True, slots=True)
class ClaimReport:
    """What a heartbeat says of one claim."""

    id: str
    attempt: int
    progress: float | None = None
    progress_message: str | None = None
    #: What it has reported as series of numbers, as JSON.
    series: str | None = None
    #: Its outcome is published, and the worker does not know yet whether it arrived.
    done: bool = False


@dataclass(frozen=True, slots=True)
class Log:
    """Some of what an attempt printed."""

    id: str
    attempt: int
    seq: int
    stream: str
    text: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What a heartbeat brings back; see the schema's HeartbeatReply."""

    stop: list[str]
    settled: list[str]
    drain: bool
    heartbeat_seconds: float


_CLAIMABLE = HotQuery(TaskRow, lambda conn: sa.select(
    tasks.c.number, tasks.c.id, tasks.c.owner, tasks.c.status, tasks.c.attempt, tasks.c.project,
    tasks.c.queue, tasks.c.threads, tasks.c.gpus, tasks.c.created_at, tasks.c.avoid,
).where(
    among(conn, tasks.c.id, "ids"),
    without_index(conn, sa.and_(tasks.c.status == TaskStatus.QUEUEING, tasks.c.deleted_at.is_(None))),
))


def claim_tasks(write: Write, worker_id: str, ids: Sequence[str]) -> list[tuple[str, int]]:
    """Give waiting tasks to a worker.

    Returns
    -------
    list of (id, attempt)
        The claims granted. A task that is cancelled, running, ended, deleted or unknown
        is not among them, and its message can be dropped.
    """
    worker = present_worker(write, worker_id)
    uuids, _numbers, _neither = parse_ids(dict.fromkeys(ids))
    waiting: list[TaskRow] = []
    for chunk in chunks(uuids):
        waiting += _CLAIMABLE.all(write.conn, ids=chunk)
    waiting = keep_off(write, worker, waiting)
    give(write, worker, waiting, f"claimed by worker {worker.name}")
    if waiting:
        # Whoever has its message has no need of its row; the publisher may not have come to taking it out.
        _TAKE_OUT.execute(write.conn, [{"b_task": row.number} for row in waiting])
        write.claimed += [row.number for row in waiting]
    return [(row.id, row.attempt + 1) for row in waiting]


def give(write: Write, worker: WorkerRow, waiting: Sequence[TaskRow], reason: str) -> None:
    """Have waiting tasks run, each as its next attempt, at a worker; its lease is theirs from then on."""
    transition(write, TaskStatus.RUNNING, Cause.CLAIMED, [
        Transition(row.number, row.owner, row.attempt + 1, worker.name, reason, row.status, {
            "attempt": row.attempt + 1, "worker": worker.name, "worker_id": worker.id,
            "started_at": write.now, "finished_at": None, "log_bytes": 0,
            "environment": environment_of(worker.julia_version, worker.manifest, row.project),
        })
        for row in waiting
    ])


_TAKE_OUT = HotStatement(lambda _: sa.delete(outbox).where(outbox.c.task == sa.bindparam("b_task")))


def heartbeat(
    write: Write, worker_id: str, reports: Sequence[ClaimReport], logs: Sequence[Log], policy: Policy
) -> Reply:
    """Renew a worker's lease, take in progress and output, and tell it what to do.

    Tasks that the service gave to the worker more than a lease ago, and that it does not
    hold, go back: the answer to its claim was lost.
    """
    worker = present_worker(write, worker_id)
    write.conn.execute(
        sa.update(workers)
        .where(workers.c.id == worker_id)
        .values(seen_at=write.now, lease_until=write.now + policy.lease_s)
    )
    running = {task.id: task for task in claimed_by(write.conn, worker_id)}
    current = {
        item.id: running[item.id] for item in reports
        if item.id in running and running[item.id].attempt == item.attempt
    }
    _store_progress(write, reports, current)
    _store_series(write, reports, current)
    store_logs(write, logs, current, policy.max_log_bytes)
    named = {item.id for item in reports}
    unknown = [
        task for task in running.values() if task.id not in named and is_overdue(task, write.now, policy.lease_s)
    ]
    release(write, unknown, f"worker {worker.name} never got to know that it holds it")
    gone = [item for item in reports if item.id not in current]
    return Reply(
        stop=[item.id for item in gone if not item.done],
        settled=[item.id for item in gone if item.done],
        drain=bool(worker.drain),
        heartbeat_seconds=policy.heartbeat_s,
    )


def is_overdue(task: TaskRow, now: float, lease_s: float) -> bool:
    """Whether a worker that does not name a task which it was given has had the time to."""
    # Also what starts in a future that is more than two clocks' disagreement: the clock was turned back.
    return abs((task.started_at or 0) - now) > lease_s


def _store_progress(write: Write, reports: Iterable[ClaimReport], current: dict[str, TaskRow]) -> None:
    rows = []
    for item in reports:
        task = current.get(item.id)
        if task is None or item.progress is None or math.isnan(item.progress):
            continue
        new = progress_columns(item.progress, item.progress_message)
        if tuple(new.values()) != (task.progress, task.progress_message):
            rows.append({"b_number": task.number, "version": write.next_version(), **new})
    if rows:
        write.conn.execute(_PROGRESS, rows)


def progress_columns(progress: float, message: str | None) -> Columns:
    """A report of progress as it is kept."""
    return {"progress": min(1.0, max(0.0, progress)), "progress_message": None if message is None else message[:1000]}


def _store_series(write: Write, reports: Iterable[ClaimReport], current: dict[str, TaskRow]) -> None:
    kept = store_series(write, [
        (current[item.id].number, item.attempt, item.series)
        for item in reports if item.id in current and item.series is not None
    ])
    if kept:  # a new version tells whoever watches
        write.conn.execute(_CHANGED, [{"b_number": number, "version": write.next_version()} for number in kept])


_CHANGED = (
    sa.update(tasks).where(tasks.c.number == sa.bindparam("b_number")).values(version=sa.bindparam("version"))
)


def store_logs(write: Write, logs: Sequence[Log], current: dict[str, TaskRow], limit: int) -> None:
    """Keep output, each chunk once, and of each attempt no more than ``limit`` bytes: the beginning and the end.

    Parameters
    ----------
    current : dict
        The tasks that output is taken from, by id, with ``number``, ``attempt`` and
        ``log_bytes``.
    """
    fresh = [log for log in logs if log.id in current and current[log.id].attempt == log.attempt]
    if not fresh:
        return
    kept = {task.number: task.log_bytes for task in current.values()}
    numbers = {current[log.id].number for log in fresh}
    stored = {(row.task, row.seq) for row in write.conn.execute(
        sa.select(task_logs.c.task, task_logs.c.seq)
        .where(
            task_logs.c.task.in_(numbers), task_logs.c.seq.in_({log.seq for log in fresh}),
            sa.tuple_(task_logs.c.task, task_logs.c.attempt).in_(
                [(task.number, task.attempt) for task in current.values()]
            ),
        )
    )}
    rows: dict[int, list[Columns]] = {}
    for log in fresh:
        number = current[log.id].number
        if (number, log.seq) in stored:
            continue
        stored.add((number, log.seq))
        kept[number] += len(log.text.encode("utf-8", "replace"))
        rows.setdefault(number, []).append({
            "task": number, "attempt": log.attempt, "seq": log.seq, "stream": log.stream[:20], "text": log.text,
        })
    fitting = [row for number in rows if kept[number] <= limit for row in rows[number]]
    if fitting:
        write.conn.execute(insert_new(write.conn, task_logs), fitting)
    for number in rows:
        if kept[number] > limit:
            keep_both_ends(write.conn, rows[number], kept[number], limit)
    if rows:
        write.conn.execute(_LOG_BYTES, [{"b_number": number, "log_bytes": kept[number]} for number in rows])


_PROGRESS = (
    sa.update(tasks)
    .where(tasks.c.number == sa.bindparam("b_number"))
    .values({name: sa.bindparam(name) for name in ("progress", "progress_message", "version")})
)
_LOG_BYTES = (
    sa.update(tasks)
    .where(tasks.c.number == sa.bindparam("b_number"))
    .values(log_bytes=sa.bindparam("log_bytes"))
)
