"""What must hold after a run, whatever was done to the stack."""

from __future__ import annotations

import os
import socket
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil

from chaos.faults import LEASE_S
from chaos.load import FINAL, Promise
from taskq_kernel.domain import LEGAL_TRANSITIONS, TaskStatus

#: A running task that was cancelled stops within this many seconds: a worker that is paused
#: just then, with its Julia processes, is so for up to four seconds more than a lease.
STOP_S = LEASE_S + 4.0 + 2.0
#: What ends a task whose plan was to finish, where faults had a hand in it.
BY_FAULTS = {"WorkerLost", "ProcessCrashed", "ProcessKilled", "ProcessExited", "MemoryLimitExceeded", "TimeoutExceeded"}
MOST_SHOWN = 20


@dataclass
class Findings:
    """What was found.

    Attributes
    ----------
    lost, doubled : list of str
        Tasks that broke the two promises that everything is about.
    wrong : list of str
        Everything else that must not be.
    """

    tasks: int = 0
    attempts: int = 0
    outcomes: int = 0
    refused: int = 0
    by_status: dict[str, int] = field(default_factory=dict)
    by_error: dict[str, int] = field(default_factory=dict)
    failed_by_faults: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether everything held."""
        return not (self.lost or self.doubled or self.wrong)


# -- tasks and their histories -----------------------------------------------------------------


def check_tasks(found: Findings, promises: Mapping[str, Promise], rows: Sequence[dict[str, Any]]) -> None:
    """Every acknowledged task is there and final, by legal transitions, as its plan says."""
    by_id = {row["id"]: row for row in rows}
    found.tasks = len(rows)
    found.by_status = dict(Counter(row["status"] for row in rows))
    found.by_error = dict(Counter(row["error"]["name"] for row in rows if row["error"]))
    for promise in promises.values():
        row = by_id.get(promise.id)
        if row is None:
            if promise.acknowledged:
                found.lost.append(f"{promise.id} ({promise.plan}): unknown to the service")
            continue
        if row["status"] not in FINAL:
            found.lost.append(f"task {row['number']} ({promise.plan}): still {row['status']}")
        _check_plan(found, promise, row)
    for row in rows:
        found.wrong += [f"task {row['number']}: {what}" for what in _illegal(row["history"])]
        found.attempts += sum(one["status"] == "RUNNING" for one in row["history"])


def _illegal(history: Sequence[dict[str, Any]]) -> Iterator[str]:
    if not history or history[0]["status"] != "QUEUEING":
        yield "its history does not begin with QUEUEING"
    for before, after in pairwise(history):
        transition = (TaskStatus(before["status"]), TaskStatus(after["status"]))
        if transition not in LEGAL_TRANSITIONS:
            yield f"an illegal transition, {transition[0]} to {transition[1]}"
        step = 1 if after["status"] == "RUNNING" else 0
        if after["attempt"] != before["attempt"] + step:
            yield f"attempt {after['attempt']} follows {before['attempt']} on a transition to {after['status']}"
        if after["at"] < before["at"]:
            yield "its history goes back in time"


def _check_plan(found: Findings, promise: Promise, row: dict[str, Any]) -> None:
    """Whether a task ended as its plan says, or as the faults explain."""
    status, error = row["status"], (row["error"] or {}).get("name", "")
    expected = {
        "ok": "FINISHED",
        "big": "FINISHED",
        "print": "FINISHED",
        "flaky": "FINISHED",
        "fail": "FAILED",
        "exit": "FAILED",
        "crash": "FAILED",
        "spin": "FAILED",
        "poison": "FAILED",
    }.get(promise.plan, status)
    if status == expected:
        if promise.plan == "poison" and error != "WorkerLost":
            found.wrong.append(f"task {row['number']} kills its workers and is FAILED with {error}")
        return
    # A fault may also have used up one of the attempts that the plan counts on.
    reasons = [one["reason"].partition(":")[0] for one in row["history"]]
    used_up = promise.plan == "flaky" and not BY_FAULTS.isdisjoint(reasons)
    if status == "FAILED" and (error in BY_FAULTS or used_up):
        found.failed_by_faults += 1
    elif status in FINAL:
        found.wrong.append(f"task {row['number']} ({promise.plan}) is {status} {row['error'] or ''}")


# -- effects -------------------------------------------------------------------------------------


@dataclass
class Effect:
    """One line that a task wrote."""

    word: str
    nonce: str
    at: float


def read_effects(folder: Path) -> dict[str, list[Effect]]:
    """What each task did, by its id."""
    effects: dict[str, list[Effect]] = {}
    for path in folder.iterdir():
        lines = (line.split() for line in path.read_text().splitlines())
        effects[path.name] = [Effect(word, nonce, float(at)) for word, nonce, at in lines]
    return effects


def check_effects(
    found: Findings,
    promises: Mapping[str, Promise],
    rows: Sequence[dict[str, Any]],
    effects: Mapping[str, Sequence[Effect]],
) -> None:
    """The effect of an accepted outcome is there once; a task that never started has none."""
    for row in rows:
        if row["id"] not in promises:
            continue
        lines = effects.get(row["id"], [])
        starts = [one for one in lines if one.word == "start"]
        claims = [one for one in row["history"] if one["status"] == "RUNNING"]
        if len(starts) > len(claims):
            found.doubled.append(f"task {row['number']}: {len(starts)} starts of {len(claims)} attempts")
        if starts and not claims:
            found.wrong.append(f"task {row['number']} never started, and left an effect")
        if row["status"] == "FINISHED" and isinstance(row["value"], str):
            ends = [one for one in lines if one.word == "end" and one.nonce == row["value"]]
            if len(ends) != 1:
                found.doubled.append(f"task {row['number']}: the effect of its outcome is there {len(ends)} times")
        _check_cancelled(found, row, lines)


def _check_cancelled(found: Findings, row: dict[str, Any], lines: Sequence[Effect]) -> None:
    last = row["history"][-1]
    if last["status"] != "CANCELLED":
        return
    at = datetime.fromisoformat(last["at"]).timestamp()
    started = len(row["history"]) > 1 and row["history"][-2]["status"] == "RUNNING"
    late = [one for one in lines if one.at > at + (STOP_S if started else 0)]
    # A run that a lost worker goes on with is not this attempt's: it may outlive its lease.
    lost = any("lost" in one["reason"] for one in row["history"])
    if late and not lost:
        found.wrong.append(f"task {row['number']}: {late[0].word} {late[0].at - at:.1f} s after it was cancelled")


# -- outcomes ------------------------------------------------------------------------------------


def check_outcomes(found: Findings, tasks_db: Path, results_db: Path) -> None:
    """One outcome per attempt that ended by its code: none missing, none double."""
    with closing(_open(tasks_db)) as tasks, closing(_open(results_db)) as results:
        ended: Counter[tuple[str, int]] = Counter()
        for task_id, attempt in tasks.execute(
            "SELECT t.id, e.attempt FROM task_events e JOIN tasks t ON t.number = e.task WHERE e.cause = 'OUTCOME'"
        ):
            ended[task_id, attempt] += 1
        rows: dict[tuple[str, int], list[str | None]] = defaultdict(list)
        for task_id, attempt, verdict in results.execute("SELECT task_id, attempt, verdict FROM results"):
            rows[task_id, attempt].append(verdict)
        found.outcomes = sum(map(len, rows.values()))
        found.refused = sum(verdict == "REFUSED" for some in rows.values() for verdict in some)
        for key, times in ended.items():
            if times > 1:
                found.doubled.append(f"{_named(key)}: {times} outcomes moved it")
            if key not in rows:
                found.lost.append(f"{_named(key)}: no outcome in the results database")
            elif set(rows[key]) == {"REFUSED"}:
                found.wrong.append(f"{_named(key)}: its outcome moved it, and is kept as refused")
        for key, verdicts in rows.items():
            if len(verdicts) > 1:
                found.doubled.append(f"{_named(key)}: {len(verdicts)} outcomes in the results database")
            if None in verdicts:
                found.wrong.append(f"{_named(key)}: its outcome was never told to the service")
            if verdicts[0] in ("ACCEPTED", "REPEATED") and key not in ended:
                found.wrong.append(f"{_named(key)}: its outcome is kept as accepted, and did not move it")


def unreported(results_db: Path) -> int:
    """How many outcomes the sink has yet to tell."""
    with closing(_open(results_db)) as results:
        return int(results.execute("SELECT count(*) FROM results WHERE verdict IS NULL").fetchone()[0])


def _open(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)


def _named(key: tuple[str, int]) -> str:
    return f"task {key[0]} attempt {key[1]}"


# -- what is left behind ---------------------------------------------------------------------------


def check_leftovers(found: Findings, root: Path, temporary: Path, ports: Iterable[int]) -> None:
    """No process, socket or temporary folder of the stack is left."""
    deadline = time.monotonic() + 5
    while (left := list(_processes_of(root))) and time.monotonic() < deadline:
        time.sleep(0.1)
    found.wrong += [f"a process is left: {one}" for one in left]
    found.wrong += [f"a temporary file is left: {path.name}" for path in sorted(temporary.iterdir())]
    for port in ports:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                found.wrong.append(f"somebody still listens on port {port}")
    sockets = [line.split()[-1] for line in Path("/proc/net/unix").read_text().splitlines() if str(root) in line]
    found.wrong += [f"a socket is left: {path}" for path in sockets]


def _processes_of(root: Path) -> Iterator[str]:
    """The processes that mention the folder: in their arguments, environment or working folder."""
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        with suppress(psutil.Error, OSError):
            words = [*process.cmdline(), *process.environ().values(), process.cwd()]
            if any(str(root) in word for word in words):
                yield f"{process.pid} {' '.join(process.cmdline())[:120]}"
