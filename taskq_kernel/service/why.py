"""Why a task stands where it stands, in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from taskq_kernel.domain import TaskStatus, WhyKind
from taskq_kernel.julia_manifest import version_numbers
from taskq_kernel.store.backlog import MOST, Backlog
from taskq_kernel.store.cells import Turn
from taskq_kernel.store.dependencies import Unmet
from taskq_kernel.store.offers import Needs, Offer
from taskq_kernel.store.rows import TaskRow
from taskq_kernel.store.waiting import Standing


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a task stands where it stands; see the schema's Why.

    Times are seconds since the epoch. The sentence names none, so that it changes only with what it says.
    """

    kind: WhyKind
    sentence: str
    since: float | None = None
    until: float | None = None
    ahead: int | None = None
    needs: int | None = None


def needs_another(unmet: Unmet) -> Reason:
    """A task that is held back."""
    first = unmet.first
    who = f"task {first.number} ({first.name}), which is {first.status}"
    several = "" if unmet.count == 1 else f"{unmet.count} tasks that are not done, such as "
    sentence = f"it needs {several}{who}"
    return Reason(WhyKind.DEPENDENCY, sentence, needs=first.number)


def tried_again(task: TaskRow, at: float) -> Reason:
    """One whose last attempt failed, and whose next is not due yet."""
    return Reason(WhyKind.RETRY, f"attempt {task.attempt} failed ({_failure(task)}); the next one is due", until=at)


def unserved(queue: str) -> Reason:
    """One in whose queue no worker looks."""
    return Reason(WhyKind.UNSERVED, (
        f"no worker serves the queue {queue!r}; start one with TASKQ_QUEUES={queue}, or submit to another queue"
    ))


def session_first(turn: Turn) -> Reason | None:
    """A cell whose session does not run; None where it does."""
    if turn.session is None:
        return Reason(WhyKind.UNSERVED, "its session has ended")
    number = turn.session.number
    if turn.session.status == TaskStatus.RUNNING:
        return None
    return Reason(WhyKind.DEPENDENCY, f"its session, task {number}, waits for a slot", needs=number)


def its_turn_in_session(standing: TaskRow, turn: Turn, backlog: Backlog) -> Reason:
    """A cell that nothing but its turn keeps from starting."""
    ahead = backlog.ahead(standing)
    if turn.running is None:
        return Reason(WhyKind.STARTING, f"it is on its way to its session{_before(ahead, backlog)}", ahead=ahead)
    sentence = f"its session runs task {turn.running}{_before(ahead, backlog)}"
    return Reason(WhyKind.BUSY, sentence, ahead=ahead)


def too_large(standing: Standing, backlog: Backlog) -> Reason | None:
    """One that no worker of its queue can ever run, for it asks for more than any has, or another Julia; None where one
    can.
    """
    needs, queue = standing.needs, standing.row.queue
    offers = [total for total, _free in backlog.offers[queue]]
    if any(one.holds(needs) for one in offers):
        return None
    if not any(one.has_julia(needs) for one in offers):
        return _no_julia(needs, queue, offers)
    has = [told for told, is_less in (
        (_count(max(one.cores for one in offers), "core"), all(one.cores < needs.cores for one in offers)),
        (_count(max(one.gpus for one in offers), "device"), all(one.gpus < needs.gpus for one in offers)),
        (_memory(max(one.memory or 0 for one in offers)),
         all(one.memory is not None and one.memory < needs.memory for one in offers)),
    ) if is_less]
    asked = _asked(needs)
    if not all(one.has_julia(needs) for one in offers):
        asked.append(f"Julia {_releases(needs)}")
    none = "none has both" if len(asked) == 2 else "none has all of it"
    most = f"the most that one has is {_listed(has)}" if has else none
    return Reason(WhyKind.UNSERVED, (
        f"it needs {_listed(asked)}, and no worker of the queue {queue!r} has so much: {most}; ask for less, "
        "or start a worker that has it"
    ))


def _no_julia(needs: Needs, queue: str, offers: Sequence[Offer]) -> Reason:
    there = ", ".join(sorted({julia for one in offers for julia in one.julias}, key=version_numbers))
    return Reason(WhyKind.UNSERVED, (
        f"its project's Manifest was made with Julia {_releases(needs)}, and no worker of the queue {queue!r} has "
        f"that: they have {there}; start one with it (taskq worker --julia PATH), or make the Manifest anew "
        "with one of these"
    ))


def _releases(needs: Needs) -> str:
    return " or ".join(dict.fromkeys(".".join(one.split(".")[:2]) for one in needs.julia))


def _asked(needs: Needs) -> list[str]:
    parts = [_count(needs.gpus, "device")] if needs.gpus else []
    parts += [_count(needs.cores, "core")] if needs.cores > 1 or needs.gpus or not needs.memory else []
    parts += [_memory(needs.memory)] if needs.memory else []
    return parts


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


def _memory(size: int) -> str:
    return f"{size / 2**30:.3g} GiB of memory"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def its_turn(standing: Standing, backlog: Backlog) -> Reason:
    """One that nothing but its turn keeps from starting."""
    name, needs = standing.row.queue, standing.needs
    ahead, slots = backlog.ahead(standing.row), backlog.slots[name]
    before = _before(ahead, backlog)
    if slots.free and not any(free.holds(needs) for _total, free in backlog.offers[name]):
        sentence = f"it needs {_listed(_asked(needs))}, and no worker has so much free{before}"
        return Reason(WhyKind.BUSY, sentence, ahead=ahead)
    if slots.free:
        sentence = f"it is on its way to a slot: {slots.free} of {slots.total} are free{before}"
        return Reason(WhyKind.STARTING, sentence, ahead=ahead)
    queue = f"the queue {name!r}"
    busy = f"the one slot of {queue} is busy" if slots.total == 1 else f"all {slots.total} slots of {queue} are busy"
    sentence = f"{busy}{before or ', and it is the next'}"
    return Reason(WhyKind.BUSY, sentence, since=slots.full_since, ahead=ahead)


def _before(ahead: int, backlog: Backlog) -> str:
    count = f"{ahead:,}" if backlog.whole else f"at least {ahead:,}"
    if ahead == 0:
        return "" if backlog.whole else f", and more than {MOST:,} tasks wait"
    return f", and {count} {'task is' if ahead == 1 else 'tasks are'} ahead of it"


def runs(task: TaskRow) -> Reason:
    """One that a worker has."""
    attempt = "" if task.attempt == 1 else f" (attempt {task.attempt})"
    return Reason(WhyKind.RUNNING, f"worker {task.worker} runs it{attempt}", since=task.started_at)


def ended(task: TaskRow, reason: str) -> Reason:
    """One that is done, with what its history says last."""
    if task.status == TaskStatus.FINISHED and task.worker is None:
        told = f": {reason}" if reason else ""  # the cache had its value; its history may have been pruned
        return Reason(WhyKind.FINISHED, f"it did not run{told}", since=task.finished_at)
    if task.status == TaskStatus.FINISHED:
        took = "" if task.seconds is None else f", after {task.seconds:.3g} s"
        return Reason(WhyKind.FINISHED, f"it finished on worker {task.worker}{took}", since=task.finished_at)
    if task.status == TaskStatus.CANCELLED:
        how = reason if reason.startswith("cancelled") else "cancelled"
        return Reason(WhyKind.CANCELLED, f"it was {how}", since=task.finished_at)
    return Reason(WhyKind.FAILED, f"it failed: {_failure(task)}", since=task.finished_at)


def _failure(task: TaskRow) -> str:
    first = next(iter((task.error_message or "").strip().splitlines()), "")
    return ": ".join(filter(None, (task.error_name or "Failed", first)))[:500]
