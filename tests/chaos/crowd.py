"""A crowd of waiting tasks, while workers join, leave and drain: ``python -m chaos --long``.

Nothing is killed here. What is looked at is whether anything is counted as lost, whether
every worker that is told to stop does so in time, and whether memory stays flat.
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
from chaos.fleet import Fleet, Worker, wait_for
from chaos.run import MemoryWatch, Say

#: Tasks in one request, and one in this many takes a second.
CHUNK = 5000
SLOW_EVERY = 500
GRACE_S = 5.0
#: What a part's memory may be more at the end than at the start of the run, in MB.
GROWTH_MB = 150.0


@dataclass
class Crowd:
    """What became of it.

    Attributes
    ----------
    drains : list of float
        How long each worker took from SIGTERM to its end, in seconds.
    """

    tasks: int
    submitted_s: float = 0.0
    finished_s: float = 0.0
    joins: int = 0
    drains: list[float] = field(default_factory=list)
    memory_mb: dict[str, dict[str, float]] = field(default_factory=dict)
    by_status: dict[str, int] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)

    @property
    def failures(self) -> list[str]:
        """Everything that must not have happened."""
        found = self.findings
        unfinished = {name: n for name, n in self.by_status.items() if name != "FINISHED" and n}
        return [
            *found.lost,
            *found.doubled,
            *found.wrong,
            *([f"not all are FINISHED: {unfinished}"] if unfinished else []),
            *(
                f"{role} grew from {one['first']:.0f} to {one['last']:.0f} MB"
                for role, one in self.memory_mb.items()
                if one["last"] > one["first"] + GROWTH_MB
            ),
        ]

    def as_text(self) -> str:
        """The figures, in Markdown."""
        lines = [
            f"# {self.tasks} waiting tasks: {'passed' if not self.failures else 'FAILED'}",
            "",
            f"Submitted in {self.submitted_s:.1f} s, finished {self.finished_s:.1f} s after that.",
            f"{self.joins} workers joined, {len(self.drains)} were told to stop and did, exit code 0:"
            f" the slowest after {max(self.drains, default=0):.1f} s (grace {GRACE_S:g} s).",
            "",
            "| memory (MB) | at first | at last | most |",
            "| --- | ---: | ---: | ---: |",
            *(
                f"| {role} | {one['first']:.0f} | {one['last']:.0f} | {one['most']:.0f} |"
                for role, one in sorted(self.memory_mb.items())
            ),
            *([""] if self.failures else []),
            *(f"- {one}" for one in self.failures[:20]),
        ]
        return "\n".join(lines) + "\n"


def run_crowd(tasks: int, seed: int, say: Say = print, keep_logs: Path | None = None) -> Crowd:
    """Submit the tasks, let workers come and go until all are final, and look."""
    rng = random.Random(seed)
    crowd = Crowd(tasks)
    with Arena() as arena:
        fleet = Fleet(arena, workers=2, remote=False)
        try:
            fleet.up()
            memory = MemoryWatch(fleet)
            memory.start()
            _submit(fleet, crowd, say)
            _come_and_go(fleet, crowd, rng, say)
            memory.stop()
            crowd.memory_mb = memory.summary()
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


def _come_and_go(fleet: Fleet, crowd: Crowd, rng: random.Random, say: Say) -> None:
    since = time.monotonic()
    while (left := _remaining(fleet)) > 0:
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


def _joined(fleet: Fleet, pid: int | None) -> bool:
    return any(one["pid"] == pid and one["juliaVersion"] for one in fleet.service.workers())


def _remaining(fleet: Fleet) -> int:
    counts = Counter(fleet.service.counts())
    return counts["QUEUEING"] + counts["RUNNING"]
