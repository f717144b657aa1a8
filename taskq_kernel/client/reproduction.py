"""Running a task again with everything the same, and what that says of its value."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from html import escape
from numbers import Integral, Real
from typing import Any, Self, TypeVar

from taskq_kernel.client import operations
from taskq_kernel.client.awaiting import Awaited
from taskq_kernel.client.operations import Row
from taskq_kernel.client.session import Session
from taskq_kernel.client.task_facts import TaskFacts, decoded
from taskq_kernel.comparison import RTOL, Likeness, Verdict, compare
from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import InvalidTask, TaskqError
from taskq_kernel.provenance import FIELDS, WHERE, Fact, facts_of

T = TypeVar("T")

#: Facts that differ from run to run and decide nothing.
_OF_EACH_RUN = frozenset({"attempt"})
#: Facts of what was computed: the same in every repetition, or it is none.
_OF_THE_WORK = ("code_sha256", "entry", "arguments", "seed", "project", "git_commit", "git_dirty")
#: What of two tasks is compared.
_COMPARED = f"{FIELDS} status valueKind valueType valueRef value error {{ name message }} files {{ name sha256 }}"


#: Makes a task of its row.
Make = Callable[[Session, Row], Any]


class Surroundings(Mapping[str, tuple[Any, Any]]):
    """What differed between two runs: by its name, what it was, and what it was then.

    ``print`` says it for people. It is empty, and false, where nothing differed that is known.

    Parameters
    ----------
    first, second : list of Fact
        The facts of either run.
    """

    def __init__(self, first: Sequence[Fact], second: Sequence[Fact]) -> None:
        before, after = ({one.key: one for one in facts if _matters(one)} for facts in (first, second))
        self._pairs = {
            key: (before.get(key), after.get(key)) for key in [*before, *(key for key in after if key not in before)]
            if _value(before.get(key)) != _value(after.get(key))
        }

    def __getitem__(self, key: str) -> tuple[Any, Any]:
        first, second = self._pairs[key]
        return _value(first), _value(second)

    def __iter__(self) -> Any:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __str__(self) -> str:
        said = [
            f"{(first or second).label}: {first or 'not known'}, then {second or 'not known'}"  # type: ignore[union-attr]  # one is there
            for first, second in self._pairs.values()
        ]
        return "\n".join(said) or "nothing that is known differed"

    def __repr__(self) -> str:
        return repr(dict(self))


def _matters(fact: Fact) -> bool:
    return fact.key in _OF_THE_WORK or (fact.part == WHERE and fact.key not in _OF_EACH_RUN)


def _value(fact: Fact | None) -> Any:
    return None if fact is None else fact.value


class Reproduction(Awaited["Reproduction"]):
    """A task that runs again with everything the same. ``await`` it, or `wait`, and look at its `verdict`.

    Attributes
    ----------
    original, task : Task
        The task that has the value, and the one that repeats it.
    rtol : float
        Up to which relative difference numbers count as equal.
    """

    def __init__(self, client: Session, original: Any, task: Any, rtol: float = RTOL) -> None:
        self._client = client
        # Any: of the module of tasks, which knows this one.
        self.original = original
        self.task = task
        self.rtol = rtol
        self._rows: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None
        self._verdict: Verdict | None = None

    @property
    def done(self) -> bool:
        """Whether it has run."""
        return bool(self.task.done)

    def wait(self, timeout: float | None = None) -> Self:
        """Wait until it has run, for at most ``timeout`` seconds.

        Raises
        ------
        TaskTimeout
            If it has not by then. It goes on.
        """
        self.task.wait(timeout)
        return self

    async def _result(self) -> Reproduction:
        await self._client.ended([self.task.entry])
        return self

    @property
    def verdict(self) -> Verdict:
        """Same bits, equal within rounding, or different and where; ``print`` says it. It is true unless they differ.

        Raises
        ------
        TaskqError
            If it is not done yet.
        """
        if self._verdict is None:
            first, second = self._compared()
            otherwise = _ended_otherwise(second)  # it is false, as the verdict on a difference is
            self._verdict = _judged(self._client, first, second, self.rtol) if otherwise is None else otherwise
        return self._verdict

    @property
    def surroundings(self) -> Surroundings:
        """What differed in what the two ran in, such as ``{"cpu": ("...", "...")}``; empty where nothing did.

        Raises
        ------
        TaskqError
            If it is not done yet.
        """
        first, second = self._compared()
        return Surroundings(facts_of(first), facts_of(second))

    def _compared(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        if not self.task.done:
            stands = f"task {self.task}, which repeats task {self.original}, is {self.task.status}"
            raise TaskqError(f"{stands}: wait() for it")
        if self._rows is None:
            first, second = (operations.get(self._client.transport, one.id, _COMPARED) for one in self._both)
            self._rows = first, second
        return self._rows

    @property
    def _both(self) -> tuple[TaskFacts, TaskFacts]:
        return self.original, self.task

    def __str__(self) -> str:
        if not self.done:
            return f"task {self.original} runs again as task {self.task.number}, which is {self.task.status}"
        around = self.surroundings
        also = f"\nwhat differed:\n{around}" if around else "; nothing that is known of the surroundings differed"
        return f"task {self.original} again, as task {self.task.number}: {self.verdict}{also}"

    def __repr__(self) -> str:
        said = str(self.verdict) if self.done else str(self.task.status)
        return f"<Reproduction of task {self.original.number} as task {self.task.number}: {said}>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": f"<pre style=\"background:none\">{escape(str(self))}</pre>"}


def _ended_otherwise(row: Mapping[str, Any]) -> Verdict | None:
    """The verdict on a repetition that has no value."""
    if row["status"] == TaskStatus.FINISHED:
        return None
    error = row.get("error") or {}
    said = f"{row['status']} with {error['name']}: {error['message']}" if error else str(row["status"])
    return Verdict(Likeness.DIFFERENT, float("inf"), "", "a value", said[:200])


def _judged(client: Session, first: Mapping[str, Any], second: Mapping[str, Any], rtol: float) -> Verdict:
    for name in ("valueKind", "valueType"):
        if first[name] != second[name]:
            types = str(first["valueType"]), str(second["valueType"])
            return Verdict(Likeness.DIFFERENT, float("inf"), "its type", *types)
    # What is kept under its own hash is the same wherever the hash is.
    alike = first["valueRef"] is not None and first["valueRef"] == second["valueRef"]
    found = Verdict(Likeness.SAME_BITS) if alike else compare(decoded(client, first), decoded(client, second), rtol)
    files = compare(_files(first), _files(second)) if found else found
    if found and not files:
        return Verdict(files.kind, files.within, f"files{files.path}", files.first, files.second)
    return found


def _files(row: Mapping[str, Any]) -> dict[str, str]:
    """What is in the files that were kept, by their names."""
    return {one["name"]: one["sha256"] for one in row.get("files") or ()}


def reproduce(
    client: Session, tasks: Sequence[Any], make: Make, *, elsewhere: bool, rtol: float = RTOL
) -> list[Reproduction]:
    """Run finished tasks again; the repetition of each, a task that ``make`` has made of its row.

    Raises
    ------
    InvalidTask
        If one of them has no value to compare with, or ``rtol`` is no number from 0 on.
    """
    if isinstance(rtol, bool) or not isinstance(rtol, Real) or not rtol >= 0:
        raise InvalidTask(f"is {rtol!r}: give a number from 0 on, such as 1e-8", "rtol")
    for task in tasks:
        if task.status is not TaskStatus.FINISHED:
            what = f"task {task} is {task.status}"
            raise InvalidTask(f"{what}: only what has a value can be reproduced; retry() runs it again")
    with client.cache.reading():
        ids = [task.id for task in tasks]
        made = operations.run_again(client.transport, ids, operations.FEED, elsewhere=elsewhere)
        repeating = [make(client, row) for row in made]
    left = next((task for task, new in zip(tasks, repeating, strict=True) if new.id == task.id), None)
    if left is not None:
        raise InvalidTask(f"task {left} cannot run again: what its session had is gone")
    return [Reproduction(client, task, new, rtol) for task, new in zip(tasks, repeating, strict=True)]


class Verification(Awaited["Verification"]):
    """A sample of a batch that runs again. ``await`` it, or `wait`, and ``print`` it.

    Attributes
    ----------
    reproductions : list of Reproduction
        One for each task of the sample.
    """

    def __init__(self, client: Session, reproductions: Sequence[Reproduction]) -> None:
        self._client = client
        self.reproductions = list(reproductions)

    def wait(self, timeout: float | None = None) -> Self:
        """Wait until all have run, for at most ``timeout`` seconds; raises as `Reproduction.wait`."""
        end = None if timeout is None else time.monotonic() + timeout
        for one in self.reproductions:
            one.wait(None if end is None else max(0.0, end - time.monotonic()))
        return self

    async def _result(self) -> Verification:
        await self._client.ended([one.task.entry for one in self.reproductions])
        return self

    @property
    def verdicts(self) -> list[Verdict]:
        """The verdict on each."""
        return [one.verdict for one in self.reproductions]

    @property
    def same_workers(self) -> int:
        """How many ran on the worker that ran them first: where there is no other, or none was free for a minute."""
        return sum(one.original.worker == one.task.worker for one in self.reproductions)

    def __bool__(self) -> bool:
        """Whether none of them differs."""
        return all(self.verdicts)

    def __str__(self) -> str:
        undone = [one for one in self.reproductions if not one.done]
        total = len(self.reproductions)
        if undone:
            return f"{total - len(undone)} of {total} have run again"
        found = Counter(one.kind for one in self.verdicts)
        within = max((one.within for one in self.verdicts if one.kind is Likeness.EQUAL_WITHIN), default=0.0)
        parts = [f"{found[Likeness.SAME_BITS]} have the same bits"]
        if found[Likeness.EQUAL_WITHIN]:
            parts.append(f"{found[Likeness.EQUAL_WITHIN]} are equal within {within:.2g}")
        if found[Likeness.DIFFERENT]:
            parts.append(f"{found[Likeness.DIFFERENT]} differ")
        lines = [f"of {total} that ran again, {', '.join(parts)}"]
        if self.same_workers:
            lines.append(f"{self.same_workers} ran on the same worker as before: no other one took them")
        lines += [str(one) for one in self.reproductions if not one.verdict]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Verification: {str(self).splitlines()[0]}>"


def sampled(tasks: Sequence[T], sample: int, seed: int | None) -> list[T]:
    """So many of some tasks, drawn at random, in their order; all of them where there are no more."""
    if isinstance(sample, bool) or not isinstance(sample, Integral) or sample < 1:
        raise InvalidTask(f"is {sample!r}: give how many tasks are to run again, 1 or more", "sample")
    if not tasks:
        raise InvalidTask("none of its tasks is FINISHED: there is no value to verify")
    draw = random.Random(seed)  # noqa: S311  (a sample, and no secret)
    places = sorted(draw.sample(range(len(tasks)), min(sample, len(tasks))))
    return [tasks[place] for place in places]
