"""``taskq reproduce`` and ``export``: a result again, and as something that others can have."""

from __future__ import annotations

import json
from pathlib import Path

import click

from taskq_kernel.cli import DONE, FAILED, output
from taskq_kernel.cli.options import as_json_option, examples
from taskq_kernel.client.client import client_at
from taskq_kernel.client.connection import existing
from taskq_kernel.client.task import read_task
from taskq_kernel.comparison import RTOL


@click.command(epilog=examples("taskq reproduce 1", "taskq reproduce 1 --elsewhere --rtol 1e-12"))
@click.argument("task_id", metavar="ID")
@click.option("--elsewhere", is_flag=True, help="On another worker than the first time, where there is one.")
@click.option(
    "--rtol", type=click.FloatRange(min=0), default=RTOL, show_default="1.5e-8",
    help="Up to which relative difference numbers count as equal.",
)
@click.option("--timeout", type=click.FloatRange(min=0), help="Wait for at most so many seconds. The task goes on.")
@as_json_option
def reproduce(task_id: str, elsewhere: bool, rtol: float, timeout: float | None, as_json: bool) -> int:
    """Run a finished task again with everything the same, and compare the two values.

    It says "same bits", "equal within" how much, or where they differ first; and what differed in what the two ran
    in. The exit code is 1 where they differ.
    """
    with client_at(existing()) as client:
        made = read_task(client, task_id).reproduce(elsewhere=elsewhere, rtol=rtol).wait(timeout)
        verdict, around = made.verdict, made.surroundings
        if as_json:
            output.json_document({
                "original": made.original.number, "task": made.task.number, "verdict": verdict.kind,
                "within": None if not verdict else verdict.within, "path": verdict.path, "first": verdict.first,
                "second": verdict.second, "surroundings": json.loads(json.dumps(dict(around), default=str)),
            })
        else:
            output.write(f"{made}\n")
    return DONE if verdict else FAILED


_A_PATH = click.Path(path_type=Path, dir_okay=True)


@click.command(
    epilog=examples("taskq export 1 --script pi.jl", "taskq export 1 --crate pi.zip", "taskq export 1 --cite")
)
@click.argument("task_id", metavar="ID", required=False)
@click.option("--batch", help="Instead of a task: a batch, by its name or UUID; with --crate or --cite.")
@click.option("--script", type=_A_PATH, metavar="PATH", help="A Julia script (.jl), or a folder with its project.")
@click.option("--notebook", type=_A_PATH, metavar="PATH", help="A notebook (.ipynb) for Julia's own kernel.")
@click.option("--crate", type=_A_PATH, metavar="PATH", help="An RO-Crate (.zip), ready for an archive.")
@click.option("--license", default="", help="The address of the licence of the crate.")
@click.option("--cite", is_flag=True, help="Write how it is cited: a text, and BibTeX.")
def export(
    task_id: str | None, batch: str | None, script: Path | None, notebook: Path | None, crate: Path | None,
    license: str, cite: bool,
) -> int:
    """Export a result: as a script or notebook that computes it without taskq, as an RO-Crate, or as a citation."""
    if (task_id is None) == (batch is None):
        raise click.UsageError("give either the ID of a task or --batch, and not both")
    if not (script or notebook or crate or cite):
        raise click.UsageError("say what to export: --script, --notebook, --crate or --cite")
    if batch is not None and (script or notebook):
        raise click.UsageError("--batch goes with --crate and --cite: a script or a notebook is of one task")
    with client_at(existing()) as client:
        if batch is not None:
            many = client.batch(batch)
            written = [many.export_crate(crate, license=license)] if crate else []
            citation = many.cite() if cite else None
        else:
            task = read_task(client, str(task_id))
            written = [task.export_script(script)] if script else []
            written += [task.export_notebook(notebook)] if notebook else []
            written += [task.export_crate(crate, license=license)] if crate else []
            citation = task.cite() if cite else None
    for path in written:
        output.line(f"written: {path}")
    if citation is not None:
        output.write(f"{citation}\n")
    return DONE
