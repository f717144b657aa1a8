"""``taskq prune``: what is done and old goes, and disk comes back."""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

import click

from taskq_kernel.cli import DONE, output
from taskq_kernel.cli.options import TaskCommand, as_json_option, examples, length_of_time
from taskq_kernel.client.connection import existing
from taskq_kernel.client.display import size_text
from taskq_kernel.client.operations import Row
from taskq_kernel.client.pruning import prune as prune_tasks
from taskq_kernel.settings import load_settings
from taskq_kernel.store.urls import results_url

#: How long one answer may take, in seconds: a database of an earlier release is written anew once.
_PATIENCE_S = 3600.0


def _statuses(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> list[str] | None:
    names = [name.strip().upper() for name in (value or "").split(",") if name.strip()]
    for name in names:
        if name not in ("FINISHED", "FAILED", "CANCELLED"):
            raise click.BadParameter(f"{name!r} is no status of a task that is done: FINISHED, FAILED or CANCELLED")
    return names or None


@click.command(
    cls=TaskCommand,
    epilog=examples(
        "taskq prune --older-than 90d --dry-run", "taskq prune --older-than 90d --keep-results",
        "taskq prune --older-than 2w --status FAILED,CANCELLED",
    ),
)
@click.option(
    "--older-than", metavar="TIME", required=True, callback=length_of_time,
    help="How long ago it ended, such as 12h, 30d or 2w.",
)
@click.option(
    "--keep-results", is_flag=True,
    help="Keep the tasks with their values, arguments, seeds and code; logs, series and history go.",
)
@click.option("--status", metavar="NAME,NAME", callback=_statuses, help="Only what ended so, such as FAILED,CANCELLED.")
@click.option("--dry-run", is_flag=True, help="Only say how much would go.")
@as_json_option
def prune(older_than: float, keep_results: bool, status: list[str] | None, dry_run: bool, as_json: bool) -> int:
    """Remove what is done and old, for good: tasks with their values, logs and history.

    What is not done stays, and what another task needs. A batch goes as a whole, once every point of it
    is done and old. It takes a token with the role admin, such as the local stack's own; the setting
    TASKQ_RETENTION has the service do it by itself.
    """
    transport = existing().transport(_PATIENCE_S)
    done: Row = {}
    for done in prune_tasks(transport, older_than, keep_results=keep_results, status=status, dry_run=dry_run):
        if output.for_people() and not as_json:
            output.note(f"{done['tasks']:,} tasks so far")
    results = None if keep_results else _prune_results(older_than, status, dry_run)
    if as_json:
        output.json_document(done | {"results": results})
        return DONE
    output.line(_said(done, keep_results, dry_run))
    if results is not None:
        verb = "would go" if dry_run else "went"
        output.line(
            f"{results['rows']:,} rows of the results database {verb}: about {size_text(results['sizeBytes'])}"
            + (f"; its file has {size_text(results['fileBytes'])} now" if results["fileBytes"] and not dry_run else "")
        )
    elif not keep_results:
        output.note("the results database is not on this machine: there the sink prunes it, with TASKQ_RETENTION")
    return DONE


def _prune_results(older_than: float, status: list[str] | None, dry_run: bool) -> Row | None:
    """Prune the results database, where it is this machine's to prune."""
    settings = load_settings()
    local = settings.url is None and (settings.home / "results.db").exists()
    if settings.results_database is None and not local:
        return None
    # By name: this package imports nothing of the sink.
    prune_results = import_module("taskq_sink.retention").prune_results
    *_, last = prune_results(results_url(settings), time.time() - older_than, status, dry_run=dry_run)
    return {"rows": last.rows, "sizeBytes": last.size_bytes, "fileBytes": last.file_bytes}


def _said(done: dict[str, Any], keep_results: bool, dry_run: bool) -> str:
    verb = ("would lose" if dry_run else "lost") if keep_results else ("would go" if dry_run else "went")
    what = "all but their results" if keep_results else "with all that they had"
    counts = [f"{done['tasks']:,} task{'s' * (done['tasks'] != 1)}"]
    if done["batches"]:
        counts.append(f"{done['batches']:,} batch{'es' * (done['batches'] != 1)}")
    lines = [f"{' and '.join(counts)} {verb} {what}: about {size_text(done['sizeBytes'])}"]
    if done["tombstones"]:
        lines.append(f"{done['tombstones']:,} marks of deleted tasks {'would go' if dry_run else 'went'}")
    if done["kept"]:
        lines.append(f"{done['kept']:,} as old stay: other tasks need them, or their batch stays")
    if done["fileBytes"]:
        lines.append(f"the task database's file has {size_text(done['fileBytes'])} now")
    return "\n".join(lines)
