"""``taskq demo``."""

from __future__ import annotations

import click

from taskq_kernel.cli.options import examples, settings_options


@click.command(epilog=examples("taskq demo"))
@settings_options("workers")
def demo(workers: int | None) -> int:
    """Run about twenty real Julia tasks and watch them live.

    Starts the local stack if none runs, and stops it again. Some of the tasks fail on
    purpose, to show how that looks; exit code 0 if exactly those did.
    """
    # late: `taskq demo --help` needs neither rich nor a stack
    from taskq_kernel.demo.demo import run

    return run(workers)
