"""The stream of tasks, what each does, and what was promised about each.

Every task leaves a trace of its own: a file named after it, with a line when a run of it
starts and a line when it ends. The value of a run is the run's nonce, so the run whose
outcome was accepted can be told from those whose outcome was refused.
"""

from __future__ import annotations

import heapq
import random
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos.service import Service
from taskq_kernel.errors import ServiceError, ServiceUnreachable

#: One source for all plans but two, as in a sweep.
CODE = r"""
path = joinpath(folder, uid)
# Not from the generator, which starts from the same seed in every attempt.
nonce = bytes2hex(open(io -> read(io, 8), "/dev/urandom"))
note(word) = open(io -> write(io, "$word $nonce $(time())\n"), path, "a")
starts = isfile(path) ? count(startswith("start"), readlines(path)) : 0
note("start")
plan == "print" && foreach(i -> println("line ", i), 1:2000)
sleep(seconds)
plan == "fail" && error("a planned failure")
plan == "flaky" && starts < 2 && error("a planned failure, to be tried again")
plan == "exit" && exit(3)
plan == "spin" && while true end
note("end")
plan == "big" ? (nonce, rand(20_000)) : nonce
"""

#: A source that calls C has its Julia process replaced, so only this plan has it.
CRASH = CODE.replace("sleep(seconds)", "sleep(seconds); ccall(:abort, Cvoid, ())")

#: Kills the worker that runs it: the first process above this one that is a worker. Where
#: it may not, it waits for somebody else to do so.
POISON = r"""
open(io -> write(io, "start poison $(time())\n"), joinpath(folder, uid), "a")
parent(pid) = parse(Int, match(r"\nPPid:\s*(\d+)", read("/proc/$pid/status", String))[1])
words(pid) = split(read("/proc/$pid/cmdline", String), '\0', keepempty = false)
pid = parent(getpid())
while pid > 1 && !("worker" in words(pid))
    global pid = parent(pid)
end
pid > 1 && ccall(:kill, Cint, (Cint, Cint), pid, 9)
sleep(60)
"""

#: Plans and their weights.
PLANS = {
    "ok": 62,
    "fail": 8,
    "flaky": 8,
    "cancel": 10,
    "exit": 3,
    "crash": 2,
    "spin": 1,
    "big": 3,
    "print": 3,
}
FINAL = {"FINISHED", "FAILED", "CANCELLED"}


@dataclass
class Promise:
    """A task that was submitted, and how it has to end.

    Attributes
    ----------
    acknowledged : bool
        Whether the service has answered that it has the task.
    cancelled_at : float or None
        When the service had answered a cancellation, in seconds since the epoch.
    """

    id: str
    plan: str
    seconds: float
    acknowledged: bool = False
    cancelled_at: float | None = None
    retried: bool = False


@dataclass
class Load(threading.Thread):
    """Submits, cancels and retries until it is told to stop.

    Parameters
    ----------
    waiting : int
        How many tasks are kept unfinished: enough to keep every slot busy.
    """

    service: Service
    effects: Path
    seed: int
    waiting: int = 14
    most: int = 1_000_000
    promises: dict[str, Promise] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(name="load", daemon=True)
        self._random = random.Random(self.seed * 7919 + 1)
        self._halt = threading.Event()
        self._due: list[tuple[float, str]] = []

    def __hash__(self) -> int:
        return id(self)

    def stop(self) -> None:
        """Submit no more; return when the last request is answered."""
        self._halt.set()
        self.join(180)

    def submit_poison(self) -> str:
        """One task that kills every worker it gets."""
        promise = Promise(str(uuid.uuid4()), "poison", 0)
        self._submit([promise], code=POISON, priority=2)
        return promise.id

    def run(self) -> None:
        """The stream."""
        while not self._halt.is_set():
            try:
                self._step()
            except (ServiceUnreachable, ServiceError) as error:
                self.errors.append(f"{type(error).__name__}: {error}")
                time.sleep(0.5)

    def _step(self) -> None:
        counts = self.service.counts()
        unfinished = counts.get("QUEUEING", 0) + counts.get("RUNNING", 0)
        room = min(self.waiting - unfinished, self.most - len(self.promises))
        if room > 0:
            self._submit([self._plan() for _ in range(self._random.randint(1, room))])
        self._cancel_due()
        if self._random.random() < 0.02:
            self._retry_one()
        self._halt.wait(0.1)

    def _plan(self) -> Promise:
        plan = self._random.choices(list(PLANS), list(PLANS.values()))[0]
        # Most tasks are short, and some take two seconds.
        seconds = min(2.0, self._random.expovariate(4)) if self._random.random() < 0.8 else 0.0
        promise = Promise(str(uuid.uuid4()), plan, round(seconds, 3))
        if plan == "cancel":
            promise.seconds = 2.0
            heapq.heappush(self._due, (time.monotonic() + self._random.choice((0, 0, 0.3, 1.2)), promise.id))
        return promise

    def _submit(self, promises: list[Promise], code: str = CODE, priority: int | None = None) -> None:
        for promise in promises:
            self.promises[promise.id] = promise
        self.service.create([self._input(one, code, priority) for one in promises])
        for promise in promises:
            promise.acknowledged = True

    def _input(self, promise: Promise, code: str, priority: int | None) -> dict[str, Any]:
        given: dict[str, Any] = {
            "id": promise.id,
            "name": promise.plan,
            "code": CRASH if promise.plan == "crash" else code,
            "arguments": {
                "uid": promise.id,
                "folder": str(self.effects),
                "plan": promise.plan,
                "seconds": promise.seconds,
            },
            # None of the lowest: a recovery is timed by what runs again, and that may wait for ever.
            "priority": self._random.choice((1, 1, 1, 2)) if priority is None else priority,
            "maxAttempts": 3 if promise.plan == "flaky" else 1,
        }
        return given | ({"timeoutSeconds": promise.seconds + 1.0} if promise.plan == "spin" else {})

    def _cancel_due(self) -> None:
        ids = []
        while self._due and self._due[0][0] <= time.monotonic():
            ids.append(heapq.heappop(self._due)[1])
        if ids:
            self.service.bulk_action("cancel", ids)
            for task_id in ids:
                self.promises[task_id].cancelled_at = time.time()

    def _retry_one(self) -> None:
        ended = [one for one in self.promises.values() if one.plan == "fail" and not one.retried]
        if len(ended) > 20:
            promise = self._random.choice(ended[:-20])
            promise.retried = self.service.bulk_action("retry", [promise.id]) > 0
