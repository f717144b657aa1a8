"""Where the time of a task went, and what could be done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from taskq_kernel.domain import TaskStatus

#: What this asks the service for.
FIELDS = "createdAt startedAt seconds timing history { status at }"
#: Below this there is nothing to gain, in seconds.
_WORTH_S = 0.1


@dataclass(frozen=True)
class Timing:
    """Where the time of a task's latest attempt went, from the moment when it could have started.

    Attributes
    ----------
    waiting_s : float
        In the queue.
    preparing_s : float
        Parsing its code, or evaluating its definition, which happens once a process.
    compiling_s : float or None
        Julia's compiler, while the code ran; None before Julia 1.6, which does not tell: then
        it is part of `running_s`.
    running_s : float
        The code itself.
    gc_s : float
        Julia's garbage collector, while the code ran.
    encoding_s : float
        The value's way into JSON.
    allocated_bytes : int
        What the code allocated in all.
    starting_s : float
        Between `waiting_s` and `preparing_s`: making its project ready, and starting a Julia process with what it
        asks for, where the slot that took it up had none such.
    """

    waiting_s: float
    preparing_s: float
    compiling_s: float | None
    running_s: float
    gc_s: float
    encoding_s: float
    allocated_bytes: int
    starting_s: float = 0.0

    @property
    def total_s(self) -> float:
        """All of it."""
        return sum(self.parts.values())

    @property
    def parts(self) -> dict[str, float]:
        """What the time was for, in order; what is not known is left out."""
        named = {
            "waiting": self.waiting_s, "starting": self.starting_s, "preparing": self.preparing_s,
            "compiling": self.compiling_s, "running": self.running_s, "garbage collection": self.gc_s,
            "encoding the value": self.encoding_s,
        }  # fmt: skip
        return {name: seconds for name, seconds in named.items() if seconds is not None}

    @property
    def advice(self) -> str:
        """One sentence where one share is large and something can be done about it; else empty."""
        spent = self.total_s
        if spent < _WORTH_S:
            return ""
        worked = spent - self.waiting_s - self.starting_s
        if self.waiting_s > 0.5 * spent:
            return "It waited longer than it worked: more slots (taskq up --workers N) would have started it sooner."
        if self.starting_s > 0.5 * spent:
            return (
                "Most of its time went into starting Julia with what it asks for, and getting its project ready "
                "where it has one: later tasks with the same project, threads and variables save that."
            )
        if (self.compiling_s or 0.0) > 0.5 * worked:
            return (
                "Most of its time went into compiling: as a definition, its code is compiled once a process for all "
                "tasks that call it."
            )
        if self.preparing_s > 0.5 * worked:
            return "Most of its time went into evaluating its definition, which later tasks in the same process save."
        if self.encoding_s > 0.3 * worked:
            return "Much of its time went into the value's way into JSON: return a summary, or write it to a file."
        if self.gc_s > 0.25 * worked:
            return "Much of its time went into collecting garbage: write into arrays that are there already (.=, mul!)."
        return ""

    def __str__(self) -> str:
        return "\n".join(filter(None, [described(self), self.advice]))


def timing_of(task: Mapping[str, Any]) -> Timing | None:
    """The timing of a task that is done.

    Parameters
    ----------
    task : dict
        It has `FIELDS`, with GraphQL's names.

    Returns
    -------
    Timing or None
        None where its latest attempt has not told: it is not done, ended with its process, or
        ran before times were kept.
    """
    told, seconds = task["timing"], task["seconds"]
    if not told or seconds is None:
        return None
    gc_s = min(told["gc_s"], seconds)
    starting_s = told.get("ready_s", 0.0)
    compiling = None if told["compile_s"] is None else min(told["compile_s"], seconds - gc_s)
    return Timing(
        waiting_s=max(0.0, _until_its_start_s(task) - starting_s),
        preparing_s=told["prepare_s"],
        compiling_s=compiling,
        running_s=max(0.0, seconds - gc_s - (compiling or 0.0)),
        gc_s=gc_s,
        encoding_s=told["encode_s"],
        allocated_bytes=told["allocated_bytes"],
        starting_s=starting_s,
    )


def _until_its_start_s(task: Mapping[str, Any]) -> float:
    """From when it was put into its queue the last time until it started."""
    queued = [event["at"] for event in task["history"] if event["status"] == TaskStatus.QUEUEING]
    began, ready = (datetime.fromisoformat(at) for at in (task["startedAt"], (queued or [task["createdAt"]])[-1]))
    return max(0.0, (began - ready).total_seconds())


def described(timing: Timing) -> str:
    """The parts that are worth a word, in one line."""
    worth = {name: seconds for name, seconds in timing.parts.items() if seconds >= 0.01 * timing.total_s}
    return ", ".join(f"{name} {seconds_shown(seconds)}" for name, seconds in worth.items())


def seconds_shown(seconds: float) -> str:
    """Three digits, and the unit that fits."""
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1e3 * seconds:.3g} ms"
