"""Why a task has no value, said to a scientist: the errors that taskq makes itself."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence

from taskq_kernel.messages import ErrorInfo
from taskq_kernel.task_files import MAX_KEPT

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")

#: What is kept of the report that a dying Julia writes to stderr.
_TRACE_CHARACTERS = 6000

_SIGNALS = {
    signal.SIGSEGV: "a segmentation fault: it used memory that is not its own. That happens in unsafe_load, "
    "unsafe_store!, ccall, @inbounds with a wrong index, and in compiled libraries",
    signal.SIGBUS: "a bus error: a file that was mapped into memory became shorter, or the disk is full",
    signal.SIGABRT: "an abort: compiled code that the task called found an error and gave up",
    signal.SIGILL: "an illegal instruction: a library is built for another processor, or Julia reached code "
    "that it holds for unreachable",
    signal.SIGFPE: "an arithmetic error in compiled code",
}


def size_text(size_bytes: int) -> str:
    """A size as people read it: ``1.5 GiB``."""
    size, unit = float(size_bytes), 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size /= 1024
        unit += 1
    return f"{size:.0f} {_UNITS[unit]}" if unit == 0 or size >= 100 else f"{size:.3g} {_UNITS[unit]}"


def invalid_source(reason: str, line: int | None = None) -> ErrorInfo:
    """The code cannot be given to Julia at all."""
    return ErrorInfo(name="InvalidSource", message=reason, line=line)


def unreadable(reason: str) -> ErrorInfo:
    """The message that brought the task is not one that a worker reads."""
    return ErrorInfo(name="UnreadableTask", message=f"no worker can read this task: {reason}; submit it again")


def invalid_arguments(error: Exception) -> ErrorInfo:
    """The arguments cannot be given to Julia."""
    return ErrorInfo(name="InvalidArguments", message=f"the arguments cannot be written as JSON: {error}")


def value_missing(reason: str) -> ErrorInfo:
    """A value that stands for an argument cannot be had any more."""
    return ErrorInfo(name="ValueMissing", message=reason)


def outputs_too_large(files: Sequence[tuple[str, int]], kept: int, limit_bytes: int) -> ErrorInfo:
    """The files that the task wants to keep are more than are kept of one.

    Parameters
    ----------
    files : sequence of (str, int)
        Their names and sizes.
    kept : int
        How many are kept, the smallest.
    """
    largest = sorted(files, key=lambda file: -file[1])[:3]
    named = ", ".join(f"{name} ({size_text(size)})" for name, size in largest)
    return ErrorInfo(
        name="OutputsTooLarge",
        message=f"the {len(files)} files that it was to keep have {size_text(sum(size for _, size in files))}; of one "
        f"task {size_text(limit_bytes)} in {MAX_KEPT:,} files are kept at most. The largest are {named}. The {kept} "
        "smallest are kept: let its outputs name fewer, or have the service's setting max_files_bytes raised",
    )


def session_lost() -> ErrorInfo:
    """The process that has the session's module is gone."""
    return ErrorInfo(
        name="SessionLost",
        message="the Julia process of this session is gone, and what its cells defined with it; run them again",
    )


def session_left() -> ErrorInfo:
    """The worker that has the session's module stops."""
    return ErrorInfo(
        name="SessionLost",
        message="the worker of this session was stopped, and what its cells defined is gone; run them again",
    )


def project_failed(reason: str) -> ErrorInfo:
    """The task's project cannot be made ready here."""
    return ErrorInfo(name="ProjectFailed", message=f"{reason}\n(this is what came of preparing the task's project)")


def taken_away() -> ErrorInfo:
    """The service has taken the attempt away; nobody is told."""
    return ErrorInfo(name="Stopped", message="the task is no longer this worker's")


def timed_out(timeout_s: float) -> ErrorInfo:
    """The task took longer than it may."""
    return ErrorInfo(
        name="TimeoutExceeded",
        message=f"the task was stopped at its time limit of {timeout_s:g} s; give it more time or less to do",
    )


def show_timed_out(type_name: str, seconds: float, timeout_s: float) -> ErrorInfo:
    """The code is done, and its value does not become JSON."""
    return ErrorInfo(
        name="TimeoutExceeded",
        message=f"the code finished after {seconds:.3g} s, but reading its value, a {type_name}, took longer "
        f"than {timeout_s:g} s; return plain numbers, strings or arrays, or mend the type's show method",
    )


def memory_exceeded(used_bytes: int, limit_bytes: int) -> ErrorInfo:
    """The task used more memory than it may."""
    return ErrorInfo(
        name="MemoryLimitExceeded",
        message=f"the task used {size_text(used_bytes)} of memory and its limit is {size_text(limit_bytes)}; "
        "raise the limit, or work on smaller pieces",
    )


def memory_too_small(needed_bytes: int, limit_bytes: int) -> ErrorInfo:
    """Julia alone needs more memory than the task may use."""
    return ErrorInfo(
        name="MemoryLimitExceeded",
        message=f"the memory limit of {size_text(limit_bytes)} is less than Julia itself needs, "
        f"{size_text(needed_bytes)}; raise the limit",
    )


def exited(code: int) -> ErrorInfo:
    """The process left on its own."""
    call = "exit()" if code == 0 else f"exit({code})"
    return ErrorInfo(
        name="ProcessExited",
        message=f"the task's code called {call}, which ends the whole Julia process; a task ends by returning a value",
    )


def died(status: int, stderr: str) -> ErrorInfo:
    """The process is gone.

    Parameters
    ----------
    status : int
        Exit code, or minus the signal's number.
    stderr : str
        The end of what it wrote to standard error.
    """
    report, line = _crash_report(stderr)
    if status == 1 and "no exception handler available" in stderr:
        return ErrorInfo(
            name="ProcessCrashed",
            message="Julia itself failed, most likely because the task's code changed functions that Julia needs",
            stacktrace=report,
            line=line,
        )
    told = _told_to_end(status, stderr)
    if told is not None:
        return ErrorInfo(
            name="InterruptException" if told is signal.SIGINT else "ProcessKilled",
            message=f"the Julia process was told to end ({told.name}, signal {told.value}), and not by taskq: "
            "by a person, a program or the operating system; run the task again",
            line=line,
        )
    if status >= 0:
        return exited(status)
    if status == -signal.SIGSEGV and re.search(r"stack overflow|StackOverflow", stderr):
        return ErrorInfo(
            name="StackOverflowError",
            message="the functions call one another without end; check what stops the recursion",
            stacktrace=report,
            line=line,
        )
    if status == -signal.SIGKILL:
        return ErrorInfo(
            name="ProcessKilled",
            message="the Julia process was killed (signal 9), and neither by taskq nor by a fault in the code: most "
            "likely by the operating system, because the machine ran out of memory; give the task a memory limit, "
            "or work on smaller pieces",
            stacktrace=report,
            line=line,
        )
    number = signal.Signals(-status) if -status in {*signal.Signals} else None
    what = _SIGNALS.get(number) if number else None
    name = number.name if number else "a signal"
    message = f"the Julia process crashed with {what or name} ({name}, signal {-status})"
    return ErrorInfo(name="ProcessCrashed", message=message, stacktrace=report, line=line)


def broken_frames(reason: str) -> ErrorInfo:
    """The channel between Julia and the supervisor was disturbed."""
    return ErrorInfo(
        name="ProcessCrashed",
        message=f"the task disturbed the channel between Julia and taskq ({reason}); its code must not use "
        "file descriptors that it has not opened",
    )


def worker_stops() -> ErrorInfo:
    """The worker ends before the task does."""
    return ErrorInfo(name="Stopped", message="the worker that ran the task was stopped")


def failed_here(error: Exception) -> ErrorInfo:
    """The worker could not run the task to its end."""
    said = f"{error.strerror}: {error.filename}" if isinstance(error, OSError) and error.filename else str(error)
    return ErrorInfo(
        name="WorkerError",
        message=f"the worker could not run the task: {said or type(error).__name__}; its log has more",
    )


def cannot_start(reason: str) -> ErrorInfo:
    """There is no Julia process to run the task in."""
    return ErrorInfo(name="ProcessCrashed", message=f"Julia could not be started again: {reason}")


def _told_to_end(status: int, stderr: str) -> signal.Signals | None:
    """The signal at which Julia has exited by itself: it says so, and exits with 128 and the signal's number."""
    number = status - 128
    if number not in {*signal.Signals} or not re.search(rf"signal \(?{number}\)?\b", stderr):
        return None
    return signal.Signals(number)


_CRASH = re.compile(r"^(?:\[\d+\] )?signal \(?\d+|^fatal: error thrown", re.MULTILINE)
_NOISE = re.compile(r"taskq_worker|^unknown function|^jl_|libjulia|libc\.so|^_start|client\.jl|^Allocations:")


def _crash_report(stderr: str) -> tuple[str, int | None]:
    """What Julia says when a signal ends it, and the line of the task it was at."""
    start = _CRASH.search(stderr)
    if start is None:
        return "", None
    lines = [line for line in stderr[start.start() :].splitlines() if line.strip() and not _NOISE.search(line)]
    report = "\n".join(lines)[:_TRACE_CHARACTERS]
    found = re.search(r"(?:\./| )(?:task|definition):(\d+)", report)
    return report, int(found[1]) if found else None
