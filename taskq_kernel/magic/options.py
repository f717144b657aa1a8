"""The options of ``%%julia``: those of `taskq_kernel.Client.submit`, spelled as on the command line."""

from __future__ import annotations

import argparse
import shlex
from typing import Any, NoReturn

from taskq_kernel.errors import InvalidTask


class HelpShown(Exception):
    """``--help`` was asked for, and is printed."""


class Parser(argparse.ArgumentParser):
    """A parser that raises instead of ending the kernel."""

    def error(self, message: str) -> NoReturn:
        raise InvalidTask(f"{self.prog}: {message}\n{self.format_usage().strip()}")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise HelpShown

    def read(self, line: str) -> dict[str, Any]:
        """The options of a line, by name.

        Raises
        ------
        HelpShown
            If it asks for help.
        InvalidTask
            If it cannot be read.
        """
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise InvalidTask(f"{self.prog} {line}: {error}") from None
        return vars(self.parse_args(words))

    def actions(self) -> list[argparse.Action]:
        """Its options, to be offered."""
        return self._actions


def make_parser() -> Parser:
    """The parser of the line with ``%%julia``."""
    parser = Parser(prog="%%julia", description="Submit the cell as a task.", allow_abbrev=False)
    parser.add_argument("--name", help="what to call it; default: the code's first line")
    parser.add_argument(
        "--arg", dest="arguments", action="append", default=[], metavar="NAME=VALUE",
        help="an argument: JSON or a literal of Julia, or else a string; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--sweep", action="append", default=[], metavar="NAME=VALUES",
        help="a task for each value of an argument: n=1:10, x=0.0:0.1:1.0, n=[1,2,4]; repeated, for all combinations",
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
