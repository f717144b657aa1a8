"""The result of a run, as JSON and as text."""

from __future__ import annotations

import json
import os
import platform
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from chaos.checks import MOST_SHOWN, Findings
from chaos.fleet import SLACK


@dataclass
class Inflicted:
    """One fault.

    Attributes
    ----------
    at_s : float
        When, in seconds from the start of the run.
    recovery_s : float
        How long it took until tasks ran as before.
    """

    kind: str
    at_s: float
    recovery_s: float
    limit_s: float | None = None
    error: str = ""

    @property
    def too_slow(self) -> bool:
        """Whether its recovery took longer than promised."""
        return self.limit_s is not None and self.recovery_s > self.limit_s


@dataclass
class Report:
    """Everything about a run."""

    seed: int
    seconds: float
    findings: Findings
    faults: list[Inflicted]
    left_out: dict[str, str]
    memory_mb: dict[str, dict[str, float]]
    messages_doubled: int
    strange: list[str]
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def failures(self) -> list[str]:
        """Everything that must not have happened."""
        found = self.findings
        return [
            *(f"LOST {one}" for one in found.lost),
            *(f"DOUBLED {one}" for one in found.doubled),
            *found.wrong,
            *(f"{one.kind}: {one.error}" for one in self.faults if one.error),
            *(
                f"{one.kind} at {one.at_s:.0f} s: recovered after {one.recovery_s:.1f} s,"
                f" promised are {one.limit_s:g} s"
                for one in self.faults
                if one.too_slow
            ),
            *(f"a strange answer of the service: {one}" for one in self.strange),
        ]

    def as_json(self) -> str:
        """The report as JSON."""
        return json.dumps(asdict(self) | {"failures": self.failures}, indent=1, default=str)

    def as_text(self) -> str:
        """The report as text, in Markdown."""
        found = self.findings
        lines = [
            f"# Chaos: seed {self.seed}, {self.seconds:.0f} s, {'passed' if not self.failures else 'FAILED'}",
            "",
            f"{found.tasks} tasks, {found.attempts} attempts, {found.outcomes} outcomes"
            f" ({found.refused} of them refused), {len(self.faults)} faults:"
            f" **{len(found.lost)} lost, {len(found.doubled)} doubled**.",
            "",
            "| fault | times | slowest recovery (s) | median (s) | promised (s) |",
            "| --- | ---: | ---: | ---: | ---: |",
            *self._fault_rows(),
            "",
            "Tasks by status: " + _listed(found.by_status) + ".",
            "Errors: " + _listed(found.by_error) + ".",
            f"Meant to finish and FAILED because of a fault, with that reason: {found.failed_by_faults}.",
            f"Messages sent twice and out of order: {self.messages_doubled}.",
            "",
            "| memory (MB) | at first | at last | most |",
            "| --- | ---: | ---: | ---: |",
            *(
                f"| {role} | {one['first']:.0f} | {one['last']:.0f} | {one['most']:.0f} |"
                for role, one in sorted(self.memory_mb.items())
            ),
            "",
            *(f"Left out: {kind}: {why}." for kind, why in self.left_out.items()),
            *([] if SLACK == 1 else [f"Promised times are stretched by {SLACK:g}: the machine was shared."]),
            "Versions: " + ", ".join(f"{name} {one}" for name, one in self.versions.items()) + ".",
        ]
        if self.failures:
            lines += ["", "## What must not be", "", *(f"- {one}" for one in self.failures[:MOST_SHOWN])]
            more = len(self.failures) - MOST_SHOWN
            lines += [f"- and {more} more"] if more > 0 else []
        return "\n".join(lines) + "\n"

    def _fault_rows(self) -> list[str]:
        by_kind: dict[str, list[Inflicted]] = defaultdict(list)
        for one in self.faults:
            by_kind[one.kind].append(one)
        rows = []
        for kind, some in sorted(by_kind.items()):
            times = sorted(one.recovery_s for one in some)
            limit = "" if some[0].limit_s is None else f"{some[0].limit_s:g}"
            rows.append(f"| {kind} | {len(some)} | {times[-1]:.1f} | {times[len(times) // 2]:.1f} | {limit} |")
        return rows


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


def versions(julia: str, rabbitmq: str) -> dict[str, str]:
    """What the run was made with."""
    found: dict[str, Any] = {"Python": platform.python_version(), "Julia": julia, "RabbitMQ": rabbitmq}
    for package in ("taskq-kernel", "pika", "sqlalchemy", "uvicorn"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found | {"Linux": platform.release(), "cores": str(os.cpu_count()), "load": f"{os.getloadavg()[2]:.1f}"}


def write(report: Report, folder: Path) -> Sequence[Path]:
    """Write ``chaos.md`` and ``chaos.json`` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    text, data = folder / "chaos.md", folder / "chaos.json"
    text.write_text(report.as_text())
    data.write_text(report.as_json())
    return text, data
