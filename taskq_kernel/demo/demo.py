"""Run the tasks of the demonstration and watch them.

Every ``tasks/*.jl`` is plain Julia; its first line says what it computes, and is the
task's name. Three of them fail on purpose, `EXPECTED_FAILURES` says how.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live

from taskq_kernel.cli import DONE, FAILED, INTERRUPTED, output
from taskq_kernel.client.batch import Batch
from taskq_kernel.client.client import Client, client_at
from taskq_kernel.client.connection import configured
from taskq_kernel.client.display import task_line
from taskq_kernel.domain import FINAL
from taskq_kernel.durations import seconds_text
from taskq_kernel.local.stack import LocalStack
from taskq_kernel.paths import from_text
from taskq_kernel.settings import load_settings

if TYPE_CHECKING:
    from rich.console import RenderableType

    from taskq_kernel.client.task import Task

TASKS = Path(__file__).parent / "tasks"
#: Files whose tasks fail, and the name of the error.
EXPECTED_FAILURES = {
    "domain_error.jl": "DomainError",
    "does_not_parse.jl": "ParseError",
    "exits.jl": "ProcessExited",
}
#: What comes first runs first: a variety at the start, long ones not at the end.
_ORDER = (
    "monte_carlo_pi.jl", "kepler_orbit.jl", "domain_error.jl", "wigner_semicircle.jl", "random_walk.jl",
    "least_squares.jl", "ising_model.jl", "does_not_parse.jl", "prime_sieve.jl", "lorenz_attractor.jl",
    "bootstrap.jl", "exits.jl", "logistic_map.jl", "newton_fractal.jl", "percolation.jl", "mandelbrot.jl",
    "heat_equation.jl", "sir_epidemic.jl", "collatz.jl", "queens.jl", "gauss_quadrature.jl",
    "digits_of_pi.jl",
)  # fmt: skip
#: The whole demonstration takes half a minute at most; this is for a machine in trouble.
TIMEOUT_S = 600.0
_REDRAWS_PER_SECOND = 10
#: Lines of a terminal that the table's head and the cursor take.
_FRAME_LINES = 3


@dataclass(frozen=True)
class DemoTask:
    """One file of the demonstration."""

    file: str
    name: str
    code: str

    @property
    def expected_failure(self) -> str | None:
        """The name of the error it fails with; None if it has a value."""
        return EXPECTED_FAILURES.get(self.file)


def demo_tasks() -> list[DemoTask]:
    """The tasks of the demonstration, in the order of their submission."""
    files = sorted(TASKS.glob("*.jl"), key=lambda path: _ORDER.index(path.name))
    return [_read(file) for file in files]


def _read(file: Path) -> DemoTask:
    code = file.read_text(encoding="utf-8")
    name = code.partition("\n")[0].removeprefix("#").partition("(")[0].strip()
    return DemoTask(file.name, name, code)


def run(workers: int | None = None) -> int:
    """Run the demonstration.

    Parameters
    ----------
    workers : int, optional
        Slots of the local stack, if it has to be started. Default: one a core.

    Returns
    -------
    int
        The exit code: 0 if exactly the tasks failed that are meant to.
    """
    demo = demo_tasks()
    try:
        with _client(workers) as client:
            began = time.monotonic()
            batch = client.submit_many({"code": one.code, "name": one.name} for one in demo)
            try:
                _watch(batch)
            except BaseException:
                batch.cancel()
                raise
            return _report(demo, batch, time.monotonic() - began)
    except KeyboardInterrupt:
        output.note("\ntaskq: the demonstration was interrupted, its tasks are cancelled")
        return INTERRUPTED


@contextmanager
def _client(workers: int | None) -> Iterator[Client]:
    """A client of the service that is set, or of the local stack; one that is started is stopped."""
    address = configured()
    if address is not None:
        with client_at(address) as client:
            yield client
        return

    stack = LocalStack(load_settings(workers=workers))
    ours = all(process["state"] != "running" for process in stack.status()["processes"])
    try:
        info = stack.up(workers=workers if ours else None, on_step=output.note)
        with Client(info.graphql, from_text(info.token_file).read_text("utf-8").strip()) as client:
            yield client
    finally:
        if ours:
            stack.down(on_step=output.note)


# -- watching ------------------------------------------------------------------------------


def _watch(batch: Batch) -> None:
    """Show the tasks until all are done."""
    if not output.for_people():
        for task in batch.as_completed(TIMEOUT_S, progress=False):
            output.line(f"{task_line(task.entry.row)}{_took(task)}")
        return

    console = Console()
    live = Live(
        get_renderable=lambda: _table(batch, console.width, console.height),
        console=console,
        refresh_per_second=_REDRAWS_PER_SECOND,
        transient=True,
    )
    with live:
        batch.wait(TIMEOUT_S, progress=False)
    console.print(_table(batch, console.width))


def _table(batch: Batch, width: int, height: int | None = None) -> RenderableType:
    """The tasks as a table; without the first that are done where there are too many for the height."""
    rows = [task.entry.row for task in batch]
    surplus = 0 if height is None else len(rows) - max(height - _FRAME_LINES, 1)
    shown = []
    for row in rows:
        if surplus > 0 and row["status"] in FINAL:
            surplus -= 1
        else:
            shown.append(row)
    table: RenderableType = output.rich_table(shown, width)
    return table


def _took(task: Task) -> str:
    seconds = task.entry.row.get("seconds")
    return "" if seconds is None else f" ({seconds_text(seconds)})"


# -- reporting -----------------------------------------------------------------------------


def _report(demo: list[DemoTask], batch: Batch, seconds: float) -> int:
    """Say what failed and why; the exit code."""
    surprises: list[str] = []
    for one, task in zip(demo, batch, strict=True):
        failure = _failure(task)
        if failure is None and one.expected_failure is not None:
            surprises.append(f"{one.file} ought to have failed with {one.expected_failure}, and did not")
        elif failure is not None and failure["name"] != one.expected_failure:
            surprises.append(f"{one.file} was not meant to fail with {failure['name']}")
        if failure is not None:
            _tell(one, task, failure)
    failed = sum(_failure(task) is not None for task in batch)
    output.line(f"\n{len(batch)} tasks in {seconds:.1f} s: {len(batch) - failed} finished, {failed} failed")
    for surprise in surprises:
        output.note(f"taskq: {surprise}")
    if not surprises:
        output.line("Those that failed were meant to.")
    return FAILED if surprises else DONE


def _failure(task: Task) -> dict[str, Any] | None:
    """The error of a task that has no value."""
    status = task.entry.row["status"]
    if status == "FINISHED":
        return None
    return task.entry.row.get("error") or {"name": status, "message": "", "stacktrace": ""}


def _tell(one: DemoTask, task: Task, failure: dict[str, Any]) -> None:
    output.line(f"\ntask {task.number}, {one.name} ({one.file}), failed with {failure['name']}:")
    output.line(_indented(failure["message"]))
    if failure["stacktrace"]:
        output.line(_indented(failure["stacktrace"]))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.strip().splitlines())


if __name__ == "__main__":
    sys.exit(run())
