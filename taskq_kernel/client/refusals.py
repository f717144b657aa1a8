"""What cannot be used, told in the words of who gave it: by keyword in Python, by option on a command line.

`InvalidTask` names a field as GraphQL does, wherever it was found wrong: here before anything is
sent, or by the service.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from contextlib import contextmanager
from typing import Any

from taskq_kernel.errors import InvalidTask, ServiceError

#: What a field is called where it is not by GraphQL's name, which `keyword` and `option` spell in their way.
_CALLED = {"timeoutSeconds": "timeout", "expiresInSeconds": "expires", "inputFiles": "files"}
#: Options of which one may be given several times, for each thing of many.
_EACH = {"files": "file", "outputs": "output"}

#: Options that are about one argument each.
_BY_NAME = {"arguments": "--arg", "sweep": "--sweep"}


def keyword(field: str) -> str:
    """What Python calls a field: ``memory_limit``, ``argument 'n'``."""
    name, _, argument = field.partition(".")
    if argument:
        return f"argument {argument!r}"
    return re.sub(r"(?=[A-Z])", "_", _CALLED.get(name, name)).lower()


def option(field: str) -> str:
    """What a command line calls a field: ``--memory-limit``, ``--arg n``."""
    name, _, argument = field.partition(".")
    if name in _BY_NAME:
        return f"{_BY_NAME[name]} {argument}".rstrip()
    called = keyword(name)
    return f"--{_EACH.get(called, called).replace('_', '-')}"


def by_option(error: InvalidTask, options: Container[str]) -> InvalidTask:
    """The same error; its message has the option that it is about, where that is one of ``options``."""
    called = option(error.field)
    return error.at(called) if called.partition(" ")[0] in options else error


def refused(problem: str, field: str, index: int | None = None) -> InvalidTask:
    """The error for what cannot be used; its message has Python's keyword."""
    place = keyword(field) if index is None else f"tasks[{index}]: {keyword(field)}".rstrip(": ")
    return InvalidTask(problem, field, index, place=place)


@contextmanager
def input_refused(before: int | None = None) -> Iterator[None]:
    """Input that the service finds wrong is an `InvalidTask`.

    Parameters
    ----------
    before : int, optional
        How many tasks of the list were in earlier requests; None where there is no list to find a place in.
    """
    try:
        yield
    except ServiceError as error:
        if error.code != "BAD_INPUT":
            raise
        raise _told(str(error), error.extensions, before) from error


def _told(message: str, said: dict[str, Any], before: int | None) -> InvalidTask:
    problem, field, index = said.get("problem"), said.get("field") or "", said.get("index")
    if problem is None or not field:  # of another release, or about nothing in particular
        return InvalidTask(message)
    if message == problem:  # it says all by itself
        return InvalidTask(problem, field, index, place="")
    return refused(problem, field, None if before is None or index is None else before + index)
