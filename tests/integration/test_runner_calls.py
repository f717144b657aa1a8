"""What Julia gets for arguments, and calls of a definition: which function it is, and what does not fit."""

from __future__ import annotations

from typing import Any

import pytest
from julia_fixtures import Bench, bench

from taskq_kernel.domain import TaskKind

__all__ = ["bench"]

ARGUMENTS: list[tuple[Any, str, str]] = [
    (3, "Int64", "3"),
    (2**70, "BigInt", "1180591620717411303424"),
    (0.5, "Float64", "0.5"),
    (True, "Bool", "true"),
    (None, "Nothing", "nothing"),
    ("é\"\\\n\t😀\u2028", "String", '"é\\"\\\\\\n\\t😀\\u2028"'),
    ("\ud800", "String", '"�"'),
    ([1, 2], "Vector{Int64}", "[1, 2]"),
    ([1, 2.5], "Vector{Float64}", "[1.0, 2.5]"),
    (["a"], "Vector{String}", '["a"]'),
    ([1, "a"], "Vector{Any}", 'Any[1, "a"]'),
    ([], "Vector{Any}", "Any[]"),
    ({"k": [1]}, "Dict{String,Any}", 'Dict{String,Any}("k" => [1])'),
    (float("nan"), "Float64", "NaN"),
    (float("-inf"), "Float64", "-Inf"),
    ({"$float": "Infinity"}, "Float64", "Inf"),
    ({"$complex": [1, 2.5]}, "Complex{Float64}", "1.0 + 2.5im"),
    ({"$rational": [1, 3]}, "Rational{Int64}", "1//3"),
    ({"$dict": [[1, "a"]]}, "Dict{Any,Any}", 'Dict{Any,Any}(1 => "a")'),
    ({"$complex": "odd"}, "Dict{String,Any}", 'Dict{String,Any}("$complex" => "odd")'),
]  # fmt: skip


@pytest.mark.parametrize(("argument", "type_name", "text"), ARGUMENTS, ids=[ascii(item[0]) for item in ARGUMENTS])
def test_arguments_arrive_as_julia_values(bench: Bench, argument: Any, type_name: str, text: str) -> None:
    ran = bench.run(f"(x isa {type_name}, repr(x))", arguments={"x": argument})

    assert ran.value[0] is True
    if "Dict" not in type_name:  # newer Julias print a blank after the comma
        assert ran.value[1].replace('\\"', '"') == text.replace('\\"', '"') or ran.value[1] == text


def test_arguments_are_variables_of_a_script(bench: Bench) -> None:
    ran = bench.run("n += 1; progress = 2; (n, progress, sum)", arguments={"n": 1, "sum": 5})

    assert ran.value == [2, 2, 5]


def test_what_json_cannot_hold_is_refused(bench: Bench) -> None:
    ran = bench.run("1", arguments={"x": object()})

    assert ran.error.name == "InvalidArguments"
    assert ran.report.retryable is False


def test_a_large_argument_and_a_large_source_arrive(bench: Bench) -> None:
    long = "é" * 500_000

    assert bench.run(f'length("{long}") + length(x)', arguments={"x": long}).value == 1_000_000


GAP = 'f(x) = x^2\n"what it does" gap(; n, beta = 0.5) = (f(n), beta)'


def test_a_call_passes_arguments_by_name(bench: Bench) -> None:
    ran = bench.run(GAP, kind=TaskKind.CALL, arguments={"n": 3})

    assert ran.value == [9, 0.5]


def test_a_call_may_name_its_function(bench: Bench) -> None:
    definition = "a() = 1\nfunction b(; x::Int = 2) where {}\n x\nend\nc = (; y) -> y\n"

    assert bench.run(definition, kind=TaskKind.CALL, entry="a").value == 1
    assert bench.run(definition, kind=TaskKind.CALL, entry="b", arguments={"x": 5}).value == 5
    assert bench.run(definition, kind=TaskKind.CALL, arguments={"y": 7}).value == 7


def test_arguments_named_by_digits_go_by_position(bench: Bench) -> None:
    definition = "f(a, b = 10; c = 100) = (a, b, c)"
    given = {"2": 2, "1": "one", "c": 3}

    assert bench.run(definition, kind=TaskKind.CALL, arguments=given).value == ["one", 2, 3]
    assert bench.run(definition, kind=TaskKind.CALL, arguments={"1": 1}).value == [1, 10, 100]


def test_the_function_that_a_definition_ends_with_is_its_entry(bench: Bench) -> None:
    assert bench.run("helper(x) = x + 1\nx -> 2helper(x)", kind=TaskKind.CALL, arguments={"1": 4}).value == 10
    assert bench.run("one() = 1\ntwo() = 2\none", kind=TaskKind.CALL).value == 1
    assert bench.run("one() = 1\nconst n = 3", kind=TaskKind.CALL).value == 1


def test_a_definition_is_evaluated_once_per_process(bench: Bench) -> None:
    definition = "const made = Ref(0)\nf() = (made[] += 1)"

    assert [bench.run(definition, kind=TaskKind.CALL).value for _ in range(3)] == [1, 2, 3]


CALL_ERRORS = [
    (GAP, None, {"n": 1, "betta": 2}, "MethodError", "gap has no argument named betta; it takes n, beta"),
    (
        GAP,
        None,
        {},
        "UndefKeywordError",
        "the function needs the argument n, which was not given; given: nothing",
    ),
    (GAP, None, {"beta": 1}, "UndefKeywordError", "needs the argument n, which was not given; given: beta"),
    (GAP, "gop", {}, "InvalidDefinition", "the definition has no function named gop; it defines f, gap"),
    ("x = 1", None, {}, "InvalidDefinition", "the definition defines no function"),
    ("f(n, m) = n", None, {"n": 1, "m": 2}, "MethodError", "f takes its arguments by position (n, m)"),
    ("f() = 1", None, {"n": 1}, "MethodError", "f has no argument named n; it takes none"),
    ("f(; n) = (", None, {"n": 1}, "ParseError", "the code ends too early"),
]


@pytest.mark.parametrize(("code", "entry", "arguments", "name", "message"), CALL_ERRORS)
def test_a_call_that_does_not_fit_says_what_does(
    bench: Bench, code: str, entry: str | None, arguments: dict[str, Any], name: str, message: str
) -> None:
    ran = bench.run(code, kind=TaskKind.CALL, entry=entry, arguments=arguments)

    assert ran.error.name == name
    assert message in ran.error.message
    assert ran.report.retryable is False


def test_any_argument_goes_where_a_function_takes_any(bench: Bench) -> None:
    ran = bench.run("f(; rest...) = sum(values(rest))", kind=TaskKind.CALL, arguments={"a": 1, "b": 2})

    assert ran.value == 3


def test_an_error_inside_a_call_is_the_codes_own(bench: Bench) -> None:
    ran = bench.run("g(x::String) = 1\nfunction f(; n)\n    y = g(n)\nend", kind=TaskKind.CALL, arguments={"n": 1})

    assert ran.error.name == "MethodError"
    assert "no method matching g(::Int64)" in ran.error.message
    assert ran.error.line == 3
    assert "definition:3" in ran.error.stacktrace
