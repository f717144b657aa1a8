"""What a task's failure says: name, message, line, and a trace that begins with its own lines."""

from __future__ import annotations

import re

import pytest
from julia_fixtures import Bench, bench

from taskq_kernel.domain import TaskKind

__all__ = ["bench"]

ERRORS = [
    ("x = 1\nsqrt(-1.0)", "DomainError", "with -1.0:\nsqrt was called with a negative real argument", 2),
    # From 1.12 on an error of its own, whose message has more to say.
    ("f(x) = x.a\n\nf(1)", "ErrorException|FieldError", "type Int64 has no field a", 1),
    ('error("my\\nown words")', "ErrorException", "my\nown words", 1),
    ("undefined_name", "UndefVarError", "undefined_name", 1),
    ("1\n2\nundefined_name + 1", "UndefVarError", "undefined_name", 3),
    ("[1, 2][3]", "BoundsError", "at index [3]", 1),
    ("struct MyError <: Exception; n; end\nthrow(MyError(3))", "MyError", "MyError(3)", 2),
    ("struct Said <: Exception end\nBase.showerror(io::IO, ::Said) = print(io, \"well said\")\nthrow(Said())",
     "Said", "well said", 3),
    ("throw(3)", "Int64", "3", 1),
    ("fetch(@async sqrt(-1.0))", "DomainError", "with -1.0", 1),
    ("@sync begin\n    @async error(\"first\")\n    @async error(\"second\")\nend", "ErrorException", "first", (1, 2)),
    ("using NoSuchPackage", "ArgumentError", "NoSuchPackage not found in current path", 1),
    ("throw(InterruptException())", "InterruptException", "the task was interrupted", 1),
    ("x = 1\nmodule M\nerror(\"inside\")\nend", "ErrorException", "inside", 3),
    ("macro oops()\n    error(\"at expansion\")\nend\n@oops", "ErrorException", "at expansion", 2),
    ("write(\"a.jl\", \"1\\n\\nerror(\\\"included\\\")\"); include(\"a.jl\")", "ErrorException", "included", 1),
]  # fmt: skip


@pytest.mark.parametrize(("code", "name", "message", "line"), ERRORS, ids=[code for code, *_ in ERRORS])
def test_an_error_has_its_name_its_message_and_its_line(
    bench: Bench, code: str, name: str, message: str, line: int
) -> None:
    error = bench.run(code).error

    assert error.name in name.split("|")
    # Julia 1.5 and 1.9 word the one in their own ways, and 1.12 marks names as code.
    said = error.message.replace("`", "")
    said = said.replace("sqrt will only return a complex result if called with a complex",
                        "sqrt was called with a negative real")  # fmt: skip
    assert message in said
    assert error.line in (line if isinstance(line, tuple) else (line,))
    assert not error.message.startswith(error.name + ":")


def test_a_package_that_is_not_there_names_the_command_that_adds_it(bench: Bench) -> None:
    error = bench.run("using NoSuchPackage").error

    assert error.message.endswith(
        "\n- Run `taskq julia add NoSuchPackage` where the worker runs, to put NoSuchPackage into the Julia project of "
        "its tasks."
    )
    assert "Pkg.add" not in error.message


SYNTAX = [
    ("x = 1\ny = )\nz = 2", r"^unexpected [\"`]\)[\"`] in line 3(, column 5)?: y = \)$", 2),
    ("x = 1\n\nfor i in 1:3\n  x\n", r"^the code ends too early: .* in line 4: for i in 1:3$", 3),
    ("x = 1\n# a loop\n#= of\nthree =# for i in 1:3\n  x\n", r"too early: .* in line 5: three =# for i in 1:3$", 4),
    ("x = 1\n# a call\nf(1,\n  x\n", r"too early.* in line 4: f\(1,$", 3),
    ("x = 1\n#= never\nclosed", r"too early.* in line 3: #= never$", 2),
    ('f(x) = "é"; x = 1.2.3',
     r"^invalid numeric constant( .1\.2\..)? in line 2(, column 17)?: f\(x\) = \"é\"; x = 1\.2\.3$", 1),
    ('y = "never closed', "", 1),
    ("a = 1\nb = 2\nfunction f(x)\n  x +* 2\nend", "", 4),
    ("1 \0 + 2", "", 1),
    ("x = (", "", 1),
]


@pytest.mark.parametrize(("code", "message", "line"), SYNTAX)
def test_code_that_does_not_parse_is_not_evaluated_at_all(bench: Bench, code: str, message: str, line: int) -> None:
    ran = bench.run('println("evaluated")\n' + code)

    assert ran.error.name == "ParseError"
    assert re.search(message, ran.error.message)
    assert ran.error.line == line + 1
    assert ran.report.retryable is False
    assert ran.output() == ""


def test_what_is_nested_too_deep_for_the_parser_is_not_its_log(bench: Bench) -> None:
    ran = bench.run("(" * 1000 + "1" + ")" * 1000)

    assert ran.value == 1
    assert ran.output() == ""


def test_what_is_nested_deep_and_does_not_parse_is_told_and_nothing_else(bench: Bench) -> None:
    ran = bench.run("x = 1\n" + "(" * 1000 + "1" + ")" * 999)

    assert ran.error.name == "ParseError"
    assert "the code ends too early" in ran.error.message
    assert ran.error.line == 2
    assert ran.output() == ""


def test_a_mistake_that_julia_sees_after_parsing_is_named_too(bench: Bench) -> None:
    ran = bench.run("x = 1\nbreak\n")

    assert ran.error.name == "SyntaxError"
    assert "break or continue outside loop" in ran.error.message
    assert ran.error.line == 2
    assert ran.report.retryable is False


def test_the_trace_begins_with_the_tasks_lines_and_hides_the_runners(bench: Bench) -> None:
    trace = bench.run(
        "inner(x) = sqrt(x)\nfunction outer(x)\n    y = inner(x)\n    y + 1\nend\n\nouter(-1.0)"
    ).error.stacktrace

    lines = trace.splitlines()
    assert lines[0] == "In the task's code, innermost first:"
    assert lines[1].startswith("  task:1  inner")
    assert lines[2] == "      inner(x) = sqrt(x)"
    assert lines[3].startswith("  task:3  outer")
    assert lines[5] == "  task:7  top-level scope"
    assert "Inside Julia and its packages, innermost first:" in lines
    assert "math.jl" in trace
    for hidden in ("taskq", "Taskq", "evaluate", "boot.jl", "loading.jl", "client.jl", "include"):
        assert hidden not in trace


def test_the_trace_through_an_included_file_hides_the_runners_frames(bench: Bench) -> None:
    trace = bench.run('write("part.jl", "1\\nerror(\\"in part\\")"); include("part.jl")').error.stacktrace

    assert "  part.jl:2  top-level scope" in trace.splitlines()
    for hidden in ("taskq_worker", "prelude.jl", "Includer", "include_string", "boot.jl"):
        assert hidden not in trace


def test_the_trace_of_a_call_begins_with_the_definitions_lines(bench: Bench) -> None:
    trace = bench.run("f(; n) = sqrt(n)", kind=TaskKind.CALL, arguments={"n": -1.0}).error.stacktrace

    assert trace.splitlines()[1].startswith("  definition:1  ")
    for hidden in ("taskq", "evaluate", "invokelatest"):
        assert hidden not in trace


def test_a_very_long_message_is_cut(bench: Bench) -> None:
    error = bench.run('error("é"^1_000_000)').error

    assert len(error.message) < 9000
    assert error.message.endswith("... (cut at 8 KiB)")


@pytest.mark.parametrize("body", ['error("no")', "throw(InterruptException())", "Base.showerror(io, e)"])
def test_a_showerror_that_fails_breaks_nothing(bench: Bench, body: str) -> None:
    error = bench.run(f"struct Bad <: Exception end\nBase.showerror(io::IO, e::Bad) = {body}\nthrow(Bad())").error

    assert error.name == "Bad"
    assert error.line == 3


def test_the_cause_of_an_error_in_a_catch_block_is_told(bench: Bench) -> None:
    error = bench.run('try\n    sqrt(-1.0)\ncatch\n    error("second")\nend').error

    assert error.message == "second"
    assert error.line == 4
    assert "caused by DomainError: with -1.0" in error.stacktrace


def test_an_error_message_that_is_not_utf8_can_be_read(bench: Bench) -> None:
    assert bench.run('error("a\\xffb")').error.message == "a\ufffdb"
