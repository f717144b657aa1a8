"""``%load_ext taskq_kernel``: the cell magic ``%%julia``.

The cell is a task. Its options are those of `taskq_kernel.Client.submit`, spelled as on
the command line::

    %%julia --name "mean of noise" --arg n=1000 --wait
    sum(rand(n)) / n

Without ``--wait`` the cell's value is the `Task`, at once; with it the cell waits, and its
value is the task's. With ``--sweep n=1:10`` the cell is a task for each value, and all of them
are a `Batch`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from taskq_kernel.errors import InvalidTask
from taskq_kernel.magic.options import HelpShown, make_parser

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from taskq_kernel.client.batch import Batch
    from taskq_kernel.client.client import Client
    from taskq_kernel.client.task import Task


def julia(line: str, cell: str | None = None) -> Any:
    """Submit the cell as a task.

    ``%%julia [--name NAME] [--arg NAME=VALUE]... [--sweep NAME=VALUES]... [--wait] [--timeout SECONDS] [--queue QUEUE]
    [--priority low|normal|high] [--memory-limit SIZE] [--threads N] [--env NAME=VALUE]... [--gpus N]
    [--project DIR] [--max-attempts N] [--seed N] [--cache] [--file NAME=PATH]... [--output PATTERN]...``

    Returns
    -------
    Task or Batch
        At once; a batch where there is a sweep. With ``--wait`` the task's value, or the list of the batch's, once
        they are there. Interrupting that ends the waiting, and not the tasks.

    Raises
    ------
    InvalidTask
        If an option cannot be used.
    TaskFailed, TaskCancelled, TaskDeleted
        With ``--wait``, if a task has no value.
    """
    try:
        options = make_parser().read(line)
    except HelpShown:
        return None
    if cell is None or not cell.strip():
        raise InvalidTask("the cell is empty; write Julia code below the line with %%julia", "code", place="%%julia:")
    wait = options.pop("wait")
    submitted = _submit(cell, options)
    return _waited_for(submitted) if wait else submitted


def _submit(cell: str, options: dict[str, Any]) -> Task | Batch:
    # late: loading the extension connects to nothing
    from taskq_kernel.client.connecting import default_client
    from taskq_kernel.client.options import parse_arguments, parse_env, parse_files
    from taskq_kernel.client.refusals import by_option
    from taskq_kernel.magic.axes import parse_axes

    names = {f"--{name.replace('_', '-')}" for name in options} | {"--arg", "--file", "--output"}
    try:
        axes = parse_axes(options.pop("sweep"))
        read = {
            "arguments": parse_arguments(options["arguments"]), "env": parse_env(options["env"]),
            "files": parse_files(options["files"]),
        }  # fmt: skip
        client = default_client()
        project = None if options["project"] is None else client.project(options["project"])
        given: dict[str, Any] = options | read | {"project": project}
        return _sweep(client, cell, axes, given) if axes else client.submit(cell, **given)
    except InvalidTask as error:
        raise by_option(error, names) from None


def _sweep(client: Client, cell: str, axes: dict[str, list[Any]], given: dict[str, Any]) -> Batch:
    """A task for each point; each is called by its arguments, and has a seed of its own."""
    # late: few cells are sweeps
    from taskq_kernel.call_name import call_name
    from taskq_kernel.client.definition import call_arguments, written
    from taskq_kernel.magic.axes import points
    from taskq_kernel.seeds import check_seed, point_seed

    arguments, seed, name = given.pop("arguments"), given.pop("seed"), given.pop("name") or "cell"
    for twice in axes.keys() & arguments.keys():
        raise InvalidTask("is given by --arg, too", f"sweep.{twice}")
    if seed is not None:
        check_seed(seed)
    tasks = [
        {
            "code": cell,
            "name": call_name(name, written(call_arguments((), point))),
            "arguments": arguments | point,
            "seed": None if seed is None else point_seed(seed, place),
        }
        for place, point in enumerate(points(axes))
    ]
    return client.submit_many(tasks, **given)


def _waited_for(submitted: Task | Batch) -> Any:
    """The value of a task, or those of a batch; the notebook shows how far it is meanwhile."""
    from taskq_kernel.client.live import shown_live
    from taskq_kernel.client.progress import in_notebook
    from taskq_kernel.client.task import Task

    try:
        with shown_live(submitted):
            if isinstance(submitted, Task):
                return submitted.result()
            # A notebook shows its live row, which is a bar enough.
            return [task.outcome() for task in submitted.wait(progress=not in_notebook())]
    except KeyboardInterrupt:
        sys.stderr.write(f"{submitted!r} goes on; its cancel() ends it, or q.cancel() with its number\n")
        raise


def load_ipython_extension(ipython: InteractiveShell) -> None:
    """Register ``%%julia``, and ``%julia --help``; called by ``%load_ext taskq_kernel``."""
    from taskq_kernel.magic.completion import complete

    register: Any = ipython.register_magic_function
    # As a line too: IPython takes no cell magic without a cell, as one asks it for its help.
    register(julia, magic_kind="line_cell", magic_name="julia")
    if complete not in (matchers := ipython.Completer.custom_matchers):
        matchers.append(complete)
