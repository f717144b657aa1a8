"""Claimed tasks that one slot runs in one go: short ones of one definition, or scripts.

The slot is told of the first; the others are sent ahead of their turn, behind it. Each stays a task of its
own, and what has not begun when the last one ends, or was taken back, waits for any slot again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from taskq_kernel.domain import TaskKind
from taskq_kernel.messages import ErrorInfo
from taskq_kernel.seeds import draw_seed
from taskq_worker import task_errors
from taskq_worker.claims.claim import Claim
from taskq_worker.claims.claimer import Claimer
from taskq_worker.claims.claims import Claims
from taskq_worker.slots.ahead import Listeners
from taskq_worker.slots.job import Job, Report


class Bundle:
    """A task that a slot runs, and those that follow it there.

    Parameters
    ----------
    head : Claim
        The first of them.
    claims, claimer
        The worker's own.
    listeners_of : callable
        Makes what takes a task's progress, output and series.
    on_end : callable
        Takes a task that has ended, and how.
    on_next : callable
        Takes the one that runs from then on.

    Attributes
    ----------
    running : Claim
        The one that runs.
    """

    def __init__(
        self, head: Claim, claims: Claims, claimer: Claimer, *, listeners_of: Callable[[Claim], Listeners],
        on_end: Callable[[Claim, Report], None], on_next: Callable[[Claim], None],
    ) -> None:
        self.running = head
        self._head = head
        self._claims = claims
        self._claimer = claimer
        self._listeners_of = listeners_of
        self._on_end = on_end
        self._on_next = on_next
        self._waiting: deque[Claim] = deque()

    @property
    def can_grow(self) -> bool:
        """Whether any other task can follow the first."""
        return not _stands_alone(self._head)

    def __contains__(self, claim: Claim) -> bool:
        return claim in self._waiting

    # -- as the slot sees it -------------------------------------------------------------

    def more(self, head: Job, most: int) -> Sequence[tuple[Job, Listeners]]:
        """Some that may follow, in their order, as they wait; they begin in the slot, or are given back."""
        taken = self._claims.take_ahead(self._follows, min(most, self._claimer.more_behind(len(self._waiting))))
        self._waiting.extend(taken)
        return [(_job_like(head, claim), self._listeners_of(claim)) for claim in taken]

    @property
    def held_up(self) -> bool:
        """Whether what lies behind the one that runs should begin elsewhere: tasks have become slower since it was
        sent, and a slot is free; or nothing at all may start.
        """
        slower = len(self._waiting) > self._claimer.bundle
        return self._claims.outcomes_full or (slower and self._claims.slots_wait)

    def went_on(self, report: Report) -> ErrorInfo | None:
        """The one that runs has ended so, and the next has begun; why that is to be ended at once, if it is."""
        done, self.running = self.running, self._waiting.popleft()
        self._claimer.went_on(self._head, report.finished_at - report.started_at)
        wanted = self._claims.follow(done, self.running)
        self._on_next(self.running)
        self._on_end(done, report)
        return None if wanted else task_errors.taken_away()

    def give_back(self, places: Sequence[int]) -> None:
        """Those at these places of all that wait, from 0 on and in their order, have not begun."""
        back = [self._waiting[place] for place in places]
        for claim in back:
            self._waiting.remove(claim)
        self._claims.put_back(back)

    def close(self) -> None:
        """The slot is done with it: nothing more begins there."""
        self.give_back(range(len(self._waiting)))

    def _follows(self, claim: Claim) -> bool:
        head, task = self._head.task, claim.task
        alike = task.kind is head.kind and (task.threads or 1) == (head.threads or 1) and task.env == head.env
        if not alike or task.memory_limit_bytes != head.memory_limit_bytes or _stands_alone(claim):
            return False
        return task.kind is TaskKind.SCRIPT or (task.source == head.source and task.code == head.code)


def _stands_alone(claim: Claim) -> bool:
    """Whether something is to be made ready for a task before it starts, or to be looked at when it has ended."""
    task = claim.task
    plain = task.kind in (TaskKind.SCRIPT, TaskKind.CALL) and claim.refused is None
    needs = task.project or task.gpus or task.files or task.outputs
    # A value of another task may have to be fetched; that nothing else is called so is not worth finding out.
    return not plain or bool(needs) or b'"$value"' in bytes(task.arguments)


def _job_like(head: Job, claim: Claim) -> Job:
    """The job of a task that follows: as the first, but for what is its own."""
    task = claim.task
    return replace(
        head, task_id=task.id, attempt=claim.attempt, name=task.name, arguments=task.arguments, entry=task.entry,
        code=head.code if task.kind is TaskKind.CALL else task.code, timeout_s=task.timeout_s,
        seed=draw_seed() if task.seed is None else task.seed,
    )  # fmt: skip
