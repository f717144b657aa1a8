"""Outcomes: exactly one is recorded per attempt."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.domain import TaskStatus, Verdict
from taskq_kernel.store.claims import Log, progress_columns, store_logs
from taskq_kernel.store.database import Write
from taskq_kernel.store.definitions import PARSE_ERROR, note_errors
from taskq_kernel.store.dialects import insert_new
from taskq_kernel.store.hot import HotQuery, among
from taskq_kernel.store.ids import chunks, parse_ids
from taskq_kernel.store.manifests import store_manifests
from taskq_kernel.store.policy import Policy, retry_delay_s
from taskq_kernel.store.rows import Columns, TaskRow
from taskq_kernel.store.series import store_series
from taskq_kernel.store.statistics import count_minute
from taskq_kernel.store.surroundings import store_surroundings, surroundings_id
from taskq_kernel.store.tables import Cause, refused_outcomes, task_events, tasks
from taskq_kernel.store.task_files import store_files
from taskq_kernel.store.transitions import Transition, requeue, transition
from taskq_kernel.task_files import KeptFile


@dataclass(frozen=True, slots=True)
class Value:
    """A task's value as it is stored: ``json`` holds it, or ``ref`` names its blob."""

    kind: str
    type: str
    text: str
    json: str | None
    ref: str | None
    size: int
    note: str


@dataclass(frozen=True, slots=True)
class Error:
    """Why an attempt failed."""

    name: str
    message: str
    stacktrace: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended."""

    id: str
    attempt: int
    #: The id or the name of the worker that ran it.
    worker: str
    status: TaskStatus
    started_at: float
    finished_at: float
    seconds: float
    value: Value | None = None
    error: Error | None = None
    retryable: bool = True
    #: Its process was ended from outside: it counts as lost, and not as failed.
    lost: bool = False
    #: What its code said last about how far it is; None: nothing.
    progress: float | None = None
    progress_message: str | None = None
    logs: Sequence[Log] = field(default=())
    #: What it reported as series of numbers, and where its time went, as JSON.
    series: str | None = None
    timing: str | None = None
    #: Files of its folder that are kept.
    files: Sequence[KeptFile] = field(default=())
    #: Which packages it had: the SHA-256 of a manifest, and its text where that goes along.
    manifest_sha256: str | None = None
    manifest: str | None = None
    #: What it ran in, as JSON, and the most memory that its process had; None: a worker of an earlier release.
    surroundings: str | None = None
    peak_memory: int | None = None


def record_outcomes(write: Write, outcomes: Sequence[Outcome], policy: Policy) -> list[Verdict]:
    """Record outcomes, each attempt's first one only.

    An outcome decides its task if the task still runs that attempt at that worker. A
    repeated one changes nothing; one that comes too late is refused and kept apart.

    Returns
    -------
    list of Verdict
        One for each, in order.
    """
    found = _load(write.conn, outcomes)
    verdicts: list[Verdict] = []
    accepted: dict[int, tuple[TaskRow, Outcome]] = {}
    doubtful: list[tuple[int, TaskRow, Outcome]] = []
    for place, outcome in enumerate(outcomes):
        row = found.get(outcome.id)
        if row is not None and _is_current(row, outcome) and row.number not in accepted:
            accepted[row.number] = (row, outcome)
            verdicts.append(Verdict.ACCEPTED)
            continue
        verdicts.append(Verdict.REFUSED)
        if row is not None:
            doubtful.append((place, row, outcome))
    store_surroundings(write, (outcome.surroundings for _row, outcome in accepted.values()))
    _accept(write, list(accepted.values()), policy)
    if doubtful:
        _settle_doubtful(write, doubtful, verdicts)
    return verdicts


def _load(conn: Connection, outcomes: Sequence[Outcome]) -> dict[str, TaskRow]:
    found = {}
    uuids, _numbers, _neither = parse_ids(outcome.id for outcome in outcomes)
    for chunk in chunks(uuids):
        for row in _NAMED.all(conn, ids=chunk):
            found[row.id] = row
    return found


_NAMED = HotQuery(TaskRow, lambda conn: sa.select(
    tasks.c.number, tasks.c.id, tasks.c.owner, tasks.c.status, tasks.c.attempt, tasks.c.failures,
    tasks.c.max_attempts, tasks.c.lost, tasks.c.worker, tasks.c.worker_id, tasks.c.started_at, tasks.c.log_bytes,
    tasks.c.progress, tasks.c.progress_message, tasks.c.deleted_at, tasks.c.definition,
    tasks.c.source, tasks.c.entry,
).where(among(conn, tasks.c.id, "ids")))


def _is_current(row: TaskRow, outcome: Outcome) -> bool:
    """The fence: the task runs this attempt, at this worker."""
    return (
        row.status == TaskStatus.RUNNING
        and row.attempt == outcome.attempt
        and outcome.worker in (row.worker_id, row.worker)
    )


def _accept(write: Write, pairs: Sequence[tuple[TaskRow, Outcome]], policy: Policy) -> None:
    finished = [pair for pair in pairs if pair[1].status is TaskStatus.FINISHED]
    lost = [pair for pair in pairs if pair[1].lost]
    failed = [pair for pair in pairs if pair[1].status is not TaskStatus.FINISHED and not pair[1].lost]
    again = [(row, outcome) for row, outcome in failed if _is_tried_again(row, outcome)]
    final = [(row, outcome) for row, outcome in failed if not _is_tried_again(row, outcome)]
    transition(write, TaskStatus.FINISHED, Cause.OUTCOME, [
        Transition(row.number, row.owner, row.attempt, row.worker, "its code returned a value", row.status,
             {**_times(write, row, outcome), **_value_columns(outcome.value), **_error_columns(None),
              **_progress_columns(row, outcome), "progress": 1.0})
        for row, outcome in finished
    ])
    transition(write, TaskStatus.FAILED, Cause.OUTCOME, [
        Transition(row.number, row.owner, row.attempt, row.worker, _failure(outcome), row.status,
             {**_times(write, row, outcome), **_error_columns(outcome.error), **_progress_columns(row, outcome),
              "failures": row.failures + 1})
        for row, outcome in final
    ])
    _try_again(write, again)
    note_errors(write, {
        row.definition: (outcome.error.name, outcome.error.message, outcome.error.line)
        for row, outcome in final if row.definition and outcome.error and outcome.error.name == PARSE_ERROR
    })
    write.ran += [(row.source, row.entry, outcome.seconds) for row, outcome in finished]
    given_up = _take_from_lost_processes(write, lost, policy)
    count_minute(write, [row.owner for row, _ in finished], [*(row.owner for row, _ in final), *given_up])
    logs = [log for _row, outcome in pairs for log in outcome.logs]
    store_manifests(write, {
        outcome.manifest_sha256: outcome.manifest for _row, outcome in pairs
        if outcome.manifest_sha256 is not None and outcome.manifest is not None
    })
    store_series(write, [
        (row.number, outcome.attempt, outcome.series) for row, outcome in pairs if outcome.series is not None
    ])
    store_files(write, [
        (row.number, outcome.attempt, outcome.files) for row, outcome in pairs if outcome.files or outcome.attempt > 1
    ])
    if logs:
        store_logs(write, logs, {row.id: row for row, _outcome in pairs}, policy.max_log_bytes)


def _is_tried_again(row: TaskRow, outcome: Outcome) -> bool:
    return outcome.retryable and row.failures + 1 < row.max_attempts


def _try_again(write: Write, pairs: Sequence[tuple[TaskRow, Outcome]]) -> None:
    transitions: list[Transition] = []
    for row, outcome in pairs:
        delay = retry_delay_s(row.failures + 1)
        reason = f"{_failure(outcome)}; tried again in {delay:.0f} s"
        columns = {
            **_error_columns(outcome.error), "failures": row.failures + 1, "available_at": write.now + delay,
        }
        transitions.append(Transition(row.number, row.owner, row.attempt, row.worker, reason, row.status, columns))
    requeue(write, Cause.OUTCOME, transitions)


def _take_from_lost_processes(
    write: Write, pairs: Sequence[tuple[TaskRow, Outcome]], policy: Policy
) -> list[str]:
    """Try tasks again whose Julia process was ended from outside, as if their worker had been lost.

    Returns
    -------
    list of str
        The owners of those that have been lost too often, and are FAILED.
    """
    again = [(row, outcome) for row, outcome in pairs if row.lost + 1 < policy.max_lost]
    final = [(row, outcome) for row, outcome in pairs if row.lost + 1 >= policy.max_lost]
    requeue(write, Cause.OUTCOME, [
        Transition(row.number, row.owner, row.attempt, row.worker, _loss(row, outcome, policy), row.status,
                   {"lost": row.lost + 1})
        for row, outcome in again
    ])
    transition(write, TaskStatus.FAILED, Cause.OUTCOME, [
        Transition(row.number, row.owner, row.attempt, row.worker, _loss(row, outcome, policy), row.status,
                   {**_times(write, row, outcome), **_error_columns(_given_up(row, outcome)),
                    **_progress_columns(row, outcome), "lost": row.lost + 1})
        for row, outcome in final
    ])
    return [row.owner for row, _ in final]


def _loss(row: TaskRow, outcome: Outcome, policy: Policy) -> str:
    return f"lost {row.lost + 1} of at most {policy.max_lost} times: {_failure(outcome)}"


def _given_up(row: TaskRow, outcome: Outcome) -> Error:
    error = outcome.error or Error("ProcessKilled", "its Julia process was ended from outside")
    times = "once" if row.lost == 0 else f"{row.lost + 1} times"
    return replace(error, message=f"{error.message}. The task was lost {times}, so it is not tried again")


def _progress_columns(row: TaskRow, outcome: Outcome) -> Columns:
    """The last progress, which no heartbeat need have brought; a worker of an earlier release does not tell it."""
    if outcome.progress is None or math.isnan(outcome.progress):
        return {"progress": row.progress, "progress_message": row.progress_message}
    return progress_columns(outcome.progress, outcome.progress_message)


def _failure(outcome: Outcome) -> str:
    error = outcome.error
    if error is None:
        return "its code failed"
    first = error.message.strip().splitlines()[:1]
    return f"{error.name}: {first[0]}"[:300] if first else error.name


def _times(write: Write, row: TaskRow, outcome: Outcome) -> Columns:
    """When it ran. The worker's clock is believed as far as it fits the service's."""
    started = _between(row.started_at or 0.0, outcome.started_at, write.now)
    finished = _between(started, outcome.finished_at, write.now)
    seconds = outcome.seconds if math.isfinite(outcome.seconds) and outcome.seconds >= 0 else 0.0
    return {"started_at": started, "finished_at": finished, "seconds": seconds, "timing": outcome.timing,
            "manifest_sha256": outcome.manifest_sha256,
            "surroundings": surroundings_id(outcome.surroundings), "peak_memory": outcome.peak_memory}


def _between(low: float, value: float, high: float) -> float:
    return min(max(low, value), high) if math.isfinite(value) else high


def _value_columns(value: Value | None) -> Columns:
    if value is None:
        value = Value("JSON", "Nothing", "nothing", "null", None, 4, "")
    return {
        "value_kind": value.kind, "value_type": value.type, "value_text": value.text,
        "value_note": value.note, "value_ref": value.ref, "value_size": value.size, "value_json": value.json,
    }


def _error_columns(error: Error | None) -> Columns:
    if error is None:
        return dict.fromkeys(("error_name", "error_message", "error_stacktrace", "error_line"))
    return {
        "error_name": error.name, "error_message": error.message, "error_stacktrace": error.stacktrace,
        "error_line": error.line,
    }


def _settle_doubtful(
    write: Write, doubtful: Sequence[tuple[int, TaskRow, Outcome]], verdicts: list[Verdict]
) -> None:
    """Tell repeated outcomes from those that come too late, and keep the latter."""
    recorded = _recorded_attempts(write.conn, {row.number for _place, row, _outcome in doubtful})
    refused = []
    for place, row, outcome in doubtful:
        if (row.number, outcome.attempt) in recorded:
            verdicts[place] = Verdict.REPEATED
        else:
            refused.append({
                "task": row.number, "attempt": outcome.attempt, "worker": outcome.worker,
                "status": outcome.status, "at": write.now, "reason": _why_refused(row, outcome),
            })
    if refused:
        write.conn.execute(insert_new(write.conn, refused_outcomes), refused)


def _recorded_attempts(conn: Connection, numbers: Iterable[int]) -> set[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    for chunk in chunks(sorted(numbers)):
        query = sa.select(task_events.c.task, task_events.c.attempt).where(
            task_events.c.task.in_(chunk), task_events.c.cause == Cause.OUTCOME
        )
        found.update((row.task, row.attempt) for row in conn.execute(query))
        # Its history has gone, and what it says of its latest attempt was recorded.
        trimmed = sa.select(tasks.c.number, tasks.c.attempt).where(
            tasks.c.number.in_(chunk), tasks.c.trimmed_at > tasks.c.finished_at, tasks.c.status != TaskStatus.CANCELLED
        )
        found.update((row.number, row.attempt) for row in conn.execute(trimmed))
    return found


def _why_refused(row: TaskRow, outcome: Outcome) -> str:
    if row.deleted_at is not None:
        return "the task was deleted"
    if row.attempt != outcome.attempt:
        return f"the task is at attempt {row.attempt}"
    if row.status != TaskStatus.RUNNING:
        return f"the task is {row.status}"
    return f"the task is held by worker {row.worker}"
