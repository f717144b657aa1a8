"""What becomes of a task's value: JSON, a table, a picture, or text that says so."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from julia_fixtures import Bench, bench

from taskq_kernel.domain import ValueKind

__all__ = ["bench"]

BIG = 2**200
DICT = {"$dict": [["$a", 1]]}

AS_JSON: list[tuple[str, Any]] = [
    # numbers
    ("55", 55),
    ("-0.0", -0.0),
    ("true", True),
    ("typemin(Int64)", -(2**63)),
    ("typemax(UInt64)", 2**64 - 1),
    ("0x0f", 15),
    ("typemax(Int128)", 2**127 - 1),
    ("big(2)^200", BIG),
    ("0.1f0", 0.1),
    ("Float16(0.1)", 0.1),
    ("1e-7", 1e-7),
    ("1f10", 1e10),
    ("NaN", {"$float": "NaN"}),
    ("Inf32", {"$float": "Infinity"}),
    ("[1.0, -Inf, NaN]", [1.0, {"$float": "-Infinity"}, {"$float": "NaN"}]),
    ("big(1.5)", 1.5),
    ("big(NaN)", {"$float": "NaN"}),
    ("pi", 3.141592653589793),
    ("1 // 3", {"$rational": [1, 3]}),
    ("1 + 2im", {"$complex": [1, 2]}),
    ("[1.5im]", [{"$complex": [0.0, 1.5]}]),
    ("(1//2)im", {"$complex": [{"$rational": [0, 1]}, {"$rational": [1, 2]}]}),
    # nothing and texts
    ("nothing", None),
    ("missing", None),
    ("[1, missing, 3]", [1, None, 3]),
    ("[[missing], [nothing]]", [[None], [None]]),
    ('"é😀\\n\\"\\\\"', 'é😀\n"\\'),
    ('"a\\0b\\x7f"', "a\0b\x7f"),
    ("'λ'", "λ"),
    (":name", "name"),
    ('SubString("hello", 2, 3)', "el"),
    ('v"1.2.3"', "1.2.3"),
    ("using Dates; [Date(2024, 2, 29), DateTime(2024, 1, 2, 3, 4, 5), Time(1, 2)]",
     ["2024-02-29", "2024-01-02T03:04:05", "01:02:00"]),
    ("@enum Fruit apple=1 pear; pear", "pear"),
    ("@enum Fruit2 fig=1; Dict(:a => fig, :b => [fig])", {"a": "fig", "b": ["fig"]}),
    # containers
    ("[1, 2]", [1, 2]),
    ("Float64[]", []),
    ("()", []),
    ("(1, \"a\", nothing)", [1, "a", None]),
    ("1:3", [1, 2, 3]),
    ("0:0.5:1", [0.0, 0.5, 1.0]),
    ("Set([7])", [7]),
    ("trues(2)", [True, True]),
    ("view([1, 2, 3], 2:3)", [2, 3]),
    ("[1 2; 3 4]'", [[1, 3], [2, 4]]),
    ("[1 2; 3 4]", [[1, 2], [3, 4]]),
    ("fill(3)", 3),
    ("reshape(1:12, 2, 3, 2)", [[[1, 7], [3, 9], [5, 11]], [[2, 8], [4, 10], [6, 12]]]),
    ("using LinearAlgebra; Diagonal([1, 2])", [[1, 0], [0, 2]]),
    ("using SparseArrays; sparse([1, 2], [1, 2], [3.0, 4.0])", [[3.0, 0.0], [0.0, 4.0]]),
    ("Any[1, [2, Any[3]]]", [1, [2, [3]]]),
    ("Union{Int,String}[1, \"b\"]", [1, "b"]),
    ("1 => 2", [1, 2]),
    ("(a = 1, b = (c = [1, 2],))", {"a": 1, "b": {"c": [1, 2]}}),
    ("Dict(\"x\" => 1)", {"x": 1}),
    ("Dict{Any,Any}(1 => \"a\")", {"1": "a"}),
    ("Dict((1, 2) => 3)", {"(1, 2)": 3}),
    ("Dict(1 => 1, \"1\" => 1)[1]", 1),
    ("Dict(\"\\$a\" => 1)", DICT),
    ("Dict(:a => Dict())", {"a": {}}),
    ("UInt8[1, 255]", [1, 255]),
]  # fmt: skip


@pytest.mark.parametrize(("code", "value"), AS_JSON, ids=[code for code, _ in AS_JSON])
def test_a_value_becomes_json(bench: Bench, code: str, value: Any) -> None:
    ran = bench.run(code)

    assert ran.info.kind is ValueKind.JSON
    assert ran.value == value
    assert str(ran.value) == str(value)  # -0.0, True and 1.0 are equal to others
    assert ran.info.note == ""
    assert ran.info.size == len(bytes(ran.info.data))


def test_big_floats_keep_all_their_digits(bench: Bench) -> None:
    data = bytes(bench.run("big(2)^0.5 |> BigFloat; sqrt(big(2))").info.data).decode()

    assert data.startswith("1.41421356237309504880168872420969807856967187537694807317667973799")


def test_keys_of_several_kinds_keep_their_kind(bench: Bench) -> None:
    value = bench.run('Dict{Any,Any}(1 => "a", "1" => "b")').value

    assert sorted(value["$dict"], key=str) == [["1", "b"], [1, "a"]]


TABLES: list[tuple[str, dict[str, list[Any]]]] = [
    ("(x = [1, 2], y = [\"a\", \"b\"])", {"x": [1, 2], "y": ["a", "b"]}),
    ("(b = 1:2, a = [0.5, NaN])", {"b": [1, 2], "a": [0.5, {"$float": "NaN"}]}),
    ("Dict(\"y\" => [1.0], \"x\" => [\"a\"])", {"x": ["a"], "y": [1.0]}),
    ("Dict(:n => [1, missing])", {"n": [1, None]}),
    ("[(x = i, y = i^2) for i in 1:3]", {"x": [1, 2, 3], "y": [1, 4, 9]}),
    ("[(x = 1, y = \"a\"), (x = 2.5, y = nothing)]", {"x": [1, 2.5], "y": ["a", None]}),
    ("(x = Int[],)", {"x": []}),
    ("filter(row -> row.x > 9, [(x = i, y = i^2) for i in 1:3])", {"x": [], "y": []}),
    ("NamedTuple{(:b, :a)}[]", {"b": [], "a": []}),
    ("NamedTuple{(:n,),Tuple{Union{Missing,Int}}}[]", {"n": []}),
    ("Dict(:n => Float64[])", {"n": []}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "columns"), TABLES, ids=[code for code, _ in TABLES])
def test_columns_of_equal_length_are_a_table(bench: Bench, code: str, columns: dict[str, list[Any]]) -> None:
    ran = bench.run(code)

    assert ran.info.kind is ValueKind.TABLE
    assert ran.value["columns"] == columns
    assert list(ran.value["columns"]) == list(columns)


def test_a_table_names_the_types_that_its_json_does_not_tell(bench: Bench) -> None:
    ran = bench.run("""
        using Dates
        (a = [1, 2], b = UInt8[1, 2], c = [1, missing], d = [Date(2026, 1, 2), Date(2026, 1, 3)], e = ["x", "y"],
         f = [:x, :y], g = Union{Missing,String}["x", missing], h = Any[1, "a"])
    """)
    assert ran.value["types"] == {
        "b": "UInt8", "c": "Union{Missing, Int64}", "d": "Date", "g": "Union{Missing, String}",
    }  # fmt: skip
    assert bench.run("[(n = Float32(1), d = 1), (n = Float32(2), d = missing)]").value["types"] == {
        "n": "Float32", "d": "Union{Missing, Int64}",
    }  # fmt: skip
    assert bench.run("(a = Int[], b = Float64[])").value["types"] == {"a": "Int64", "b": "Float64"}
    assert "types" not in bench.run("(a = [1], b = [2.5], c = [true], d = [\"x\"])").value


NO_TABLES = [
    "(x = [1], y = [1, 2])", "(x = [1], y = 2)", "NamedTuple()", "Dict(1 => [1])", "NamedTuple[]", "Any[]", "Union{}[]",
    "NamedTuple{(),Tuple{}}[]", "Union{Missing,NamedTuple{(:a,),Tuple{Int}}}[]",
]  # fmt: skip


@pytest.mark.parametrize("code", NO_TABLES)
def test_what_is_not_quite_a_table_is_json(bench: Bench, code: str) -> None:
    assert bench.run(code).info.kind is ValueKind.JSON


def test_whatever_tables_jl_knows_is_a_table(bench: Bench) -> None:
    """With the package where it is loaded, else with one that has its identity and the two functions needed.

    Another package of that name, beside it, is not asked.
    """
    ran = bench.run(
        """
        mkpath("Tables/src")
        write("Tables/Project.toml", "name = \\"Tables\\"\\nuuid = \\"bd369af6-aec1-5ad0-b16a-f7cc5008161c\\"\\n")
        write("Tables/src/Tables.jl",
              "__precompile__(false); module Tables; istable(x) = false; function columntable end; end")
        mkpath("other/Tables/src")
        write("other/Tables/src/Tables.jl", "__precompile__(false); module Tables; istable(x) = error(); end")
        pushfirst!(LOAD_PATH, joinpath(pwd(), "other"))
        Base.require(Base.PkgId("Tables"))
        LOAD_PATH[1] = pwd()
        using Tables
        struct Frame; frame; end
        Tables.istable(::Frame) = true
        Tables.columntable(f::Frame) = f.frame
        Frame((a = [1, 2], b = ["x", "y"]))
        """
    )

    assert ran.info.kind is ValueKind.TABLE
    assert ran.value == {"columns": {"a": [1, 2], "b": ["x", "y"]}}


PICTURE = """
struct Plot end
Base.show(io::IO, ::MIME"image/png", ::Plot) = write(io, UInt8[0x89, 0x50, 0x00, 0xff])
Base.show(io::IO, ::MIME"image/svg+xml", ::Plot) = print(io, "<svg>é</svg>")
Base.show(io::IO, ::Plot) = print(io, "a plot")
"""


def test_what_shows_itself_as_a_picture_is_a_mime_bundle(bench: Bench) -> None:
    ran = bench.run(PICTURE + "Plot()")

    assert ran.info.kind is ValueKind.MIME
    assert base64.b64decode(ran.value.pop("image/png")) == b"\x89P\x00\xff"
    assert ran.value.pop("image/svg+xml") == "<svg>é</svg>"
    assert ran.value["text/plain"] == "a plot"
    assert ran.info.text == "a plot"
    assert ran.info.type == "Plot"


def test_html_is_a_mime_bundle(bench: Bench) -> None:
    assert bench.run('HTML("<b>x</b>")').value["text/html"] == "<b>x</b>"


def test_a_picture_that_is_too_large_is_left_out_and_said(bench: Bench) -> None:
    ran = bench.run(PICTURE + 'Base.show(io::IO, ::MIME"image/svg+xml", ::Plot) = print(io, "x"^2_000_000)\nPlot()')

    assert set(ran.value) == {"image/png", "text/plain"}
    assert "image/svg+xml is larger than 1 MiB" in ran.info.note


def test_of_a_value_whose_only_picture_is_too_large_that_is_said(bench: Bench) -> None:
    ran = bench.run('struct Wide end\nBase.show(io::IO, ::MIME"text/html", ::Wide) = print(io, "x"^2_000_000)\nWide()')

    assert ran.info.kind is ValueKind.REPR
    assert ran.info.note == "Its form as text/html is larger than 1 MiB and was left out."


def test_an_array_of_pictures_elements_can_be_a_picture(bench: Bench) -> None:
    """As a matrix of colours is an image."""
    ran = bench.run(
        'struct Gray; v; end\nBase.show(io::IO, ::MIME"image/png", ::Matrix{Gray}) = write(io, 0x01)\n[Gray(1) Gray(2)]'
    )

    assert ran.info.kind is ValueKind.MIME


AS_TEXT = [
    ("sin", "sin", "generic function"),
    ("Base", "Base", "Base"),
    ("Int", "Int64", "Int64"),
    ("struct P; x; y; end; P(1, [2])", "P(1, [2])", "P(1, [2])"),
    ("[sin, cos][1:2]", "sin", "sin"),
    ("Ptr{Int}(16)", "0x0000000000000010", "Ptr{Int64}"),
    ("@task 1", "Task", "Task"),
    ("Ref(3)", "3", "3"),
    ("(x for x in 1:3)", "Generator", "Generator"),
    ('ErrorException("oh")', "oh", "oh"),
    ("a = Any[1]; push!(a, a); a", "1", "circular"),
    ("d = Dict{Any,Any}(); d[1] = d; d", "1", "circular"),
    ("x = 1; for i in 1:200; global x = Any[x]; end; x", "[", "["),
]


@pytest.mark.parametrize(("code", "text", "full"), AS_TEXT, ids=[code for code, _, _ in AS_TEXT])
def test_what_nothing_else_fits_is_text_and_says_so(bench: Bench, code: str, text: str, full: str) -> None:
    ran = bench.run(code)

    assert ran.info.kind is ValueKind.REPR
    assert full in ran.value["repr"]
    assert "contains itself" in ran.info.note or full != "circular"
    assert text in ran.info.text
    assert "shown as text" in ran.info.note


def test_an_odd_value_inside_a_container_becomes_text_and_is_named(bench: Bench) -> None:
    ran = bench.run("struct Model; k; end; (loss = 0.5, model = Model(3), f = [sin])")

    assert ran.info.kind is ValueKind.JSON
    assert ran.value == {"loss": 0.5, "model": "Model(3)", "f": ["sin"]}
    assert ran.info.note == "Values of type Model, typeof(sin) inside are given as text."


def test_undefined_entries_are_null_and_said(bench: Bench) -> None:
    ran = bench.run('a = Vector{String}(undef, 2); a[1] = "x"; a')

    assert ran.value == ["x", None]
    assert ran.info.note == "Undefined entries are given as null."


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ('"a\\xffb"', "a\ufffdb"),
        ("reinterpret(Char, 0xff000000)", "\ufffd"),
        ('"\\xed\\xa0\\x80"', "\ufffd"),
        ('Dict("\\xff" => 1)', {"\ufffd": 1}),
        ('Symbol("\\xff")', "\ufffd"),
    ],
)
def test_what_is_not_utf8_is_replaced_and_said(bench: Bench, code: str, value: Any) -> None:
    ran = bench.run(code)

    assert ran.value == value
    assert "not valid UTF-8" in ran.info.note


@pytest.mark.parametrize(
    "code", ["fill(big(1), 600_000)", '"x"^1_100_000', "1:big(10)^12", "Dict(i => i for i in 1:100_000)"]
)
def test_a_value_over_the_limit_becomes_text_and_says_what_to_do(bench: Bench, code: str) -> None:
    ran = bench.run(code)

    assert ran.info.kind is ValueKind.REPR
    assert "longer than 1 MiB" in ran.info.note
    assert "write it to a file" in ran.info.note
    assert len(bytes(ran.info.data)) < 100_000


def test_a_value_just_under_the_limit_comes_whole(bench: Bench) -> None:
    assert bench.run("collect(1:100_000)").value == list(range(1, 100_001))


BROKEN = [
    'Base.show(io::IO, ::Odd) = error("no show")',
    "Base.show(io::IO, x::Odd) = show(io, x)",
    "Base.show(io::IO, ::Odd) = throw(InterruptException())",
    'Base.showable(::MIME, ::Odd) = error("no")',
    'Base.show(io::IO, ::MIME"text/html", ::Odd) = error("no html")',
]


@pytest.mark.parametrize("method", BROKEN)
def test_a_show_method_that_fails_breaks_nothing(bench: Bench, method: str) -> None:
    ran = bench.run(f"struct Odd end\n{method}\nOdd()")

    assert ran.info.kind is ValueKind.REPR
    assert "Odd" in ran.info.text


@pytest.mark.parametrize(
    "methods",
    [
        'Base.size(::V) = error("no size")',
        'Base.size(::V) = (3,); Base.getindex(::V, i::Int) = error("no element")',
        "Base.size(::V) = (10^15,); Base.getindex(::V, i::Int) = i",
    ],
)
def test_an_array_type_that_does_not_work_breaks_nothing(bench: Bench, methods: str) -> None:
    ran = bench.run(f"struct V <: AbstractVector{{Int}} end\n{methods}\nV()")

    assert ran.info.kind is ValueKind.REPR


def test_an_array_type_that_works_becomes_json(bench: Bench) -> None:
    ran = bench.run(
        "struct Squares <: AbstractVector{Int}; n::Int; end\n"
        "Base.size(s::Squares) = (s.n,); Base.getindex(s::Squares, i::Int) = i^2\n"
        "Squares(3)"
    )

    assert ran.value == [1, 4, 9]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("1.23456789", "1.23456789"),
        ("[1.23456789]", "[1.23456789]"),
        ("complex(0.1 + 0.2, 1)", "0.30000000000000004 + 1.0im"),
        ('big"0.1" + 1', "1.100000000000000000000000000000000000000000000000000000000000000000000000000003"),
        ("[1 2; 3 4]", "[1 2; 3 4]"),
        ('(a = 1, b = "x")', '(a = 1, b = "x")'),
        ("Dict(:a => [1])", "Dict(:a => [1])"),
        ("collect(1:100)", "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, … 88 more]"),
        ('"two\\nlines"', '"two\\nlines"'),
        ("nothing", "nothing"),
        ('struct Two; a; end; Base.show(io::IO, ::Two) = print(io, "x\\ny\\e[1m"); Two(1)', "x y [1m"),
    ],
)
def test_the_text_for_a_cell_is_one_short_line(bench: Bench, code: str, text: str) -> None:
    assert bench.run(code).info.text == text


@pytest.mark.parametrize("code", ['"é"^1000', "zeros(50, 50)", 'Dict(i => "é"^50 for i in 1:99)', "big(7)^1000"])
def test_the_text_for_a_cell_has_at_most_200_characters(bench: Bench, code: str) -> None:
    text = bench.run(code).info.text

    assert 100 < len(text) <= 200


def test_types_are_named_as_the_author_would_write_them(bench: Bench) -> None:
    assert bench.run("1.5").info.type == "Float64"
    assert bench.run("[1.5]").info.type in ("Array{Float64,1}", "Vector{Float64}")
    assert bench.run("struct Mine{T}; x::T; end; [Mine(1)]").info.type in (
        "Array{Mine{Int64},1}",
        "Vector{Mine{Int64}}",
    )
