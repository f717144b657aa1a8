"""What a task database has to do, told a second time: a model that predicts the store.

The model knows nothing of tables. It has tasks, workers, messages at a broker and a clock,
and says of each operation what it brings back and what it leaves behind.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from taskq_kernel.domain import FINAL, RETRIABLE, TaskStatus, Verdict
from taskq_kernel.store import Policy
from taskq_kernel.store.claims import ClaimReport
from taskq_kernel.store.outcomes import Outcome
from taskq_kernel.store.policy import retry_delay_s


@dataclass
class ModelTask:
    """A task as it should be."""

    number: int
    id: str
    owner: str
    max_attempts: int
    status: TaskStatus = TaskStatus.QUEUEING
    attempt: int = 0
    failures: int = 0
    lost: int = 0
    worker: str | None = None
    claimed_at: float = 0.0
    progress: float | None = None
    deleted: bool = False
    #: Attempts whose outcome was accepted.
    settled: set[int] = field(default_factory=set)
    #: (status, attempt, worker) of each change.
    history: list[tuple[TaskStatus, int, str | None]] = field(default_factory=list)
    #: When it has to stand in the outbox, or with the broker, at the latest.
    due_at: float = 0.0

    def go(self, status: TaskStatus, worker: str | None = None) -> None:
        """Change its status, with a line in its history."""
        self.status = status
        self.history.append((status, self.attempt, worker))

    def wait(self, now: float, worker: str | None = None) -> None:
        """Go back to QUEUEING."""
        self.go(TaskStatus.QUEUEING, worker)
        self.worker = self.progress = None
        self.due_at = now


@dataclass
class ModelWorker:
    """A worker as it should be, and what it believes it holds."""

    id: str
    name: str
    lease_until: float
    state: str = "ONLINE"
    drain: bool = False
    #: Attempts by task number, as the answers to its claims said.
    believes: dict[int, int] = field(default_factory=dict)

    @property
    def present(self) -> bool:
        """Whether it holds a lease."""
        return self.state in ("ONLINE", "DRAINING")


@dataclass
class Model:
    """Everything that should be true now."""

    policy: Policy
    now: float
    tasks: dict[int, ModelTask] = field(default_factory=dict)
    workers: dict[str, ModelWorker] = field(default_factory=dict)
    #: Messages in the broker's queues: task numbers, repeated ones counted.
    broker: Counter[int] = field(default_factory=Counter)

    # -- questions -----------------------------------------------------------------------

    def living(self, *statuses: TaskStatus) -> list[ModelTask]:
        """Tasks that were not deleted, of some statuses or of all."""
        return [task for task in self.tasks.values() if not task.deleted and (not statuses or task.status in statuses)]

    def claimed_by(self, worker: ModelWorker) -> list[ModelTask]:
        """The tasks that run at a worker."""
        return [task for task in self.living(TaskStatus.RUNNING) if task.worker == worker.id]

    # -- what clients do -----------------------------------------------------------------

    def create(self, number: int, task_id: str, owner: str, max_attempts: int) -> None:
        """A new task."""
        task = self.tasks[number] = ModelTask(number, task_id, owner, max_attempts, due_at=self.now)
        task.go(TaskStatus.QUEUEING)

    def cancel(self, task: ModelTask) -> bool:
        """Cancel a task; whether it changed."""
        if task.status in FINAL:
            return False
        task.go(TaskStatus.CANCELLED, self._name(task.worker))
        return True

    def retry(self, task: ModelTask) -> bool:
        """Run a task once more that holds no value; whether it changed."""
        if task.status not in RETRIABLE:
            return False
        task.failures = task.lost = 0
        task.wait(self.now)
        return True

    def delete(self, task: ModelTask) -> bool:
        """Delete a task."""
        self.cancel(task)
        task.deleted = True
        return True

    # -- what workers do -----------------------------------------------------------------

    def claim(self, worker: ModelWorker, task: ModelTask) -> int | None:
        """The attempt that a claim brings, or None if it is refused."""
        if task.deleted or task.status is not TaskStatus.QUEUEING:
            return None
        task.attempt += 1
        task.worker, task.claimed_at = worker.id, self.now
        task.go(TaskStatus.RUNNING, worker.name)
        return task.attempt

    def beat(self, worker: ModelWorker, held: list[ClaimReport]) -> tuple[list[str], list[str]]:
        """What a heartbeat brings back: what to stop, and what is settled."""
        worker.lease_until = self.now + self.policy.lease_s
        running = {task.id: task for task in self.claimed_by(worker)}
        current = {item.id for item in held if item.id in running and running[item.id].attempt == item.attempt}
        for item in held:
            if item.id in current and item.progress is not None:
                running[item.id].progress = min(1.0, max(0.0, item.progress))
        named = {item.id for item in held}
        for task in running.values():
            if task.id not in named and task.claimed_at < self.now - self.policy.lease_s:
                task.wait(self.now, worker.name)
        gone = [item for item in held if item.id not in current]
        return [item.id for item in gone if not item.done], [item.id for item in gone if item.done]

    def release(self, worker: ModelWorker, tasks: list[ModelTask]) -> None:
        """Tasks that a worker releases, or leaves behind."""
        for task in tasks:
            task.wait(self.now, worker.name)

    def reap(self) -> list[ModelWorker]:
        """The workers that are lost now; their tasks go to others, or fail."""
        lost = [worker for worker in self.workers.values() if worker.present and worker.lease_until < self.now]
        for worker in lost:
            for task in self.claimed_by(worker):
                self._lose(task, worker)
            worker.state = "LOST"
        return lost

    def _lose(self, task: ModelTask, worker: ModelWorker) -> None:
        task.lost += 1
        if task.lost >= self.policy.max_lost:
            task.go(TaskStatus.FAILED, worker.name)
        else:
            task.wait(self.now, worker.name)

    def outcomes(self, given: list[Outcome]) -> list[Verdict]:
        """What becomes of the outcomes of one request."""
        before = {task.number: (task.status, task.attempt) for task in self.tasks.values()}
        accepted = [self._accept(outcome, before) for outcome in given]
        # Another word on an attempt that is settled is a repetition, whoever says it, and be it
        # said first.
        settled = {(task.id, attempt) for task in self.tasks.values() for attempt in task.settled}
        return [
            Verdict.ACCEPTED if good
            else Verdict.REPEATED if (outcome.id, outcome.attempt) in settled
            else Verdict.REFUSED
            for outcome, good in zip(given, accepted, strict=True)
        ]

    def _accept(self, outcome: Outcome, before: dict[int, tuple[TaskStatus, int]]) -> bool:
        """Let an outcome move its task, if it may; ``before`` is how its request found the tasks."""
        task = next((task for task in self.tasks.values() if task.id == outcome.id), None)
        if task is None or outcome.attempt in task.settled:
            return False
        holder = self.workers[task.worker] if task.worker else None
        holds = (
            before[task.number] == (TaskStatus.RUNNING, outcome.attempt) and task.status is TaskStatus.RUNNING
            and holder is not None and outcome.worker in (holder.id, holder.name)
        )
        if not holds or holder is None:
            return False
        task.settled.add(outcome.attempt)
        if outcome.status is TaskStatus.FINISHED:
            task.progress = 1.0
            task.go(TaskStatus.FINISHED, holder.name)
        elif outcome.lost:
            self._lose(task, holder)
        else:
            task.failures += 1
            if outcome.retryable and task.failures < task.max_attempts:
                task.wait(self.now + retry_delay_s(task.failures), holder.name)
            else:
                task.go(TaskStatus.FAILED, holder.name)
        return True

    def _name(self, worker: str | None) -> str | None:
        return self.workers[worker].name if worker else None
