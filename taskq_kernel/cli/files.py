"""``taskq files`` and ``taskq fetch``: what tasks have left in their folders, and was kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, cast

import click

from taskq_kernel.cli import DONE, FAILED, output
from taskq_kernel.cli.options import TaskCommand, as_json_option, examples
from taskq_kernel.client.connection import existing
from taskq_kernel.client.display import size_text
from taskq_kernel.client.task_files import read_files
from taskq_kernel.printable import one_line


@click.command(epilog=examples("taskq files 1", "taskq files 1 --json"))
@click.argument("task_id", metavar="ID")
@as_json_option
def files(task_id: str, as_json: bool) -> int:
    """List the files of a task that were kept: size, type and name."""
    found = read_files(existing().transport(), task_id)
    if as_json:
        output.json_document([
            {"name": one.name, "size": one.size, "sha256": one.sha256, "type": one.type, "attempt": one.attempt}
            for one in found.values()
        ])
        return DONE
    sizes = [size_text(one.size) for one in found.values()]
    width, types = max(map(len, sizes), default=0), max((len(one.type) for one in found.values()), default=0)
    for size, one in zip(sizes, found.values(), strict=True):
        output.line(f"{size:>{width}}  {one.type:<{types}}  {one_line(one.name)}")
    return DONE


@click.command(
    cls=TaskCommand,
    epilog=examples("taskq fetch 1", "taskq fetch 1 '*.csv' figures/ --to here", "taskq fetch 1 x.csv --to -"),
)
@click.argument("task_id", metavar="ID")
@click.argument("patterns", metavar="PATTERN...", nargs=-1)
@click.option("--to", "folder", default=".", metavar="FOLDER", help="Where to; - is standard output.  [default: here]")
def fetch(task_id: str, patterns: Sequence[str], folder: str) -> int:
    """Save files of a task that were kept: those that a PATTERN means, or all of them.

    A PATTERN is *.csv, figures/ or **/*.png; quote it, or the shell takes it for files here.
    Writes where each file is.
    """
    found = read_files(existing().transport(), task_id)
    chosen = found.match(*patterns) if patterns else found
    if not chosen:
        output.note(f"taskq: task {task_id} has no such file; it has {len(found)}: taskq files {task_id}")
        return FAILED
    if folder == "-":
        for one in chosen.values():
            one.copy_to(cast("BinaryIO", _StandardOutput()))
        return DONE
    Path(folder).mkdir(parents=True, exist_ok=True)
    for one in chosen.values():
        output.line(str(one.save(Path(folder))))
    return DONE


class _StandardOutput:
    """Standard output, whose reader may go away."""

    def write(self, data: bytes) -> int:
        output.write(data)
        return len(data)
