"""What is made of a transaction for those who hear of it: messages for the broker, changes for the feed."""

from __future__ import annotations

from dataclasses import dataclass

from taskq_kernel.store.rows import TaskRow


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be handed over now.

    Attributes
    ----------
    entries : dict of int to (int or None)
        The outbox's rows that this answers, each with the task that a message is about; None for
        those of tasks that no longer wait.
    messages : dict
        The encoded messages, by queue and priority.
    more : bool
        Whether more is due.
    next_at : float or None
        When the next row becomes due, where nothing more is.
    """

    entries: dict[int, int | None]
    messages: dict[tuple[str, int], list[bytes]]
    more: bool
    next_at: float | None

    @property
    def numbers(self) -> list[int]:
        """The tasks that the messages are about."""
        return [number for number in self.entries.values() if number is not None]


@dataclass(frozen=True, slots=True)
class Grant:
    """A task that a worker was given when it was submitted, and the message for it.

    Attributes
    ----------
    task : str
        The task's UUID.
    number, attempt : int
        Its number, and the attempt that the worker has.
    worker : str
        The worker's id.
    message : bytes
        What goes into that worker's queue.
    """

    task: str
    number: int
    attempt: int
    worker: str
    message: bytes


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes up to ``version``, which is the cursor to go on from."""

    version: int
    tasks: list[TaskRow]
    deleted: list[str]
    #: Whether there are more changes already.
    more: bool
    #: The UUID of the database that the version is one of.
    database: str = ""
