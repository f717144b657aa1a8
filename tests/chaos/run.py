"""One run: stack up, load on, faults, load off, stack down, checks, report."""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from chaos import checks, faults, report
from chaos.arena import Arena
from chaos.checks import Findings
from chaos.faults import Fault, Field
from chaos.fleet import SLACK, Fleet, wait_for
from chaos.load import Load
from chaos.report import Inflicted, Report
from chaos.service import HISTORY
from taskq_kernel.local.rabbit_files import NodeFiles, find_server

Say = Callable[[str], None]

#: How long what was submitted may take to be final once nothing is broken any more.
SETTLE_S = 150.0


@dataclass(frozen=True)
class Options:
    """What a run is to be.

    Attributes
    ----------
    seconds : float
        How long faults are inflicted.
    pause_s : float
        The mean pause between two faults.
    only : frozenset of str
        Kinds of fault; empty for all.
    keep_logs : Path or None
        Where the stack's logs are copied if the run fails.
    """

    seed: int = 1
    seconds: float = 600.0
    workers: int = 3
    pause_s: float = 0.7
    most_tasks: int = 1_000_000
    waiting: int = 14
    only: frozenset[str] = frozenset()
    keep_logs: Path | None = None


def run(options: Options, say: Say = print) -> Report:
    """Make a run and return its report."""
    with Arena() as arena:
        fleet = Fleet(arena, options.workers)
        try:
            return _Run(options, arena, fleet, say).run()
        finally:
            fleet.down()


@dataclass
class _Run:
    options: Options
    arena: Arena
    fleet: Fleet
    say: Say
    findings: Findings = field(default_factory=Findings)

    def run(self) -> Report:
        self.say(f"seed {self.options.seed}: starting the stack")
        if self.arena.disk.why_not:
            self.say(f"no disk of its own ({self.arena.disk.why_not}): a quota stands in for it")
        self.fleet.up()
        service = self.fleet.service
        load = Load(service, self.arena.effects, self.options.seed, self.options.waiting, self.options.most_tasks)
        memory = MemoryWatch(self.fleet)
        begun = time.monotonic()
        load.start()
        memory.start()
        inflicted = self._inflict(load, begun)
        load.stop()
        self.say(f"{len(inflicted)} faults; waiting for {len(load.promises)} tasks to end")
        rows = self._settle(load)
        seconds = time.monotonic() - begun
        memory.stop()
        julia = next((one["juliaVersion"] for one in service.workers() if one["juliaVersion"]), "?")
        ports = self._ports()
        self._stop()
        self._check(load, rows, ports)
        result = Report(
            seed=self.options.seed,
            seconds=seconds,
            findings=self.findings,
            faults=inflicted,
            left_out=self._left_out(),
            memory_mb=memory.summary(),
            messages_doubled=self._doubled(),
            strange=[*service.strange, *load.errors],
            versions=report.versions(julia, find_server().version),
        )
        if self.options.keep_logs and result.failures:
            self.arena.keep(self.options.keep_logs)
        return result

    # -- faults --------------------------------------------------------------------------

    def _possible(self) -> list[Fault]:
        chosen = [one for one in faults.ALL if not self.options.only or one.kind in self.options.only]
        return [one for one in chosen if not one.why_not(self.fleet)]

    def _left_out(self) -> dict[str, str]:
        return {one.kind: one.why_not(self.fleet) for one in faults.ALL if one.why_not(self.fleet)}

    def _inflict(self, load: Load, begun: float) -> list[Inflicted]:
        rng = random.Random(self.options.seed)
        possible = self._possible()
        # Each kind once, in an order of the seed's, and then by weight.
        first = rng.sample(possible, len(possible))
        where = Field(self.fleet, load, rng, [])
        done: list[Inflicted] = []
        while time.monotonic() - begun < self.options.seconds:
            time.sleep(rng.expovariate(1 / self.options.pause_s))
            fault = first.pop() if first else rng.choices(possible, [one.weight for one in possible])[0]
            limit_s = fault.limit_s and fault.limit_s * SLACK
            one = Inflicted(fault.kind, time.monotonic() - begun, 0.0, limit_s)
            try:
                one.recovery_s = fault.inflict(where)
            except Exception as error:  # whatever it is, it goes into the report
                one.error = f"{type(error).__name__}: {error}"
                one.recovery_s = time.monotonic() - begun - one.at_s
                self._mend()
            done.append(one)
            self.say(f"{one.at_s:6.1f} s  {one.kind}: {one.recovery_s:.1f} s {one.error}".rstrip())
        return done

    def _mend(self) -> None:
        """Whatever went wrong with a fault must not go wrong with the next."""
        with suppress(Exception):
            self.fleet.repair()

    # -- the end -------------------------------------------------------------------------

    def _settle(self, load: Load) -> list[dict[str, object]]:
        service, promises = self.fleet.service, load.promises

        def all_final() -> bool:
            counts = service.counts()
            return not counts.get("QUEUEING") and not counts.get("RUNNING")

        with suppress(TimeoutError):  # what is not final is reported as lost
            wait_for(all_final, "every task is final", SETTLE_S, 0.2)
        with suppress(TimeoutError):
            wait_for(lambda: not checks.unreported(self.arena.results_database), "every outcome is reported", 30, 0.2)
        rows = service.select({}, HISTORY)
        known = {row["id"] for row in rows}
        rows += service.tasks([one for one in promises if one not in known], HISTORY)
        return rows

    def _ports(self) -> list[int]:
        facts = NodeFiles(self.arena.home / "broker").read_facts()
        service = [self.fleet.info.port] if self.fleet.info else []
        return [*service, *(facts.ports if facts else ())]

    def _stop(self) -> None:
        self.say("stopping the stack")
        self.fleet.down()

    def _check(self, load: Load, rows: list[dict[str, object]], ports: list[int]) -> None:
        found, effects = self.findings, checks.read_effects(self.arena.effects)
        checks.check_tasks(found, load.promises, rows)
        checks.check_effects(found, load.promises, rows, effects)
        checks.check_outcomes(found, self.arena.tasks_database, self.arena.results_database)
        checks.check_leftovers(found, self.arena.root, self.arena.temporary, ports)

    def _doubled(self) -> int:
        if not self.arena.hook_counts.exists():
            return 0
        return sum(map(int, self.arena.hook_counts.read_text().split()))


class MemoryWatch(threading.Thread):
    """Looks at the resident memory of every part, once a second."""

    def __init__(self, fleet: Fleet) -> None:
        super().__init__(name="memory", daemon=True)
        self._fleet = fleet
        self._halt = threading.Event()
        self._seen: dict[str, list[float]] = defaultdict(list)

    def run(self) -> None:
        """Look until told to stop."""
        while not self._halt.wait(1.0):
            for role, pid in self._fleet.pids():
                with suppress(psutil.Error):
                    self._seen[role].append(psutil.Process(pid).memory_info().rss / 1e6)

    def stop(self) -> None:
        """Look no more."""
        self._halt.set()
        self.join(10)

    def summary(self) -> dict[str, dict[str, float]]:
        """For each role: the median of the first and of the last quarter, and the most."""
        return {
            role: {
                "first": statistics.median(seen[: max(1, len(seen) // 4)]),
                "last": statistics.median(seen[-max(1, len(seen) // 4) :]),
                "most": max(seen),
            }
            for role, seen in self._seen.items()
        }

    def course(self, parts: int) -> dict[str, list[float]]:
        """For each role: the median of each of so many equal parts of the time, then the most."""
        return {
            role: [
                *(statistics.median(seen[n * len(seen) // parts : (n + 1) * len(seen) // parts]) for n in range(parts)),
                max(seen),
            ]
            for role, seen in self._seen.items()
            if len(seen) >= parts
        }
