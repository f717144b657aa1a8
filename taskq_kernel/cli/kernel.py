"""``taskq kernel``: the Jupyter kernel *Julia (taskq)*."""

from __future__ import annotations

import sys

import click

from taskq_kernel.jupyter import spec


@click.group(
    epilog="\b\nExamples:\n  taskq kernel install\n  taskq kernel install --sys-prefix\n  taskq kernel uninstall"
)
def kernel() -> None:
    """Install the Jupyter kernel Julia (taskq), or remove it.

    The cells of its notebooks are tasks of one session: they share a module on one slot.
    """


def _prefix(sys_prefix: bool, prefix: str | None) -> str | None:
    if sys_prefix and prefix is not None:
        raise click.UsageError("--sys-prefix and --prefix: give one of them")
    return sys.prefix if sys_prefix else prefix


@kernel.command()
@click.option("--user", is_flag=True, help="For this user; that is the default.")
@click.option("--sys-prefix", is_flag=True, help="For this Python environment.")
@click.option("--prefix", metavar="FOLDER", help="Below FOLDER, in share/jupyter/kernels.")
def install(user: bool, sys_prefix: bool, prefix: str | None) -> None:
    """Tell Jupyter of the kernel."""
    chosen = _prefix(sys_prefix, prefix)
    if user and chosen is not None:
        raise click.UsageError("--user and another place: give one of them")
    click.echo(f"{spec.DISPLAY_NAME} is installed in {spec.install(user=chosen is None, prefix=chosen)}")


@kernel.command()
@click.option("--sys-prefix", is_flag=True, help="From this Python environment.")
@click.option("--prefix", metavar="FOLDER", help="From below FOLDER.")
def uninstall(sys_prefix: bool, prefix: str | None) -> None:
    """Have Jupyter forget the kernel."""
    removed = spec.uninstall(prefix=_prefix(sys_prefix, prefix))
    click.echo(f"{spec.DISPLAY_NAME} was not installed" if removed is None else f"removed {removed}")
