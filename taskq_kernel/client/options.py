"""What a task can be given besides its code, checked where it is written.

The client and the command line share it, so both take the same spellings and answer with
the same words. The service checks everything once more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskq_kernel.client.refusals import refused
from taskq_kernel.declarations import with_defaults
from taskq_kernel.errors import InvalidJSON, InvalidTask
from taskq_kernel.file_patterns import check_patterns
from taskq_kernel.literals import read_value
from taskq_kernel.needs import check_env, check_gpus, check_threads
from taskq_kernel.seeds import check_seed

if TYPE_CHECKING:
    from taskq_kernel.large_arrays import Store
    from taskq_kernel.transport.graphql import GraphQLTransport

PRIORITY_NAMES = {"low": 0, "normal": 1, "high": 2}

_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?)\s*([kmgt]?)(i?)(b?)\s*", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def parse_size(size: int | float | str) -> int:
    """A number of bytes: ``2 * 2**30``, ``"2 GiB"``, ``"512 MB"``, ``"1.5G"``.

    ``KiB, MiB, GiB, TiB`` are powers of 1024, as are ``K, M, G, T``; ``kB, MB, GB, TB`` are
    powers of 1000.

    Raises
    ------
    InvalidTask
        If it is not a size.
    """
    if isinstance(size, bool) or not isinstance(size, int | float | str):
        raise refused(f"is {size!r}: give bytes, or a text such as '2 GiB'", "memoryLimit")
    if not isinstance(size, str):
        return _whole(size, size)
    match = _SIZE.fullmatch(size)
    if match is None:
        raise refused(f"is {size!r}: give bytes, or a text such as '2 GiB' or '512 MB'", "memoryLimit")
    number, prefix, binary, unit = match.groups()
    base = 1000 if unit and prefix and not binary else 1024
    return _whole(float(number) * base ** _POWERS[prefix.lower()], size)


def _whole(number: int | float, said: object) -> int:
    try:
        return int(number)
    except (ValueError, OverflowError):  # NaN, or more than a number can be
        raise refused(f"is {str(said)[:80]!r}: give bytes, or a text such as '2 GiB'", "memoryLimit") from None


def parse_priority(priority: int | str) -> int:
    """0, 1 or 2, or its name: ``low``, ``normal``, ``high``.

    Raises
    ------
    InvalidTask
        If it is none of these.
    """
    known = {**PRIORITY_NAMES, **{str(value): value for value in PRIORITY_NAMES.values()}}
    try:
        return known[str(priority).lower()]
    except KeyError:
        raise refused(f"is {priority!r}: give 0 (low), 1 (normal) or 2 (high)", "priority") from None


def priority_name(priority: int) -> str:
    """The name of a priority: ``low``, ``normal`` or ``high``."""
    return next((name for name, value in PRIORITY_NAMES.items() if value == priority), str(priority))


def parse_arguments(pairs: Iterable[str]) -> dict[str, Any]:
    """Arguments written as ``name=value``; a value that is JSON or a literal of Julia is that, another is a string.

    ``n=100`` is a number, ``flag=true`` a truth value, ``xs=[1,2]`` a list, ``rows=10:30`` a
    range, ``p=1//3`` a fraction, ``city=Bonn`` a string, and so is ``code="100"``.

    Raises
    ------
    InvalidTask
        If one has no ``=``, no name, or a name that comes twice.
    """
    arguments: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.strip():
            raise InvalidTask(f"is {pair!r}: write it as name=value", "arguments", place="an argument")
        if name in arguments:
            raise refused("is given twice", f"arguments.{name}")
        try:
            arguments[name] = read_value(text)
        except InvalidJSON as error:
            raise refused(f"cannot be read: {error}", f"arguments.{name}") from None
    return arguments


def parse_env(pairs: Iterable[str]) -> dict[str, str]:
    """Environment variables written as ``NAME=VALUE``; the value is what stands there.

    Raises
    ------
    InvalidTask
        If one has no ``=``, or a name comes twice.
    """
    variables: dict[str, str] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise refused(f"is {pair!r}: write it as NAME=VALUE", "env")
        if name in variables:
            raise refused(f"has {name} twice", "env")
        variables[name] = text
    return variables


def parse_files(pairs: Iterable[str]) -> dict[str, Path]:
    """Files written as ``NAME=PATH``, or as a path alone, whose last part is the name then.

    Raises
    ------
    InvalidTask
        If one has no name or no path, or a name that comes twice.
    """
    files: dict[str, Path] = {}
    for pair in pairs:
        name, equals, path = pair.partition("=")
        if not equals:
            name, path = Path(pair).name, pair
        if not name or not path:
            raise refused(f"is {pair!r}: write it as NAME=PATH", "inputFiles")
        if name in files:
            raise refused(f"has {name!r} twice", "inputFiles")
        files[name] = Path(path)
    return files


def task_input(
    code: str,
    name: str | None = None,
    *,
    arguments: Mapping[str, Any] | None = None,
    store: Store | None = None,
    **options: Any,
) -> dict[str, Any]:
    """A new task as GraphQL's ``TaskInput``, without its id.

    The parameters are those of `taskq_kernel.Client.submit`; ``options`` are those of `call_options`. Large arrays
    among the arguments go to ``store``; see `taskq_kernel.arguments.encode_arguments`.

    Raises
    ------
    InvalidTask
        If one of them cannot be used.
    """
    if not isinstance(code, str):
        raise refused(f"is {type(code).__name__}: give Julia code as a string", "code")
    given: dict[str, Any] = {"code": _text(code, "code"), "kind": "SCRIPT"} | call_options(**options)
    if name is not None:
        given["name"] = _text(str(name), "name")
    if arguments := with_defaults(code, arguments):
        # late: every command comes by here, and few tasks have arguments
        from taskq_kernel.argument_names import check_argument_names
        from taskq_kernel.arguments import encode_arguments

        given["arguments"] = encode_arguments(arguments, store)
        check_argument_names(given["arguments"])
    return given


def call_options(
    *,
    queue: str = "default",
    priority: int | str = 1,
    timeout: float | None = None,
    memory_limit: int | str | None = None,
    max_attempts: int = 1,
    seed: int | None = None,
    after: Iterable[Any] = (),
    cache: bool = False,
    threads: int | None = None,
    env: Mapping[str, str] | None = None,
    gpus: int | None = None,
    files: Mapping[str, Any] | None = None,
    outputs: str | Iterable[str] = (),
    transport: GraphQLTransport | None = None,
    project: Any = None,
) -> dict[str, Any]:
    """What a task is given besides its code and arguments, with the names of GraphQL's ``TaskInput``.

    Its ``files`` are sent through ``transport``, unless the service has them.

    Raises
    ------
    InvalidTask
        If one of them cannot be used.
    """
    given: dict[str, Any] = {
        "queue": _text(queue, "queue"), "priority": parse_priority(priority), "maxAttempts": max_attempts,
    }
    if timeout is not None:
        given["timeoutSeconds"] = _positive(timeout)
    if memory_limit is not None:
        given["memoryLimit"] = parse_size(memory_limit)
    if seed is not None:
        given["seed"] = check_seed(seed)
    if ids := ids_of(after, "after"):
        given["after"] = ids
    if _truth(cache, "cache"):
        given["cache"] = True
    if project is not None:
        given |= _project(project)
    needs = {"threads": check_threads(threads), "env": check_env(env), "gpus": check_gpus(gpus)}
    given |= {name: value for name, value in needs.items() if value is not None}
    if patterns := _patterns(outputs):
        given["outputs"] = patterns
    if files and transport is not None:
        # late: few tasks are given files
        from taskq_kernel.client.input_files import as_input, send_files

        given["inputFiles"] = as_input(send_files(transport, files))
    return given


def _patterns(outputs: Any) -> list[str]:
    if not outputs:
        return []
    try:
        return check_patterns(outputs, "outputs")
    except InvalidTask as error:
        raise refused(error.problem, "outputs") from None


def _project(project: Any) -> dict[str, Any]:
    """What names a project, which is sent first if need be."""
    send = getattr(project, "send", None)
    if send is None:
        raise refused(f"is {project!r}: give what q.project(folder) or q.environment(packages) returns", "project")
    named: dict[str, Any] = send().as_options()
    return named


def ids_of(tasks: Any, field: str) -> list[str]:
    """The ids of tasks, each once: given as one, as a list, or as lists of them, by number or UUID.

    Raises
    ------
    InvalidTask
        If something among them is none of these.
    """
    if isinstance(tasks, str | int):
        return [str(tasks)]
    own = getattr(tasks, "as_argument", None)
    if own is not None:
        found = own()
        return [one["$task"] for one in (found if isinstance(found, list) else [found])]
    if isinstance(tasks, Iterable):
        return list(dict.fromkeys(one for item in tasks for one in ids_of(item, field)))
    raise refused(f"has {type(tasks).__name__}: give tasks, their numbers or their UUIDs", field)


def _text(text: str, field: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise refused(f"is not text: half of a surrogate pair at character {error.start}", field) from None
    except AttributeError:
        raise refused(f"is {type(text).__name__}: give a string", field) from None
    return text


def _truth(given: Any, field: str) -> bool:
    # Not what merely counts as true: a call's argument of this name, meant for Julia, would be lost in silence.
    if not isinstance(given, bool):
        raise refused(
            f"is {given!r}: give True or False; an argument of Julia's of this name goes into a dictionary: "
            f"f.submit(named={{'{field}': ...}}), f.sweep({{'{field}': ...}})", field
        )
    return given


def _positive(seconds: float) -> float:
    try:
        value = float(seconds)
    except (TypeError, ValueError):
        value = 0.0
    if not 0 < value < float("inf"):
        raise refused(f"is {seconds!r}: give a number of seconds above 0", "timeoutSeconds")
    return value
