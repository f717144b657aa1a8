"""Names of everything that taskq has in RabbitMQ. They are built here and nowhere else."""

from __future__ import annotations

import re
from dataclasses import dataclass

from taskq_kernel.domain import PRIORITIES
from taskq_kernel.errors import InvalidTask

_SUFFIXES = {2: ".high", 1: "", 0: ".low"}
_QUEUE = re.compile(r"[A-Za-z0-9_-]{1,64}")


#: What the queue of a session's cells begins with; the session's UUID follows.
_OF_SESSION = "session-"


@dataclass(frozen=True)
class Names:
    """Queue names under one prefix, so that several stacks can share a broker."""

    prefix: str = "taskq"

    def tasks(self, queue: str, priority: int) -> str:
        """The queue that carries tasks of one priority of ``queue``.

        The default priority has the plain name; a queue's own name has no dot, so the
        suffix of another priority cannot collide with it.
        """
        return f"{self.prefix}.tasks.{queue}{_SUFFIXES[priority]}"

    def all_tasks(self, queue: str) -> list[str]:
        """The queues of ``queue``, the first to be served first."""
        return [self.tasks(queue, priority) for priority in PRIORITIES]

    def is_of_session(self, name: str) -> bool:
        """Whether a queue in RabbitMQ carries the cells of a session."""
        return name.startswith(self.tasks(_OF_SESSION, 1))

    def worker(self, worker_id: str) -> str:
        """The queue of what one worker is given without having asked for it."""
        return f"{self.prefix}.worker.{worker_id}"

    @property
    def outcomes(self) -> str:
        """The queue from workers to the sink."""
        return f"{self.prefix}.outcomes"

    @property
    def dead(self) -> str:
        """The queue of messages that could not be decoded or delivered."""
        return f"{self.prefix}.dead"


def session_queue(session_id: str) -> str:
    """The user's name of the queue that carries the cells of a session."""
    return f"{_OF_SESSION}{session_id}"


def session_of(queue: str) -> str | None:
    """The id of the session whose cells a queue carries; None where it is any other queue."""
    return queue.removeprefix(_OF_SESSION) if queue.startswith(_OF_SESSION) else None


def check_queue(name: str) -> str:
    """Return ``name`` if it can name a queue, raise `InvalidTask` if not."""
    if not _QUEUE.fullmatch(name):
        raise InvalidTask(f"is {name!r}: use 1 to 64 letters, digits, '_' or '-'", "queue")
    return name
