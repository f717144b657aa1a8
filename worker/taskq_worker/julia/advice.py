"""Julia's errors, with what to do about them here: its own advice is for a session in a terminal."""

from __future__ import annotations

import re

from taskq_kernel.messages import ErrorInfo

#: A package that is not there, as Julia 1.5 and newer say it.
_MISSING = re.compile(
    r"Package (?P<name>[\w.]+)(?: \[[0-9a-f-]{36}\])? (?:not found in current path|is required but does not seem to be "
    r"installed)"
)
#: What Julia then advises. A task's own process may not change the project, and ends with the task.
_JULIAS_ADVICE = re.compile(
    r"\n *- (?:Run|Otherwise, run) (?:`import Pkg; Pkg\.add\([^`\n]*`|`Pkg\.instantiate\(\)`) to install [^\n]*"
)


def advise(error: ErrorInfo, in_project: bool) -> ErrorInfo:
    """The error, with what mends it where that is known.

    Parameters
    ----------
    error : ErrorInfo
        What Julia says.
    in_project : bool
        Whether the task has the packages of its project, and not those of `taskq julia add`.
    """
    missing = _MISSING.search(error.message)
    if missing is None:
        return error
    said = _JULIAS_ADVICE.sub("", error.message).rstrip()
    name = missing["name"]
    advice = (
        f"- Add {name} to the packages of the task's project (its Project.toml, or the names of q.environment), and "
        "submit again."
        if in_project
        else f"- Run `taskq julia add {name}` where the worker runs, to put {name} into the Julia project of its tasks."
    )
    return ErrorInfo(
        name=error.name, message=f"{said}\n{advice}", stacktrace=error.stacktrace, line=error.line
    )
