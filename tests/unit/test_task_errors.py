"""Why a task has no value, in words that its author understands."""

from __future__ import annotations

import signal

import pytest
from taskq_worker import task_errors
from taskq_worker.slots.job import check_code

SEGFAULT = """
something the task printed

signal (11): Segmentation fault
in expression starting at task:3
unsafe_load at ./pointer.jl:105 [inlined]
f at ./task:2
unknown function (ip: 0x7f56)
jl_toplevel_eval_in at /usr/lib/libjulia.so.1 (unknown line)
evaluate at /site-packages/taskq_worker/julia/runner/evaluate.jl:147
__libc_start_main at /lib/x86_64-linux-gnu/libc.so.6 (unknown line)
Allocations: 12 (Pool: 10; Big: 2); GC: 13
"""


@pytest.mark.parametrize(("code", "call"), [(0, "exit()"), (3, "exit(3)")])
def test_an_exit_is_named_as_the_code_has_it(code: int, call: str) -> None:
    error = task_errors.died(code, "")

    assert error.name == "ProcessExited"
    assert f"called {call}," in error.message
    assert "a task ends by returning a value" in error.message


def test_a_crash_names_its_signal_and_keeps_the_tasks_frames() -> None:
    error = task_errors.died(-signal.SIGSEGV, SEGFAULT)

    assert error.name == "ProcessCrashed"
    assert "segmentation fault" in error.message
    assert "SIGSEGV, signal 11" in error.message
    assert error.line == 3
    assert error.stacktrace.splitlines() == [
        "signal (11): Segmentation fault",
        "in expression starting at task:3",
        "unsafe_load at ./pointer.jl:105 [inlined]",
        "f at ./task:2",
    ]


@pytest.mark.parametrize("said", ["signal (11)", "[4711] signal (11.1)", "[4711] signal 11 (1)", "[4711] signal 11"])
def test_a_crash_is_found_however_the_version_of_julia_words_it(said: str) -> None:
    error = task_errors.died(-signal.SIGSEGV, SEGFAULT.replace("signal (11)", said))

    assert error.line == 3
    assert error.stacktrace.splitlines()[0] == f"{said}: Segmentation fault"


@pytest.mark.parametrize("said", ["signal (2)", "[4711] signal (2.-6)", "[4711] signal 2 (-6)"])
def test_an_interrupt_is_no_exit_however_the_version_of_julia_words_it(said: str) -> None:
    assert task_errors.died(130, f"\n{said}: Interrupt\n").name == "InterruptException"


def test_a_signal_without_a_story_is_named_at_least() -> None:
    assert "SIGTERM, signal 15" in task_errors.died(-signal.SIGTERM, "").message
    assert "signal 64" in task_errors.died(-64, "").message


def test_a_kill_from_outside_points_at_memory_and_not_at_the_code() -> None:
    error = task_errors.died(-signal.SIGKILL, "")

    assert error.name == "ProcessKilled"
    assert "neither by taskq nor by a fault in the code" in error.message
    assert "ran out of memory" in error.message


@pytest.mark.parametrize(
    ("number", "said"),
    [(signal.SIGTERM, "signal (15): Terminated"), (signal.SIGTERM, "[12] signal 15: Terminated"),
     (signal.SIGQUIT, "signal (3): Quit"), (signal.SIGINT, "signal (2): Interrupt")],
)  # fmt: skip
def test_a_process_that_was_told_to_end_has_not_called_exit(number: signal.Signals, said: str) -> None:
    error = task_errors.died(128 + number, f"{said}\nin expression starting at task:2")

    assert "exit(" not in error.message
    assert f"told to end ({number.name}, signal {number.value}), and not by taskq" in error.message
    assert error.line == 2


def test_a_code_that_looks_like_a_signal_is_an_exit_where_julia_says_nothing_of_it() -> None:
    assert "called exit(143)," in task_errors.died(143, "signal (11): something").message


def test_a_stack_overflow_that_julia_could_not_catch_is_named_as_one() -> None:
    error = task_errors.died(-signal.SIGSEGV, "Warning: detected a stack overflow; program state may be corrupted")

    assert error.name == "StackOverflowError"


def test_a_julia_that_was_broken_from_inside_did_not_exit() -> None:
    error = task_errors.died(1, "fatal: error thrown and no exception handler available.\nlength at ./task:2\n")

    assert error.name == "ProcessCrashed"
    assert error.line == 2


def test_limits_are_said_in_human_units() -> None:
    assert "used 1.5 GiB of memory and its limit is 1 GiB" in task_errors.memory_exceeded(3 << 29, 1 << 30).message
    assert (
        "limit of 64 MiB is less than Julia itself needs, 290 MiB"
        in task_errors.memory_too_small(290 << 20, 64 << 20).message
    )
    assert "time limit of 0.5 s" in task_errors.timed_out(0.5).message


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (250 << 20, "250 MiB"),
        (5 << 40, "5 TiB"),
    ],
)
def test_sizes_read_well(size: int, text: str) -> None:
    assert task_errors.size_text(size) == text


@pytest.mark.parametrize("code", ["", " ", "\n\t \n"])
def test_empty_code_is_refused(code: str) -> None:
    error = check_code(code)

    assert error is not None
    assert error.name == "InvalidSource"
    assert "the code is empty" in error.message


def test_half_a_character_is_refused_with_its_line() -> None:
    error = check_code("x = 1\ny = '\ud83d'")

    assert error is not None
    assert error.name == "InvalidSource"
    assert error.line == 2
    assert "U+D83D" in error.message


def test_other_code_is_for_julia_to_judge() -> None:
    assert check_code("x = )\0é") is None
