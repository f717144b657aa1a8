"""A task database in a test's hands: short verbs for what clients, workers and the sink do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from taskq_kernel.domain import TaskStatus, Verdict
from taskq_kernel.store import Policy, Store, bulk_actions, claims, create, leases, outbox, outcomes, records, workers
from taskq_kernel.store.submission import check_all
from taskq_kernel.store.tables import counters, metadata, task_events

EVERYTHING = frozenset({
    "code", "arguments", "value", "stacktrace", "repeats", "seed", "timing", "cache", "cachedFrom", "environment",
    "manifestSha256", "project", "projectCommit", "tasks", "totalCount",
})


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@dataclass
class Lab:
    """A store with its clock and rules."""

    store: Store
    clock: Clock
    policy: Policy = field(default_factory=Policy)

    def submit(self, *codes: str, owner: str = "ann", **options: Any) -> list[Any]:
        """Submit tasks; by default one."""
        new = check_all([{"code": code, **options} for code in codes or ("1 + 1",)])
        return self.store.write(create.create_tasks, new, owner, EVERYTHING)[0]

    def join(self, name: str = "w1", **options: Any) -> str:
        """Let a worker join; its id."""
        given = {
            "host": "here", "pid": 1, "runner": "julia", "julia_version": "1.10.4", "queues": ["default"],
            "slots": 2, **options,
        }
        return self.store.write(workers.register_worker, workers.NewWorker(name=name, **given), self.policy)

    def claim(self, worker: str, *tasks: Any) -> list[tuple[str, int]]:
        """Claim tasks."""
        return self.store.write(claims.claim_tasks, worker, [task.id for task in tasks])

    def beat(
        self, worker: str, *held: claims.ClaimReport, logs: Sequence[claims.Log] = ()
    ) -> claims.Reply:
        """Send a heartbeat."""
        return self.store.write(claims.heartbeat, worker, held, logs, self.policy)

    def outcome(self, task: Any, worker: str, attempt: int = 1, **given: Any) -> outcomes.Outcome:
        """An outcome: FINISHED with the value 2, unless something else is given."""
        values: dict[str, Any] = {
            "status": TaskStatus.FINISHED, "started_at": self.clock.now, "finished_at": self.clock.now,
            "seconds": 0.5, "value": outcomes.Value("JSON", "Int64", "2", "2", None, 1, ""), **given,
        }
        if values["status"] is TaskStatus.FAILED:
            values["value"] = None
            values.setdefault("error", outcomes.Error("DomainError", "a negative number", "at line 1", 1))
        return outcomes.Outcome(id=task.id, attempt=attempt, worker=worker, **values)

    def record(self, *given: outcomes.Outcome) -> list[Verdict]:
        """Record outcomes."""
        return self.store.write(outcomes.record_outcomes, given, self.policy)

    def finish(self, task: Any, worker: str, attempt: int = 1) -> Verdict:
        """Record that an attempt finished."""
        return self.record(self.outcome(task, worker, attempt))[0]

    def fail(self, task: Any, worker: str, attempt: int = 1, **given: Any) -> Verdict:
        """Record that an attempt failed."""
        return self.record(self.outcome(task, worker, attempt, status=TaskStatus.FAILED, **given))[0]

    def bulk_action(self, verb: str, *tasks: Any, actor: str = "ann", admin: bool = False) -> bulk_actions.BulkResult:
        """Cancel, retry or delete."""
        selection = bulk_actions.Selection(ids=[task.id for task in tasks])
        operation = getattr(bulk_actions, f"{verb}_tasks")
        return self.store.write(operation, selection, bulk_actions.Actor(actor, own_only=not admin), EVERYTHING)

    def reap(self) -> tuple[list[str], int]:
        """Take the tasks of silent workers."""
        return self.store.write(leases.reap, self.policy)

    def task(self, task: Any) -> Any:
        """A task as it is now."""
        return self.store.read(records.get_task, task.id, EVERYTHING)

    def task_by_number(self, number: int) -> Any:
        """A task as it is now, by its number."""
        return self.store.read(records.get_task, str(number), EVERYTHING)

    def history(self, task: Any) -> list[Any]:
        """A task's history."""
        return self.store.read(records.histories, [task.number])[task.number]

    def waiting(self) -> list[int]:
        """The numbers of the tasks that are due in the outbox."""
        return self.store.read(outbox.read_due, self.clock.now).numbers

    def publish(self) -> list[int]:
        """Hand over what is due; the numbers."""
        due = self.store.read(outbox.read_due, self.clock.now)
        self.store.write(outbox.mark_published, due.entries)
        return due.numbers

    def count_events(self) -> int:
        """How many lines all histories have."""
        with self.store.reader.begin() as conn:
            return conn.execute(sa.select(sa.func.count()).select_from(task_events)).scalar_one()


def empty(store: Store) -> None:
    """Take everything out of a database; for the few rows of a test, faster than TRUNCATE."""
    with store.writer.begin() as conn:
        for table in reversed(metadata.sorted_tables):
            conn.execute(sa.delete(table))
        conn.execute(sa.insert(counters).values(id=1, version=0, number=0))
