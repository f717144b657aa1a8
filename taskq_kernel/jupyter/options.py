"""What a session is asked for: ``%session --project . --threads 4`` in a cell, or where the kernel is installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from taskq_kernel.client.client import Client
from taskq_kernel.client.options import call_options, parse_env
from taskq_kernel.client.refusals import by_option
from taskq_kernel.errors import InvalidTask
from taskq_kernel.magic.options import Parser

#: What a cell begins with that asks for a session of another kind.
DIRECTIVE = "%session"


def make_parser() -> Parser:
    """The parser of what stands behind it."""
    parser = Parser(prog=DIRECTIVE, description="Begin a session, and with it a fresh module.", allow_abbrev=False)
    parser.add_argument("--project", metavar="DIR", help="a folder that its cells have at hand, with its packages")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of Julia in it, and cores that it takes")
    parser.add_argument("--gpus", type=int, metavar="N", help="devices that it has to itself")
    parser.add_argument("--memory-limit", metavar="SIZE", help="memory it may use, such as '2 GiB'")
    parser.add_argument(
        "--env", action="append", default=[], metavar="NAME=VALUE",
        help="a variable of its environment; may be repeated",
    )  # fmt: skip
    parser.add_argument("--queue", default="default", help="the queue of the workers of which one shall run it")
    parser.add_argument("--priority", default="normal", help="low, normal or high")
    parser.add_argument("--seed", type=int, help="what its random numbers start from; default: one that is drawn")
    return parser


def directive_of(code: str) -> str | None:
    """What stands behind ``%session`` in a cell that is nothing else; None for other cells."""
    word, _, rest = code.strip().partition(" ")
    return rest.strip() if word == DIRECTIVE and "\n" not in rest else None


def read_options(line: str) -> dict[str, Any]:
    """The options of a session, by name.

    Raises
    ------
    HelpShown
        If help is asked for.
    InvalidTask
        If one is not known, or cannot be read.
    """
    return make_parser().read(line)


def check_options(options: Mapping[str, Any]) -> None:
    """See whether these options could be used, without asking anybody.

    Raises
    ------
    InvalidTask
        If one cannot be used.
    """
    project = options.get("project")
    if project is not None and not Path(project).is_dir():
        raise InvalidTask(f"is {project!r}, which is no folder", "project", place="--project")
    _input(options, None)


def session_input(client: Client, options: Mapping[str, Any]) -> dict[str, Any]:
    """These options as GraphQL's ``TaskInput`` has them; a project is sent, as its folder is now.

    Raises
    ------
    InvalidTask
        If one cannot be used.
    """
    with _told_by_option(options):
        project = options.get("project")
        return _input(options, None if project is None else client.project(project))


def _input(options: Mapping[str, Any], project: Any) -> dict[str, Any]:
    with _told_by_option(options):
        return call_options(**{**options, "env": parse_env(options.get("env", ())), "project": project})


@contextmanager
def _told_by_option(options: Mapping[str, Any]) -> Iterator[None]:
    try:
        yield
    except InvalidTask as error:
        raise by_option(error, {f"--{name.replace('_', '-')}" for name in options}) from None
