"""What a task is, and its legal transitions: values only, no I/O.

``LEGAL_TRANSITIONS`` is the one table of status changes. The service refuses every transition
that is not in it, the tests walk it, and ``docs/architecture.md`` prints it.
"""

from __future__ import annotations

from enum import StrEnum

from taskq_kernel.errors import IllegalTransition


class TaskStatus(StrEnum):
    """Where a task stands."""

    QUEUEING = "QUEUEING"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    def __repr__(self) -> str:
        """Its name alone: counts by status are looked at in notebooks."""
        return self.name


class TaskKind(StrEnum):
    """How a task's code is run.

    ``SCRIPT`` evaluates the code in a fresh module, its last expression is the value.
    ``CALL`` calls the entry function of a definition with the task's arguments.
    ``SESSION`` runs no code: it holds a slot for cells, tasks in a queue of its own that share a module.
    """

    SCRIPT = "SCRIPT"
    CALL = "CALL"
    SESSION = "SESSION"


class ValueKind(StrEnum):
    """What a task's value is made of.

    ``JSON`` holds the value itself; ``TABLE`` a table by columns; ``ARRAY`` a large array of
    numbers in NumPy's file format; ``MIME`` a MIME bundle (an image, SVG or HTML); ``REPR``
    Julia's ``repr`` of something that is none of these.
    """

    JSON = "JSON"
    TABLE = "TABLE"
    ARRAY = "ARRAY"
    MIME = "MIME"
    REPR = "REPR"


class Role(StrEnum):
    """Who a token belongs to, and so what it may do."""

    ADMIN = "admin"
    USER = "user"
    RUNNER = "runner"
    WORKER = "worker"
    SINK = "sink"


class Verdict(StrEnum):
    """What the service made of an outcome that the sink brought."""

    ACCEPTED = "ACCEPTED"
    REPEATED = "REPEATED"
    REFUSED = "REFUSED"


class WhyKind(StrEnum):
    """Why a task stands where it stands."""

    DEPENDENCY = "DEPENDENCY"
    RETRY = "RETRY"
    UNSERVED = "UNSERVED"
    BROKER = "BROKER"
    BUSY = "BUSY"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_obstacle(self) -> bool:
        """Whether it keeps a task from starting, besides its turn."""
        return self in (WhyKind.DEPENDENCY, WhyKind.RETRY, WhyKind.UNSERVED, WhyKind.BROKER)


#: Final statuses: nothing but the user's own retry takes a task out of one, and out of FINISHED nothing does.
FINAL = frozenset({TaskStatus.FINISHED, TaskStatus.FAILED, TaskStatus.CANCELLED})

#: Every legal transition, with what brings it about.
LEGAL_TRANSITIONS: dict[tuple[TaskStatus, TaskStatus], str] = {
    (TaskStatus.QUEUEING, TaskStatus.RUNNING): "a worker claims it",
    (TaskStatus.QUEUEING, TaskStatus.CANCELLED): "a user cancels it before it starts",
    (TaskStatus.QUEUEING, TaskStatus.FINISHED): "an equal task has computed its value, and it may have it (cache)",
    (TaskStatus.QUEUEING, TaskStatus.FAILED): "it cannot be handed to any worker, or a task that it needs has failed",
    (TaskStatus.RUNNING, TaskStatus.FINISHED): "its code returned a value",
    (TaskStatus.RUNNING, TaskStatus.FAILED): "its code failed, or it was lost too often",
    (TaskStatus.RUNNING, TaskStatus.CANCELLED): "a user cancels it while it runs",
    (TaskStatus.RUNNING, TaskStatus.QUEUEING): "its worker or its process was lost, it was released, or a retry is due",
    (TaskStatus.FAILED, TaskStatus.QUEUEING): "a user retries it, or a task that it needs",
    (TaskStatus.CANCELLED, TaskStatus.QUEUEING): "a user retries it",
}

#: Final statuses in which a task holds no value: a retry opens a new attempt of it. What is
#: FINISHED is run again as another task, so that no value is ever overwritten.
RETRIABLE = frozenset(before for before in FINAL if (before, TaskStatus.QUEUEING) in LEGAL_TRANSITIONS)

#: Priorities from first to last served. RabbitMQ's quorum queues know no priorities
#: before 4.0, so each priority of a queue is a queue of its own.
PRIORITIES = (2, 1, 0)
DEFAULT_PRIORITY = 1


def sources_of(after: TaskStatus) -> tuple[TaskStatus, ...]:
    """Every status from which ``after`` can be reached in one legal transition."""
    return tuple(before for before, target in LEGAL_TRANSITIONS if target is after)


def check_transition(before: TaskStatus, after: TaskStatus) -> None:
    """Raise `IllegalTransition` unless a task may go from ``before`` to ``after``."""
    if (before, after) not in LEGAL_TRANSITIONS:
        raise IllegalTransition(before, after)
