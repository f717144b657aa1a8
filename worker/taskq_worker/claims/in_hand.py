"""Messages in hand whose tasks are not claimed yet, how many tasks a message has, and for which processes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field

from taskq_kernel.broker.delivery import Delivery
from taskq_kernel.messages import TaskMessage

#: How many messages are held where they ask for different processes, so that there is a choice, and how long they may
#: be together, in bytes. Each of them may be delivered again for every task that is claimed.
MOST_HELD, MOST_HELD_BYTES = 16, 1 << 20

#: What decides in which Julia process a task may run, as far as its message tells.
Process = Hashable


def process_of(task: TaskMessage) -> Process:
    """The process that a task needs: two of which this differs may need one each."""
    variables = tuple(sorted((task.env or {}).items()))
    return task.project, task.threads or 1, variables, task.gpus or 0, task.memory_limit_bytes


@dataclass(eq=False, slots=True)
class Waiting:
    """A message in hand, not yet claimed: of one task, or of several short ones that are claimed together."""

    delivery: Delivery
    tasks: Sequence[TaskMessage]
    #: Why it cannot be run, where its message could not be read: it is claimed all the same,
    #: so that it ends.
    refused: str | None = None
    #: When, on the monotonic clock.
    came_at: float = field(default_factory=time.monotonic)
    #: The process that its tasks need; None where they need none.
    process: Process | None = field(init=False)

    def __post_init__(self) -> None:
        self.process = None if self.refused is not None else process_of(self.task)

    @property
    def task(self) -> TaskMessage:
        """The first of its tasks: what the others ask of the machine is the same."""
        return self.tasks[0]


class TasksPerMessage:
    """How many tasks the messages of late have had: in steps, because a change takes a new subscription."""

    def __init__(self) -> None:
        self._average = 1.0

    def note(self, tasks: int) -> None:
        """A message with so many has come. Larger ones count at once: they fill a worker before it can say so."""
        self._average = max(float(tasks), 0.9 * self._average + 0.1 * tasks)

    def messages(self, tasks: int, least: int) -> int:
        """In how many messages so many tasks come."""
        step = 1
        while 2 * step <= self._average:
            step *= 2
        return max(least, tasks // step)


def differ(processes: Iterable[Process | None]) -> bool:
    """Whether more than one process is asked for."""
    return len({process for process in processes if process is not None}) > 1


class Kinds:
    """What the messages of late have asked for."""

    def __init__(self) -> None:
        #: What each asked for, and how long it was: the messages themselves may be large.
        self._latest: deque[tuple[Process | None, int]] = deque(maxlen=MOST_HELD)

    def note(self, waiting: Waiting) -> None:
        """A message has come."""
        self._latest.append((waiting.process, len(waiting.delivery.body)))

    @property
    def differ(self) -> bool:
        """Whether they ask for different processes."""
        return differ(process for process, _ in self._latest)

    @property
    def held(self) -> int:
        """How many are held, so that there is something to choose from: in steps, as a change takes a subscription."""
        if not self.differ:
            return 0
        held = MOST_HELD
        each = sum(size for _, size in self._latest) / len(self._latest)
        while held and held * each > MOST_HELD_BYTES:
            held //= 2
        return held
