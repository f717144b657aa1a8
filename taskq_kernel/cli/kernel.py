"""``taskq kernel``: the Jupyter kernel *Julia (taskq)*."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from taskq_kernel.jupyter import spec


@click.group(
    epilog="\b\nExamples:\n  taskq kernel install\n  taskq kernel install --name big --threads 4 --user\n"
    "  taskq kernel uninstall --name big\n  taskq kernel uninstall"
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
@click.option("--name", default=spec.NAME, show_default=True, help="What Jupyter calls it.")
@click.option("--display-name", metavar="TEXT", help="What people call it; default: by its name.")
@click.option("--project", metavar="DIR", help="A folder that its cells have at hand, with its packages.")
@click.option("--threads", type=int, metavar="N", help="Threads of Julia, and cores that a session takes.")
@click.option("--gpus", type=int, metavar="N", help="Devices that a session has to itself.")
@click.option("--memory-limit", metavar="SIZE", help="Memory that a session may use, such as '2 GiB'.")
@click.option("--env", multiple=True, metavar="NAME=VALUE", help="A variable of its environment; may be repeated.")
@click.option("--queue", metavar="NAME", help="The queue of the workers of which one shall run it.")
def install(
    user: bool, sys_prefix: bool, prefix: str | None, name: str, display_name: str | None, **asked: Any
) -> None:
    """Tell Jupyter of the kernel, and what its sessions shall be given."""
    chosen = _prefix(sys_prefix, prefix)
    if user and chosen is not None:
        raise click.UsageError("--user and another place: give one of them")
    called = display_name or (spec.DISPLAY_NAME if name == spec.NAME else f"Julia (taskq, {name})")
    place = spec.install(
        user=chosen is None, prefix=chosen, name=name, display_name=called, session=_session_line(asked)
    )
    click.echo(f"{called} is installed in {place}")


def _session_line(asked: dict[str, Any]) -> str:
    """What sessions are asked for, as behind ``%session``; a folder by its whole path."""
    words: list[str] = []
    for name, given in asked.items():
        for value in given if isinstance(given, tuple) else (given,):
            if name == "project" and value == "":  # such as a variable that was not set, and not this folder
                raise click.UsageError("--project is empty: give a folder, or leave it out")
            if value is not None:
                shown = str(Path(value).resolve()) if name == "project" else str(value)
                words += [f"--{name.replace('_', '-')}", shown]
    # late: it needs the client, and few commands are about kernels
    from taskq_kernel.jupyter.options import check_options, read_options

    line = shlex.join(words)
    check_options(read_options(line))
    return line


@kernel.command()
@click.option("--sys-prefix", is_flag=True, help="From this Python environment.")
@click.option("--prefix", metavar="FOLDER", help="From below FOLDER.")
@click.option("--name", default=spec.NAME, show_default=True, help="What Jupyter calls it.")
def uninstall(sys_prefix: bool, prefix: str | None, name: str) -> None:
    """Have Jupyter forget the kernel."""
    removed = spec.uninstall(prefix=_prefix(sys_prefix, prefix), name=name)
    called = spec.DISPLAY_NAME if name == spec.NAME else name
    click.echo(f"{called} was not installed" if removed is None else f"removed {removed}")
