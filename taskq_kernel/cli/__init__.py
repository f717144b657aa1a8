"""The command line: ``taskq``.

Each command lives in a module that is imported when the command is used: a ``taskq submit``
must not pay for what ``taskq up`` needs.
"""

from __future__ import annotations

import errno
import os
import sys
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from taskq_kernel.errors import InvalidTask, SettingsError, TaskqError, Unreachable
from taskq_kernel.printable import printable

#: Exit codes.
DONE, FAILED, WRONG_USAGE, UNREACHABLE = 0, 1, 2, 3
#: As shells report the signals behind them: Ctrl-C, and a reader that went away.
INTERRUPTED, PIPE_CLOSED = 130, 141
#: A disk, or what somebody may have of it, is full.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

#: The module of each command and what ``--help`` says of it, in that order.
_COMMANDS = {
    "up": ("stack", "Start the local stack."),
    "down": ("stack", "Stop the local stack."),
    "status": ("stack", "Show the local stack, and what there is to do."),
    "doctor": ("stack", "Check what taskq needs on this machine."),
    "demo": ("demo", "Run about twenty real Julia tasks and watch them live."),
    "dashboard": ("dashboard", "Serve the dashboard until Ctrl-C; start the local stack if none runs."),
    "julia": ("julia", "Julia packages for tasks, and the Julia that juliacall loads."),
    "kernel": ("kernel", "The Jupyter kernel Julia (taskq): install it, or remove it."),
    "recipe": ("recipe", "Register Julia code with parameters for those who do not code."),
    "token": ("token", "Make, list and revoke tokens."),
    "service": ("roles", "Run the GraphQL service."),
    "worker": ("roles", "Run a worker."),
    "sink": ("roles", "Run the sink."),
    "submit": ("submit", "Submit Julia code."),
    "wait": ("submit", "Wait until tasks are done."),
    "ls": ("look", "List tasks, the newest first."),
    "show": ("look", "Show all there is to know of a task."),
    "logs": ("look", "Write what a task printed in its latest attempt."),
    "files": ("files", "List the files of a task that were kept."),
    "fetch": ("files", "Save files of a task that were kept."),
    "results": ("results", "What came out, as a table or a file."),
    "share": ("share", "Make links by which others see a result."),
    "cancel": ("bulk_actions", "Cancel tasks."),
    "retry": ("bulk_actions", "Run tasks again that are done."),
    "delete": ("bulk_actions", "Delete tasks."),
    "reproduce": ("provenance", "Run a finished task again, and compare the two values."),
    "export": ("provenance", "Export a result as a script, a notebook, an RO-Crate or a citation."),
    "prune": ("prune", "Remove what is done and old."),
    "completion": ("completion", "Set up the tab key of a shell."),
}


class _Taskq(click.Group):
    """The group of all commands, each imported when it is used; to be listed it need not be."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"{__name__}.{_COMMANDS[name][0]}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in _COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        named = [(name, about) for name, (_, about) in _COMMANDS.items() if name.startswith(incomplete)]
        found = [CompletionItem(name, help=about) for name, about in named]
        return found + click.Command.shell_complete(self, ctx, incomplete)


def _version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        # late: it reads the metadata of what is installed
        from taskq_kernel import __version__

        click.echo(f"taskq {__version__}")
        ctx.exit()


@click.command(
    cls=_Taskq,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=(
        "\b\nExamples:\n  taskq up\n  echo 'sum(1:10)' | taskq submit - --wait\n  taskq ls --limit 5\n  taskq down"
    ),
)
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Show the version.")
def cli() -> None:
    """Send Julia computations to a fleet of workers, and watch them.

    An ID is a task's number or its UUID. Exit codes: 0 done, 1 the task or the command
    failed, 2 wrong usage, 3 the stack or the service is unreachable.
    """


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : list of str, optional
        What follows ``taskq``. Default: this process's own arguments.

    Returns
    -------
    int
        The exit code.
    """
    try:
        code: Any = cli.main(arguments, prog_name="taskq", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt) as error:
        _tell(*_notes(error))
        return INTERRUPTED
    except TaskqError as error:
        _tell(*map(printable, (str(error), *_notes(error))))
        return exit_code(error)
    except OSError as error:
        if error.errno in _FULL and error.filename is None:  # whoever writes to an open file is not told which
            _tell(f"what was to be written could not be, or only a part of it: {error.strerror}", *_notes(error))
            return FAILED
        if error.filename is None:  # no file that was named, so it tells nobody anything without its traceback
            raise
        _tell(printable(f"{os.fsdecode(error.filename)}: {error.strerror}"), *map(printable, _notes(error)))
        return FAILED
    return code if isinstance(code, int) else DONE


def _notes(error: BaseException) -> list[str]:
    return list(getattr(error, "__notes__", []))


def _tell(*texts: str) -> None:
    for text in texts:
        print(f"taskq: {text}", file=sys.stderr)  # noqa: T201  (it is what the user sees)


def exit_code(error: TaskqError) -> int:
    """The exit code that stands for an error."""
    if isinstance(error, Unreachable):
        return UNREACHABLE
    return WRONG_USAGE if isinstance(error, InvalidTask | SettingsError) else FAILED
