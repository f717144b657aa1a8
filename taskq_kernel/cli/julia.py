"""``taskq julia``: Julia packages for tasks, and the Julia that juliacall loads."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import click

from taskq_kernel.cli import DONE, output
from taskq_kernel.cli.options import as_json_option, examples, settings_options
from taskq_kernel.errors import SetupError
from taskq_kernel.local import julia_project
from taskq_kernel.local.julia import find_julia
from taskq_kernel.local.julia_project import read_juliacall
from taskq_kernel.printable import one_line
from taskq_kernel.settings import load_settings

_DOWNLOADED = re.compile(r"downloaded ([\d.]+) MB of ([\d.]+) MB")


@click.group(epilog=examples("taskq julia install", "taskq julia add DifferentialEquations", "taskq julia status"))
def julia() -> None:
    """Julia packages for tasks, and the Julia that juliacall loads.

    Packages are kept in taskq's own Julia project, in the data folder. Workers use it from
    their next Julia process on.
    """


@julia.command(epilog=examples("taskq julia install", "taskq julia install --julia ~/julia-1.12/bin/julia"))
@settings_options("julia", "home")
def install(julia: str | None, home: Path | None) -> int:
    """Find or fetch Julia 1.10.3 or newer for juliacall, and set it up.

    Takes the Julia that --julia or TASKQ_JULIA names, where that is new enough; else it may
    download some hundred megabytes. Nothing is ever fetched when a worker starts.
    """
    settings = load_settings(home=home, julia=julia)
    named = find_julia(settings) if settings.julia is not None else None
    trial = import_module("taskq_worker.julia.trial").try_juliacall
    with _progress("setting up Julia") as on_line:
        found = julia_project.install(settings.home, trial, on_line, named)
    output.line(f"juliacall {found.package} is ready, with Julia {found.julia} at {found.executable}")
    if named is not None and settings.runner == "auto":
        output.note("workers take the executable while TASKQ_JULIA is set; for juliacall, set TASKQ_RUNNER=juliacall")
    return DONE


@julia.command(epilog=examples("taskq julia add DifferentialEquations", "taskq julia add DataFrames@1.6 CSV"))
@click.argument("packages", nargs=-1, required=True, metavar="PACKAGE[@VERSION]...")
@settings_options("julia", "home")
def add(packages: tuple[str, ...], julia: str | None, home: Path | None) -> int:
    """Put packages into the Julia project that tasks use."""
    executable = _executable(julia, home)
    with _progress(f"adding {', '.join(packages)}") as on_line:
        there = julia_project.add(_home(home), packages, executable, on_line)
    _write_packages(there)
    return DONE


@julia.command(epilog=examples("taskq julia status", "taskq julia status --json"))
@settings_options("home")
@as_json_option
def status(home: Path | None, as_json: bool) -> int:
    """Show the Julia project, its packages, and whether juliacall is ready."""
    folder = _home(home)
    ready, about = julia_project.describe_juliacall(folder)
    there = julia_project.packages(folder)
    if as_json:
        output.json_document(
            {
                "project": str(julia_project.project_folder(folder)),
                "manifestSha256": julia_project.manifest_sha256(folder),
                "packages": there,
                "juliacall": {"ready": ready, "about": about},
            }
        )
        return DONE
    output.line(f"project    {julia_project.project_folder(folder)}")
    output.line(f"juliacall  {about}")
    _write_packages(there)
    return DONE


def _home(home: Path | None) -> Path:
    return load_settings(home=home).home


def _executable(julia: str | None, home: Path | None) -> str:
    """The Julia that workers will use: juliacall's where it is ready, else the executable."""
    settings = load_settings(home=home, julia=julia)
    if settings.julia is None and settings.runner != "julia":
        try:
            return read_juliacall(settings.home).executable
        except SetupError:
            pass  # no worker would use it either
    return str(find_julia(settings).path)


def _write_packages(there: dict[str, str]) -> None:
    if not there:
        output.line("no packages")
    for name, version in there.items():
        output.line(f"  {name} {version}".rstrip())


@contextmanager
def _progress(what: str) -> Iterator[Callable[[str], None]]:
    """Show what a long step is doing: a live line in a terminal, plain lines elsewhere."""
    if not sys.stderr.isatty():
        output.note(what)
        yield lambda line: output.note(f"  {line}") if line.strip() else None
        return
    # late: only a terminal's progress needs rich
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        step = progress.add_task(escape(what), total=None)

        def on_line(line: str) -> None:
            downloaded = _DOWNLOADED.search(line)
            if downloaded:
                progress.update(step, completed=float(downloaded[1]), total=float(downloaded[2]))
            elif line.strip():
                progress.update(step, description=escape(f"{what}: {one_line(line.strip())[:60]}"), total=None)

        yield on_line
