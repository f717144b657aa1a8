"""A crowd of waiting tasks, while workers join, leave and drain: ``python -m chaos --long``.

Nothing is killed here. What is looked at is whether every task is final, none is done twice or
counted as lost, whether every worker that is told to stop does so in time, and whether memory
stays flat. What still waits after the time given is cancelled, and must be final then, too.
"""

from __future__ import annotations

import random
import signal
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos.arena import Arena
from chaos.checks import Findings, check_leftovers, check_outcomes
from chaos.fleet import SLACK, Fleet, Worker, wait_for
from chaos.report import versions
from chaos.run import MemoryWatch, Say
from taskq_kernel.client import operations
from taskq_kernel.local.rabbit_files import find_server

#: Tasks in one request, and one in this many takes a second.
CHUNK = 5000
SLOW_EVERY = 500
GRACE_S = 5.0
#: What a worker may take beyond its grace: to have outcomes settled, and to end Julia.
LEAVE_S = 8.0
#: Into how many equal parts of the run memory is divided.
PARTS = 5
#: What the median of a part may be above that of the second one, in MB. The first has the start
#: and the submission in it. The broker's is its own matter: it keeps messages as it likes.
GROWTH_MB = 25.0


@dataclass
class Crowd:
    """What became of it.

    Attributes
    ----------
    drains : list of float
        How long each worker took from SIGTERM to its end, in seconds.
    memory_mb : dict
        For each role the median of every part of the run, and the most.
    cancelled : int
        How many still waited when the time was over.
    """

    tasks: int
    submitted_s: float = 0.0
    finished_s: float = 0.0
    joins: int = 0
    drains: list[float] = field(default_factory=list)
    cancelled: int = 0
    memory_mb: dict[str, list[float]] = field(default_factory=dict)
    by_status: dict[str, int] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)

    @property
    def failures(self) -> list[str]:
        """Everything that must not have happened."""
        found = self.findings
        expected = {"FINISHED": self.tasks - self.cancelled, "CANCELLED": self.cancelled}
        different = {status: n for status, n in self.by_status.items() if n != expected.get(status, 0)}
        return [
            *found.lost,
            *found.doubled,
            *found.wrong,
            *([f"expected {expected}, and there are {different}"] if different else []),
            *(
                f"a worker took {seconds:.1f} s to stop, with a grace of {GRACE_S:g} s"
                for seconds in self.drains if seconds > (GRACE_S + LEAVE_S) * SLACK
            ),
            *(
                f"{role} grew: {_numbers(medians)} MB"
                for role, medians in self.memory_mb.items()
                if role != "broker" and max(medians[1:-1]) > medians[1] + GROWTH_MB
            ),
        ]  # fmt: skip

    def as_text(self) -> str:
        """The figures, in Markdown."""
        lines = [
            f"# {self.tasks} waiting tasks: {'passed' if not self.failures else 'FAILED'}",
            "",
            f"Submitted in {self.submitted_s:.1f} s; {self.by_status.get('FINISHED', 0)} finished in"
            f" {self.finished_s:.1f} s after that, {self.cancelled} were cancelled then."
            f" {self.findings.outcomes} outcomes: {len(self.findings.lost)} lost,"
            f" {len(self.findings.doubled)} doubled.",
            f"{self.joins} workers joined and were told to stop; {len(self.drains)} did, exit code 0:"
            f" the slowest after {max(self.drains, default=0):.1f} s (grace {GRACE_S:g} s).",
            "",
            f"| memory (MB) |{''.join(f' part {n + 1} |' for n in range(PARTS))} most |",
            f"| --- |{' ---: |' * (PARTS + 1)}",
            *(f"| {role} | {_numbers(medians, ' | ')} |" for role, medians in sorted(self.memory_mb.items())),
            "",
            f"Medians of {PARTS} equal parts of the run, the first with the submission. `worker` is the"
            " supervisors of the two workers that stay.",
            "",
            "Versions: " + ", ".join(f"{name} {one}" for name, one in self.versions.items()) + ".",
            *([""] if self.failures else []),
            *(f"- {one}" for one in self.failures[:20]),
        ]
        return "\n".join(lines) + "\n"


def _numbers(figures: list[float], between: str = ", ") -> str:
    return between.join(f"{one:.0f}" for one in figures)


def run_crowd(
    tasks: int, seed: int, seconds: float, say: Say = print, keep_logs: Path | None = None
) -> Crowd:
    """Submit the tasks, let workers come and go until all are final or the time is over, and look."""
    rng = random.Random(seed)
    crowd = Crowd(tasks)
    with Arena() as arena:
        fleet = Fleet(arena, workers=2, remote=False)
        try:
            fleet.up()
            memory = MemoryWatch(fleet)
            memory.start()
            _submit(fleet, crowd, say)
            _come_and_go(fleet, crowd, rng, seconds, say)
            memory.stop()
            crowd.memory_mb = memory.course(PARTS)
            julia = next((one["juliaVersion"] for one in fleet.service.workers() if one["juliaVersion"]), "?")
            crowd.versions = versions(julia, find_server().version)
            crowd.by_status = fleet.service.counts()
            lost = fleet.service.select({}, "number lost")
            crowd.findings.wrong += [f"task {row['number']} lost a worker" for row in lost if row["lost"]]
        finally:
            fleet.down()
        check_outcomes(crowd.findings, arena.tasks_database, arena.results_database)
        check_leftovers(crowd.findings, arena.root, arena.temporary, [])
        if keep_logs is not None and crowd.failures:
            arena.keep(keep_logs)
    return crowd


def _submit(fleet: Fleet, crowd: Crowd, say: Say) -> None:
    since = time.monotonic()
    for start in range(0, crowd.tasks, CHUNK):
        numbers = range(start, min(start + CHUNK, crowd.tasks))
        fleet.service.create([_input(number) for number in numbers])
    crowd.submitted_s = time.monotonic() - since
    say(f"{crowd.tasks} tasks submitted in {crowd.submitted_s:.1f} s")


def _input(number: int) -> dict[str, Any]:
    code = "sleep(1)" if number % SLOW_EVERY == 0 else "0"
    return {"id": str(uuid.uuid4()), "code": code, "name": "crowd"}


def _come_and_go(fleet: Fleet, crowd: Crowd, rng: random.Random, seconds: float, say: Say) -> None:
    since = time.monotonic()
    while (left := _remaining(fleet)) > 0:
        if time.monotonic() - since > seconds:
            crowd.cancelled = _cancel(fleet)
            break
        crowd.joins += 1
        worker = Worker(f"worker-guest{crowd.joins}", fleet.arena.home / "run")
        fleet.start_worker(worker, TASKQ_GRACE=str(GRACE_S))
        pid = worker.pid
        wait_for(lambda pid=pid: _joined(fleet, pid), "a worker has joined", 60)  # type: ignore[misc]
        time.sleep(rng.uniform(1, 6))
        began = time.monotonic()
        worker.signal(signal.SIGTERM)
        wait_for(lambda worker=worker: worker.daemon.exit_code is not None, "it has stopped", 60)  # type: ignore[misc]
        crowd.drains.append(time.monotonic() - began)
        if worker.daemon.exit_code != 0:
            crowd.findings.wrong.append(f"{worker.name} ended with exit code {worker.daemon.exit_code}")
        worker.daemon.stop(5)
        say(f"{time.monotonic() - since:6.1f} s  {left} left, a worker drained in {crowd.drains[-1]:.1f} s")
    crowd.finished_s = time.monotonic() - since
    wait_for(lambda: _remaining(fleet) == 0, "every task is final", 60)


def _cancel(fleet: Fleet) -> int:
    """Cancel what waits; how many that were."""
    chosen = {"status": ["QUEUEING"]}
    service = fleet.service
    return service.patiently(lambda: operations.bulk_action(service.transport, "cancel", None, chosen, "id")[1])


def _joined(fleet: Fleet, pid: int | None) -> bool:
    return any(one["pid"] == pid and one["juliaVersion"] for one in fleet.service.workers())


def _remaining(fleet: Fleet) -> int:
    counts = Counter(fleet.service.counts())
    return counts["QUEUEING"] + counts["RUNNING"]
