"""Options of commands: those that are settings, and those that several commands share.

A flag for a setting is made from its declaration in `taskq_kernel.settings`, so flag,
variable and ``taskq.toml`` have one declaration. Secrets are no flags: everybody on a
machine can read a process's arguments.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import click

from taskq_kernel.client.options import parse_size
from taskq_kernel.client.refusals import by_option
from taskq_kernel.durations import seconds_of
from taskq_kernel.errors import InvalidTask
from taskq_kernel.settings import Secret, declared

#: Settings that are numbers of bytes.
_SIZES = frozenset({
    "memory_limit", "memory", "task_file_size", "max_value_bytes", "max_array_bytes", "max_files_bytes",
    "max_log_bytes",
})
#: Settings that are URLs of databases.
_URLS = frozenset({"database", "results_database"})

Command = TypeVar("Command", bound=Callable[..., Any])


def examples(*commands: str) -> str:
    """The end of a command's help."""
    return "\b\nExamples:\n" + "\n".join(f"  {command}" for command in commands)


def settings_options(*names: str) -> Callable[[Command], Command]:
    """Click options for settings, each as it is declared.

    An option that is not given is None, so that `load_settings` takes the variable, the
    file or the default.
    """
    def decorate(command: Command) -> Command:
        for name in reversed(names):
            one = declared()[name]
            if one.kind is Secret:
                raise ValueError(f"{name} is a secret, and no flag: use {name}_file")
            default = "" if one.default is None else f", default {one.default}"
            flag = f"--{name.replace('_', '-')}"
            command = click.option(
                f"{flag}/--no-{flag[2:]}" if one.kind is bool else flag,
                name,
                default=None,
                help=f"{_sentence(one.about)} [TASKQ_{name.upper()}{default}]",
                **_click_type(name, one.kind),
            )(command)
        return command

    return decorate


def _click_type(name: str, kind: Any) -> dict[str, Any]:
    if get_origin(kind) is Literal:
        return {"type": click.Choice(get_args(kind))}
    if get_origin(kind) is list:
        return {"metavar": "NAME,NAME", "callback": _names}
    if name in _URLS:
        return {"metavar": "URL", "callback": _url}
    if name in _SIZES:
        return {"metavar": "SIZE", "callback": size}
    if declared()[name].length:
        return {"metavar": "TIME", "callback": length_of_time}
    return {"type": {Path: click.Path(path_type=Path)}.get(kind, kind)}


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


class TaskCommand(click.Command):
    """A command that names its option where something that was given cannot be used."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except InvalidTask as error:
            raise by_option(error, {name for parameter in self.params for name in parameter.opts}) from error


def size(_ctx: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """Click's callback for an option that is a number of bytes, such as ``2 GiB``."""
    try:
        return None if value is None else parse_size(value)
    except InvalidTask as error:
        raise error.at(parameter.opts[0]) from None


def length_of_time(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> float | None:
    """Click's callback for a length of time such as ``30d``, in seconds."""
    try:
        return None if value is None else seconds_of(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _url(_ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Click's callback for an option that is the URL of a database."""
    if value is not None and re.search(r"://[^/@]*:[^/@]*@|password=", value):
        variable = f"TASKQ_{str(parameter.name).upper()}"
        raise click.UsageError(
            f"the URL has a password in it, and everybody on this machine can read a process's arguments: "
            f"set {variable}, or have the password in ~/.pgpass"
        )
    return value


def _names(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> list[str] | None:
    """Click's callback for an option that is names with commas between them."""
    return None if value is None else [name.strip() for name in value.split(",") if name.strip()]


as_json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON, with GraphQL's field names.")

ids_argument = click.argument("ids", nargs=-1, required=True, metavar="ID...")
