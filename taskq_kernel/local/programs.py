"""Run a program that takes its time, hand on what it prints, and say well why it failed."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping, Sequence

from taskq_kernel.errors import SetupError

#: How much of a failed program's output an error repeats, in lines.
ERROR_LINES = 12

OnLine = Callable[[str], None]

_NO_NETWORK = re.compile(
    r"urlopen error|Temporary failure in name resolution|Name or service not known|Could not resolve host"
    r"|failed to (fetch|clone|download)|Network is unreachable|Connection (refused|timed out|reset)"
    r"|RequestError|could not download|unable to access",
    re.IGNORECASE,
)


def follow(command: list[str], environment: Mapping[str, str], on_line: OnLine, failure: str, remedy: str) -> None:
    """Run a program to its end.

    Parameters
    ----------
    command : list of str
        The program and its arguments.
    environment : mapping
        Its whole environment.
    on_line : callable
        Called with each line that it prints.
    failure, remedy : str
        What is wrong where it fails, and what to do about it where the network is away.

    Raises
    ------
    SetupError
        If it cannot be started, or fails.
    """
    said: list[str] = []
    try:
        process = subprocess.Popen(
            command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, encoding="utf-8", errors="replace",
        )  # fmt: skip
    except OSError as error:
        raise SetupError(f"{failure}: {command[0]}: {error.strerror}") from error
    with process:
        for line in process.stdout or ():
            said.append(line.rstrip())
            on_line(said[-1])
    if process.returncode == 0:
        return
    if _NO_NETWORK.search("\n".join(said)):
        raise SetupError(f"{failure}, for want of a network: {remedy}\n{gist(said)}")
    raise SetupError(f"{failure} (exit status {process.returncode}):\n{gist(said)}")


def gist(said: Sequence[str]) -> str:
    """What a failed program said of its error: Julia's ``ERROR:`` without its stack trace, else the last lines."""
    begin = next((at for at, line in enumerate(said) if line.startswith("ERROR:")), None)
    if begin is None:
        return "\n".join(said[-ERROR_LINES:])
    told = list(said[begin:])
    end = next((at for at, line in enumerate(told) if line.strip() == "Stacktrace:"), len(told))
    return "\n".join(told[: min(end, ERROR_LINES)])
