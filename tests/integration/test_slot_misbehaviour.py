"""User code cannot take the supervisor down, and the next task in the slot works.

Each of these leaves its slot with a Julia that is gone or not to be trusted; `misbehave`
checks the slot with an ordinary task before it gives it the next bad one.
"""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import pytest
from julia_fixtures import PATIENCE_S, Bench, Ran, slots
from stacks import eventually

from taskq_kernel.domain import TaskKind, ValueKind
from taskq_kernel.messages import ErrorInfo

__all__ = ["slots"]


def processes_with(mark: str) -> list[int]:
    """The processes whose command line has this mark."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if mark.encode() in command:
                found.append(int(entry.name))
    return found


# -- the process ends --------------------------------------------------------------------

DEATHS = [
    ("exit()", "ProcessExited", "the task's code called exit(), which ends the whole Julia process"),
    ("ccall(:abort, Cvoid, ())", "ProcessCrashed", "SIGABRT, signal 6"),
]


@pytest.mark.parametrize(("code", "name", "message"), DEATHS, ids=[code for code, *_ in DEATHS])
def test_a_task_that_ends_its_process_fails_with_the_reason(slots: Bench, code: str, name: str, message: str) -> None:
    ran = slots.misbehave(code)

    assert ran.error.name == name
    assert message in ran.error.message
    assert ran.report.retryable is True
    assert ran.report.peak_memory_bytes > 0


def test_reading_a_null_pointer_is_named_with_the_tasks_line(slots: Bench) -> None:
    error = slots.misbehave("x = 1\nunsafe_load(Ptr{Int}(0))").error

    assert error.name == "ProcessCrashed"
    assert "segmentation fault" in error.message
    assert error.line == 2
    assert re.search(r"signal \(?11\b", error.stacktrace)  # (11), (11.1) or 11 (1), as the version has it
    assert "taskq_worker" not in error.stacktrace


def test_what_was_printed_before_the_end_is_there(slots: Bench) -> None:
    ran = slots.misbehave(
        'atexit(() -> error("no")); atexit(() -> println("hook")); print("x"^100_000)\n'
        'ccall(:puts, Cint, (Cstring,), "from C"); println(stderr, "last"); exit(3)'
    )

    assert "called exit(3)," in ran.error.message
    # C's buffer is written out before or after Julia's hooks run, as the host of Julia has it.
    printed, rest = ran.output("stdout").count("x"), ran.output("stdout").replace("x", "")
    assert printed == 100_000
    assert sorted(rest.splitlines()) == ["from C", "hook"]
    assert ran.output("stderr").startswith("last\n")


# -- limits ------------------------------------------------------------------------------


def test_a_loop_without_end_is_stopped_at_the_time_limit(slots: Bench) -> None:
    ran = slots.misbehave("while true end", timeout_s=0.5)

    assert ran.error.name == "TimeoutExceeded"
    assert "time limit of 0.5 s" in ran.error.message
    assert 0.5 <= ran.report.seconds < 5


def test_a_value_whose_show_never_ends_is_given_up(slots: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    slot = slots.take_turn()
    monkeypatch.setattr(slot, "_show_timeout_s", 1.0)
    ran = slots.begin("struct S end\nBase.show(io::IO, ::S) = while true end\nS()", slot=slot).result(PATIENCE_S)

    assert ran.error.name == "TimeoutExceeded"
    assert "reading its value, a S, took longer than 1 s" in ran.error.message


def test_memory_is_limited_on_what_is_resident(slots: Bench) -> None:
    ran = slots.misbehave(
        "a = Vector{UInt8}[]\nwhile true\n    push!(a, ones(UInt8, 10^7))\nend", memory_limit_bytes=900 << 20
    )

    assert ran.error.name == "MemoryLimitExceeded"
    assert "of memory and its limit is 900 MiB; raise the limit" in ran.error.message
    assert 900 << 20 < ran.report.peak_memory_bytes < 2 << 30


def test_memory_that_is_only_reserved_does_not_count(slots: Bench) -> None:
    ran = slots.misbehave("x = Vector{UInt8}(undef, 8 << 30); length(x)", memory_limit_bytes=900 << 20)

    assert ran.value == 8 << 30


def test_the_memory_of_programs_that_a_task_starts_counts(slots: Bench) -> None:
    ran = slots.misbehave("run(`perl -e 'my $x = \"x\" x 1_000_000_000; sleep 60'`)", memory_limit_bytes=900 << 20)

    assert ran.error.name == "MemoryLimitExceeded"


def test_a_limit_that_julia_alone_exceeds_says_so(slots: Bench) -> None:
    ran = slots.misbehave("1", memory_limit_bytes=64 << 20)

    assert ran.error.name == "MemoryLimitExceeded"
    assert "the memory limit of 64 MiB is less than Julia itself needs" in ran.error.message
    assert ran.report.retryable is False


def test_memory_that_was_asked_for_but_is_not_there_is_julias_error(slots: Bench) -> None:
    error = slots.misbehave("zeros(10^15)").error

    assert error.name == "OutOfMemoryError"
    assert "more memory than the machine has" in error.message


def test_a_recursion_without_end_is_julias_error_with_a_short_trace(slots: Bench) -> None:
    error = slots.misbehave("f(x) = f(x + 1) + 1\n\nf(1)").error

    assert error.name == "StackOverflowError"
    assert "call one another without end" in error.message
    assert error.line == 1
    assert len(error.stacktrace.splitlines()) < 20


def test_a_flood_of_output_is_cut_and_harms_nobody(slots: Bench) -> None:
    ran = slots.misbehave('line = "x"^999 * "\\n"\nfor i in 1:100_000; write(stdout, line); end; println("the end"); 1')

    assert ran.value == 1
    text = ran.output()
    assert len(text) < (1 << 20) + 200
    assert "bytes of output are left out here]" in text
    assert text.endswith("the end\n")


def test_standard_input_is_empty(slots: Bench) -> None:
    assert slots.misbehave("(readline(), read(stdin, String), eof(stdin))").value == ["", "", True]


# -- what is left behind -----------------------------------------------------------------

BACKGROUND = [
    "run(`sh -c '(cd /; env -i setsid sh -c \"setsid sleep MARK & setsid sleep MARK\" >/dev/null 2>&1 &) &'`);"
    " sleep(0.2); 1",
    "run(`sleep MARK`, wait=false); 1",
    "run(`sh -c 'trap \"\" TERM HUP; sleep MARK & sleep MARK & wait'`, wait=false); sleep(0.1); exit()",
    "run(`sh -c '(cd /; env -i setsid sleep MARK >/dev/null 2>&1 </dev/null &) &'`); sleep(0.3);"
    " ccall(:abort, Cvoid, ())",
    "run(`sh -c '(env -i setsid sleep MARK >/dev/null 2>&1 </dev/null &) &'`); sleep(0.2); while true end",
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(BACKGROUND)), ids=BACKGROUND)
def test_no_process_outlives_its_task(slots: Bench, number: int) -> None:
    mark = str(100_000 + 1000 * number + os.getpid() % 1000)

    slots.misbehave(BACKGROUND[number].replace("MARK", mark), timeout_s=2.0 if "while" in BACKGROUND[number] else None)

    eventually(lambda: not processes_with(f"sleep\0{mark}"), f"the end of {BACKGROUND[number]}", timeout_s=3)


def test_a_fork_of_julia_itself_does_no_harm(slots: Bench) -> None:
    ran = slots.misbehave('pid = ccall(:fork, Cint, ()); pid == 0 ? "child" : (sleep(0.3); "parent")')

    assert ran.value == "parent"


LEFT = [
    "@async (sleep(0.1); exit()); 1",
    "Timer(t -> exit(), 0.1, interval=0.1); 1",
    'redirect_stdout(open("x", "w")); 1',
    "ccall(:close, Cint, (Cint,), 1); 1",
]


@pytest.mark.parametrize("code", LEFT)
def test_what_a_task_leaves_running_or_open_is_gone_with_its_process(slots: Bench, code: str) -> None:
    assert slots.misbehave(code, replaced=True).value == 1


PIRATES = [
    'Base.show(io::IO, x::Int) = print(io, "no")',
    'Base.write(io::IOBuffer, x::UInt8) = error("no")\nBase.print(io::IO, x::Int) = error("no")\n'
    'Base.isvalid(x::String) = error("no")\nBase.string(x...) = error("no")',
]


@pytest.mark.parametrize("code", PIRATES)
def test_redefining_what_belongs_to_julia_ends_with_the_task(slots: Bench, code: str) -> None:
    ran = slots.misbehave(f"{code}\n[1, 2]", replaced=True)

    assert ran.info.kind is ValueKind.JSON
    assert ran.value == [1, 2]


def test_breaking_julia_from_inside_is_not_taken_for_an_exit(slots: Bench) -> None:
    ran = slots.misbehave('Base.length(x::Array) = error("no")\n[1.5]', replaced=True)

    # From 1.12 on, nothing of the runner asks the method that the task has broken.
    if ran.report.error is None:
        assert ran.value == [1.5]
    else:
        assert ran.error.name in ("ProcessCrashed", "ErrorException")


# -- the channel -------------------------------------------------------------------------

FRAMES = "Main.TaskqRunner.RUNNING.wire.frames"


def writing(data: str, fds: str = FRAMES) -> str:
    """Julia code that writes bytes to file descriptors."""
    return (
        f"d = {data}\nfor fd in {fds}; ccall(:write, Cssize_t, (Cint, Ptr{{UInt8}}, Csize_t), fd, d, sizeof(d)); end; 1"
    )


CHANNEL = [
    ("for fd in 3:40; ccall(:close, Cint, (Cint,), fd); end; 1", "it closed its pipe"),
    (writing('"garbage, garbage"', "3:40"), "bytes that are no frame"),
    (writing("UInt8[0x54, 0x51, 0x14, 0, 2, 0, 0, 0, 0x7b, 0x7d]"), "type 0x14 that cannot be read"),
    (writing("UInt8[0x54, 0x51, 0x14, 0, 0xff, 0xff, 0xff, 0x7f]"), "a frame of 2147483647 bytes"),
    (writing("vcat(0x00, rand(UInt8, 5000))") + '; println("x"^70_000); println(stderr, "y")', "are no frame"),
]


@pytest.mark.parametrize(("code", "message"), CHANNEL, ids=[message for _, message in CHANNEL])
def test_disturbing_the_channel_fails_the_task_only(slots: Bench, code: str, message: str) -> None:
    error = slots.misbehave(code).error

    assert error.name == "ProcessCrashed"
    assert "disturbed the channel between Julia and taskq" in error.message
    assert message in error.message


def test_half_a_frame_is_noticed_when_its_rest_does_not_come(slots: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taskq_worker.slots.process._FRAME_PATIENCE_S", 0.5)

    error = slots.misbehave(writing("UInt8[0x54, 0x51, 0x14, 0, 0xff, 0xff, 0, 0]")).error

    assert "it sent part of a frame" in error.message


def test_a_task_that_was_not_taken_up_goes_to_another_process(slots: Bench) -> None:
    slot = slots.take_turn()
    pid = slot.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    future = slots.begin("6 * 7", slot=slot)
    time.sleep(0.2)  # it is in the pipe of a process that will never read it

    os.kill(pid, signal.SIGKILL)

    assert future.result(PATIENCE_S).value == 42


def test_closing_the_requests_fails_no_other_task(slots: Bench) -> None:
    ran = slots.misbehave("ccall(:close, Cint, (Cint,), Main.TaskqRunner.RUNNING.wire.requests); 1")

    assert ran.value == 1


def test_a_process_killed_between_two_tasks_is_replaced_unnoticed(slots: Bench) -> None:
    slot = slots.take_turn()
    pid = slot.pid
    assert pid is not None

    os.kill(pid, 9)
    eventually(lambda: slot.pid not in (None, pid), "another Julia", timeout_s=60)

    assert slots.begin("6 * 7", slot=slot).result(PATIENCE_S).value == 42


# -- sources -----------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["", " \n\t"])
def test_an_empty_source_is_refused(slots: Bench, code: str) -> None:
    ran = slots.misbehave(code)

    assert ran.error.name == "InvalidSource"
    assert ran.report.retryable is False


def test_a_source_with_a_lone_surrogate_is_refused_with_its_line(slots: Bench) -> None:
    assert slots.misbehave('x = 1\ny = "\udcff"').error.line == 2


def test_a_source_of_a_megabyte_runs(slots: Bench) -> None:
    code = "x = 0\n" + 'x = "' + "é" * 500_000 + '"\n' + "# comment\n" * 5000 + "length(x)"

    assert slots.misbehave(code).value == 500_000


def test_a_source_that_is_deeply_nested_does_no_harm(slots: Bench) -> None:
    ran = slots.misbehave("(" * 20_000 + "1" + ")" * 20_000)

    assert ran.report.error is None or ran.error.name in ("ParseError", "StackOverflowError", "ProcessCrashed")


# -- stopping ----------------------------------------------------------------------------


def test_a_task_can_be_stopped_and_has_ended_when_its_run_returns(slots: Bench) -> None:
    slot = slots.take_turn()
    ran = Ran(report=None)  # type: ignore[arg-type]  # nothing has been reported yet
    future = slots.begin('println("up"); while true end', slot=slot, ran=ran, timeout_s=60.0)
    eventually(lambda: "up" in ran.output(), "the task's beginning", timeout_s=30)
    pid = slot.pid
    began = time.monotonic()

    slots.wait(slot.stop_task(ErrorInfo(name="Cancelled", message="by its owner")))
    future.result(30)

    assert ran.error.name == "Cancelled"
    assert time.monotonic() - began < 5
    assert not Path(f"/proc/{pid}").exists()


def test_stopping_where_nothing_runs_does_nothing(slots: Bench) -> None:
    slots.wait(slots.slot.stop_task(ErrorInfo(name="Cancelled", message="by its owner")))

    assert slots.run("6 * 7").value == 42


def test_a_definition_that_changes_julia_serves_its_own_calls_only(slots: Bench) -> None:
    definition = "Base.sin(x::String) = 1\nconst made = Ref(0)\nf() = (made[] += 1)"
    slot = slots.take_turn()

    first = [slots.begin(definition, slot=slot, kind=TaskKind.CALL).result(PATIENCE_S).value for _ in range(3)]
    pid = slot.pid
    other = slots.begin('try; sin("x"); catch e; string(typeof(e)); end', slot=slot).result(PATIENCE_S)

    assert first == [1, 2, 3]
    assert other.value == "MethodError"
    assert slot.pid != pid
