"""``%load_ext taskq_kernel``: the cell magic ``%%julia``.

The cell is a task. Its options are those of `taskq_kernel.Client.submit`, spelled as on
the command line::

    %%julia --name "mean of noise" --arg n=1000 --wait
    sum(rand(n)) / n

Without ``--wait`` the cell's value is the `Task`, at once; with it the cell waits, and its
value is the task's.
"""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING, Any, NoReturn

from taskq_kernel.errors import InvalidTask

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


class _Parser(argparse.ArgumentParser):
    """A parser that raises instead of ending the kernel."""

    def error(self, message: str) -> NoReturn:
        raise InvalidTask(f"%%julia: {message}\n{self.format_usage().strip()}")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise _HelpShown


class _HelpShown(Exception):
    """``--help`` was asked for, and is printed."""


def _parser() -> _Parser:
    parser = _Parser(prog="%%julia", description="Submit the cell as a task.", allow_abbrev=False)
    parser.add_argument("--name", help="what to call it; default: the code's first line")
    parser.add_argument(
        "--arg", dest="arguments", action="append", default=[], metavar="NAME=VALUE",
        help="an argument: JSON or a literal of Julia, or else a string; may be repeated",
    )  # fmt: skip
    parser.add_argument("--wait", action="store_true", help="wait, and return the task's value")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="how long it may run")
    parser.add_argument("--queue", default="default", help="the queue it waits in")
    parser.add_argument("--priority", default="normal", help="low, normal or high")
    parser.add_argument("--memory-limit", metavar="SIZE", help="memory it may use, such as '2 GiB'")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of Julia in it, and cores that it takes")
    parser.add_argument(
        "--env", action="append", default=[], metavar="NAME=VALUE",
        help="a variable of its environment; may be repeated",
    )  # fmt: skip
    parser.add_argument("--gpus", type=int, metavar="N", help="devices that it has to itself")
    parser.add_argument("--project", metavar="DIR", help="a folder that it has at hand, with its packages")
    parser.add_argument("--max-attempts", type=int, default=1, help="runs that may fail")
    parser.add_argument("--seed", type=int, help="what its random numbers start from; default: one that is drawn")
    parser.add_argument("--cache", action="store_true", help="take the value of an equal task, where there is one")
    parser.add_argument(
        "--file", dest="files", action="append", default=[], metavar="NAME=PATH",
        help="a file for the folder that it works in; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--output", dest="outputs", action="append", default=[], metavar="PATTERN",
        help="files of that folder that are kept, such as '*.csv'; may be repeated",
    )  # fmt: skip
    return parser


def julia(line: str, cell: str | None = None) -> Any:
    """Submit the cell as a task.

    ``%%julia [--name NAME] [--arg NAME=VALUE]... [--wait] [--timeout SECONDS] [--queue QUEUE]
    [--priority low|normal|high] [--memory-limit SIZE] [--threads N] [--env NAME=VALUE]... [--gpus N]
    [--project DIR] [--max-attempts N] [--seed N] [--cache] [--file NAME=PATH]... [--output PATTERN]...``

    Returns
    -------
    Task
        At once; with ``--wait`` the task's value, once it is there.

    Raises
    ------
    InvalidTask
        If an option cannot be used.
    TaskFailed, TaskCancelled, TaskDeleted
        With ``--wait``, if the task has no value.
    """
    # late: loading the extension connects to nothing
    from taskq_kernel.client.connecting import default_client
    from taskq_kernel.client.options import parse_arguments, parse_env, parse_files
    from taskq_kernel.client.refusals import by_option

    try:
        options = vars(_parser().parse_args(_split(line)))
    except _HelpShown:
        return None
    if cell is None or not cell.strip():
        raise InvalidTask("the cell is empty; write Julia code below the line with %%julia", "code", place="%%julia:")
    wait = options.pop("wait")
    try:
        arguments, env = parse_arguments(options["arguments"]), parse_env(options["env"])
        files = parse_files(options["files"])
        client = default_client()
        project = None if options["project"] is None else client.project(options["project"])
        given = {"arguments": arguments, "env": env, "files": files, "project": project}
        task = client.submit(cell, **options | given)
    except InvalidTask as error:
        named = (f"--{name.replace('_', '-')}" for name in options)
        raise by_option(error, {"--arg", "--file", "--output", *named}) from None
    return task.result() if wait else task


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise InvalidTask(f"%%julia {line}: {error}") from None


def load_ipython_extension(ipython: InteractiveShell) -> None:
    """Register ``%%julia``; called by ``%load_ext taskq_kernel``."""
    register: Any = ipython.register_magic_function
    register(julia, magic_kind="cell", magic_name="julia")
