"""Start a Julia process as a slot would, with nothing to do, to see whether it starts."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from taskq_kernel.errors import SetupError
from taskq_kernel.local.julia_project import Juliacall
from taskq_kernel.local.programs import OnLine, gist
from taskq_worker.julia.command import RunnerCommand
from taskq_worker.julia.environment import task_environment
from taskq_worker.julia.juliacall_command import JuliacallCommand

#: How long a start may take. Julia compiles packages in one that it loads for the first time.
TIMEOUT_S = 1800.0


def try_start(
    command: RunnerCommand,
    *,
    environment: Mapping[str, str | None] | None = None,
    options: Sequence[str] = (),
    on_line: OnLine = lambda _: None,
    timeout_s: float = TIMEOUT_S,
) -> None:
    """Start a process with the environment and the arguments of a slot's, and wait for its end.

    It runs its warm-up, finds no request, and goes.

    Parameters
    ----------
    command : RunnerCommand
        How it is started.
    environment : mapping, optional
        What is otherwise than a slot has it; None takes a variable away.
    options : sequence of str
        More options of the program.
    on_line : callable, optional
        Called with each line that it prints.
    timeout_s : float
        How long it may take.

    Raises
    ------
    SetupError
        If it does not start, fails or is not done in time. It says what the process said.
    """
    with (
        tempfile.TemporaryDirectory(prefix="taskq-trial-") as home,
        Path(os.devnull).open("r+b") as nothing,
        _ended_pipe() as requests,
    ):
        program, *arguments = command.argv(requests, nothing.fileno(), nothing.fileno())
        own = task_environment(Path(home), command.environment(), os.environ) | dict(environment or {})
        said: list[str] = []
        with ExitStack() as stack:
            with _signals_later():
                try:
                    julia = stack.enter_context(subprocess.Popen(
                        [program, *options, *arguments], cwd=home, stdin=nothing, stdout=nothing,
                        env={name: value for name, value in own.items() if value is not None},
                        stderr=subprocess.PIPE, pass_fds=(requests, nothing.fileno()),
                        encoding="utf-8", errors="replace", start_new_session=True,
                    ))  # fmt: skip
                except OSError as error:
                    raise SetupError(f"{program} cannot be started: {error.strerror}") from error
                stack.callback(_kill_session, julia)
            late = threading.Event()

            def end() -> None:
                late.set()
                _kill_session(julia)

            timer = threading.Timer(timeout_s, end)
            stack.callback(timer.cancel)
            timer.start()
            for line in julia.stderr or ():
                said.append(line.rstrip())
                on_line(said[-1])
            status = julia.wait()
    if late.is_set():
        raise SetupError(f"{program} was not done after {timeout_s:g} s: {gist(said)}")
    if status != 0:
        raise SetupError(f"{program} ended with exit code {status}: {gist(said)}")


def try_juliacall(juliacall: Juliacall, project: Path, on_line: OnLine) -> None:
    """Start Python with juliacall as a slot would; what ``taskq julia install`` does at its end."""
    try_start(JuliacallCommand(juliacall, project), on_line=on_line)


@contextmanager
def _ended_pipe() -> Iterator[int]:
    """A descriptor from which nothing will ever come."""
    reading, writing = os.pipe()
    os.close(writing)
    try:
        yield reading
    finally:
        os.close(reading)


@contextmanager
def _signals_later() -> Iterator[None]:
    """Have Python's handlers of signals that end a worker run after the block.

    One that raised while a process is being started would leave it behind, known to nobody.
    """
    came: list[int] = []
    before = {one: signal.signal(one, lambda number, _: came.append(number)) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for one in came:
        signal.raise_signal(one)


def _kill_session(julia: subprocess.Popen[str]) -> None:
    """End a process that still runs, and its children: Julia compiles packages in one."""
    if julia.poll() is None:
        os.killpg(julia.pid, signal.SIGKILL)
