"""Generated values go from Python to Julia and back, and from Julia to Python and back, as they are."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from effort import scaled
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from julia_fixtures import Bench, bench

from taskq_kernel import exact_json
from taskq_kernel.arguments import encode_arguments
from taskq_kernel.literals import read_value
from taskq_kernel.values import decode

__all__ = ["bench"]

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
FLOATS = st.floats() | st.sampled_from([0.1 + 0.2, 5e-324, -0.0, 1.7976931348623157e308, 2.0**53])
INTEGERS = st.integers() | st.sampled_from([3910, 4000, 4300, 5000, 20_000]).map(lambda digits: -(10**digits) - 1)
FRACTIONS = st.fractions() | INTEGERS.map(lambda number: Fraction(number, 10**5001 + 1))
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=30) | st.decimals(
    -(10**300), 10**300, allow_nan=False
)
SCALARS = st.none() | st.booleans() | INTEGERS | FLOATS | FRACTIONS | st.complex_numbers() | DECIMALS | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=10
)


def lightly(examples: int) -> Any:
    """Settings of a test whose fixture lives longer than its examples, on purpose."""
    return settings(
        max_examples=scaled(examples), deadline=None, suppress_health_check=list(HealthCheck), database=None
    )


def send(bench: Bench, code: str, **arguments: Any) -> Any:
    """What code makes of arguments, as a client sends and reads them."""
    given = exact_json.encode(encode_arguments(arguments))
    info = bench.run(code, arguments=msgspec.Raw(given)).info
    assert not info.note, info.note
    return decode(info.kind, exact_json.decode(bytes(info.data)))


def same(back: Any, value: Any) -> bool:
    """Whether they are the same to a reader of the table: decimals to the digits of a BigFloat."""
    match value:
        case bool() | None | str():
            return type(back) is type(value) and back == value
        case list():
            return isinstance(back, list) and len(back) == len(value) and all(map(same, back, value))
        case dict():
            return back.keys() == value.keys() and all(same(back[key], value[key]) for key in value)
        case complex():
            return isinstance(back, complex) and same(back.real, value.real) and same(back.imag, value.imag)
        case Decimal():
            if isinstance(back, float):  # it has no more digits than that
                return back == float(value)
            exact = Fraction(value)
            return abs(Fraction(back) - exact) <= abs(exact) * Fraction(1, 10**70)
        case float():
            number = float(back)  # among fractions it may be one
            return math.isnan(number) if math.isnan(value) else (number, math.copysign(1, number)) == (
                value, math.copysign(1, value),
            )
    return (not isinstance(back, bool | float) and back == value) or (float(back).is_integer() and back == value)


@pytest.mark.timeout(600)
def test_what_python_sends_comes_back(bench: Bench) -> None:
    @lightly(150)
    @given(VALUES)
    def check(value: Any) -> None:
        back = send(bench, "[x]", x=value)[0]
        assert same(back, value), (back, value)

    check()


#: Values by chance: every kind that has a form of its own in JSON, and the hard ones of each.
MAKE = r"""
using Random
const SIGNS = ["", "\0", "\u1f", "\"\\/", "é", "\U1f600", "\u2028", "\x7f", "\$float", "a" ^ 300]
function scalar(r)
    kind = rand(r, 1:12)
    kind == 1 && return nothing
    kind == 2 && return rand(r, Bool)
    kind == 3 && return rand(r, Int)
    kind == 4 && return big(rand(r, Int))^rand(r, [1, 2, 5, 300]) * rand(r, [1, -1])
    kind == 5 && return rand(r, [NaN, Inf, -Inf, 0.0, -0.0, 5e-324, floatmax(), 0.1 + 0.2])
    kind == 6 && return reinterpret(Float64, rand(r, UInt64))
    kind == 7 && return BigFloat(rand(r)) / 3 * BigFloat(10)^rand(r, -900:900)
    kind == 8 && return big(rand(r, Int)) // (big(rand(r, 1:10^9))^rand(r, [1, 700]) + 1)
    kind == 9 && return complex(randn(r), rand(r, [1.0, NaN, -Inf]))
    kind == 10 && return rand(r, Int8) // rand(r, Int8(1):Int8(9))
    return join(rand(r, SIGNS, rand(r, 0:3)))
end
function value(r, depth = 0)
    kind = depth > 2 ? 9 : rand(r, 1:9)
    kind == 1 && return Any[value(r, depth + 1) for _ in 1:rand(r, 0:4)]
    kind == 2 && return Dict{String,Any}(join(rand(r, SIGNS, 2)) * "k" => value(r, depth + 1) for _ in 1:rand(r, 0:3))
    kind == 3 && return rand(r, Int, 3)
    kind == 4 && return randn(r, 3)
    return scalar(r)
end
"""

#: Whether what came back is what was sent, as far as the table says: types may be others, numbers not.
COMPARE = r"""
same(a, b) = isequal(a, b)
same(a::Bool, b) = a === b
same(a::Bool, b::Number) = a === b
same(a::Number, b::Number) = !(b isa Bool) && isequal(a, b)
same(a::Complex, b::Complex) = same(real(a), real(b)) && same(imag(a), imag(b))
same(a::BigFloat, b::Number) = isequal(a, b) || abs(a - b) <= abs(a) * big(10.0)^-70
same(a::AbstractArray, b::AbstractArray) = length(a) == length(b) && all(same(x, y) for (x, y) in zip(a, b))
same(a::AbstractDict, b::AbstractDict) = keys(a) == keys(b) && all(same(a[k], b[k]) for k in keys(a))
function differ(seeds, sent)
    pairs = [(value(MersenneTwister(seed)), one) for (seed, one) in zip(seeds, sent)]
    return Any[(repr(made), repr(one)) for (made, one) in pairs if !same(made, one)]
end
"""


@pytest.mark.timeout(600)
def test_what_julia_returns_can_be_sent_again(bench: Bench) -> None:
    for first in range(0, scaled(200), 100):
        seeds = f"{first}:{first + 99}"
        made = bench.run(f"{MAKE}\nAny[value(MersenneTwister(seed)) for seed in {seeds}]").info
        assert not made.note, (seeds, made.note)
        values = decode(made.kind, exact_json.decode(bytes(made.data)))
        assert send(bench, f"{MAKE}{COMPARE}\ndiffer({seeds}, x)", x=values) == []


BEYOND: list[tuple[str, str]] = [
    ("prevfloat(BigFloat(Inf))", "5.87565"),
    ("nextfloat(BigFloat(0))", "8.50969"),
    ("[prevfloat(BigFloat(Inf))]", "5.87565"),
    ("Complex(big(10)^400 // 7, big(1) // 1)", "000"),
    ("Dict(:a => Complex(big(10)^400))", "000"),
    ("Complex(big(10.0)^400)", "1.0"),
]


@pytest.mark.parametrize(("code", "text"), BEYOND)
def test_a_number_that_python_cannot_hold_is_its_text_and_says_so(bench: Bench, code: str, text: str) -> None:
    info = bench.run(code).info
    data = exact_json.decode(bytes(info.data))
    assert "text" in info.note
    assert text in json.dumps(data)
    decode(info.kind, data)


def test_the_largest_numbers_of_all_kinds_are_exact(bench: Bench) -> None:
    assert send(bench, "factorial(big(2000)) // x", x=math.factorial(1999)) == 2000
    assert send(bench, "x", x=10**100_000) == 10**100_000
    assert send(bench, 'x == big(10)^5000 ? "same" : "other"', x=10**5000) == "same"
    assert send(bench, "x isa BigFloat", x=Decimal("0.1")) is True
    assert send(bench, "x isa BigFloat && isfinite(x)", x=Decimal("1e400")) is True
    assert send(bench, "eltype(x) === Any", x=[2**60 + 1, 0.5]) is True
    assert send(bench, "x", x=[2**60 + 1, 0.5]) == [2**60 + 1, 0.5]


@pytest.mark.parametrize(
    ("given", "code", "expected"),
    [
        (b'{"x":1e400}', "(x isa BigFloat, x == big(10.0)^400)", [True, True]),
        (b'{"x":1E-400}', "x isa BigFloat && x > 0", True),
        (b'{"x":3.14159265358979323846264338327950288}', "x isa BigFloat", True),
        (b'{"x":1.00000000000000000000}', "x === 1.0", True),
        (b'{"x":{"$int":"zz"}}', 'x == Dict("\\$int" => "zz")', True),
        (b'{"x":{"$rational":[1.5,2]}}', "x isa Dict", True),
        (b'{"x":{"$rational":[-9223372036854775808,-1]}}', "x isa Union{Dict,Rational}", True),
        (b'{"x":{"$float":"0x10"}}', "x isa Dict", True),
        (b'{"x":{"$float":"1e99999999999999999999999"}}', "x isa Dict", True),
    ],
)
def test_what_others_write_is_read_by_the_same_rules(bench: Bench, given: bytes, code: str, expected: Any) -> None:
    assert bench.run(code, arguments=msgspec.Raw(given)).value == expected


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (b'{"x":1e99999999999999999999}', "its power of ten is more than 999,999"),
        (b'{"x":' + b"1" * 5000 + b"}", "more than 4,300 digits"),
        (b'{"x":' + b"[" * 300 + b"]" * 300 + b"}", "nested more than 200 levels deep"),
        (b"[1]", "arguments are an object"),
        (b'{"x":nan}', "Expecting value"),
        (b'{"x":"\xff"}', "utf-8"),
    ],
)
def test_arguments_that_nobody_can_read_fail_their_task_and_the_next_one_runs(
    bench: Bench, given: bytes, reason: str
) -> None:
    ran = bench.run("x", arguments=msgspec.Raw(given))
    assert ran.error.name == "InvalidArguments"
    assert reason in ran.error.message
    assert ran.report.retryable is False
    assert bench.run("6 * 7").value == 42


def test_keys_that_are_one_once_their_bytes_are_replaced_are_both_kept(bench: Bench) -> None:
    info = bench.run('Dict("\\xfe" => 1, "\\xff" => 2)').info
    pairs = json.loads(bytes(info.data))["$dict"]
    assert sorted(pairs) == [["�", 1], ["�", 2]]


#: What is typed as an argument, and what Julia makes of the same literal where that is of another type.
TYPED = {
    "10:30": None, "10:-2:0": None, "0:0.1:1": None, "1:2.5": None, "1//3:2": None, "0:1//3:1": None, "1:10^12": None,
    ".5": None, "5.": None, "1//3": None, "4//2": None, "-2//6": None, "1_000_000": None, "1e3": None, "10^6": None,
    "2im": None, "-2im": None, "1 + 2im": None, "1.5 - im": "1.5 - 1im", "-2.5im": None, "1 - 2.5im": None,
    "true": None, "nothing": None, ":sym": None, '"text"': None, "-Inf": None, "2π": None, "2pi": None,
    "π": "Float64(π)", "-ℯ": "-Float64(ℯ)", "0xff": "255", "[1, 2]": None, "[1, .5]": None,
    "[:a, 1//3]": "Any[:a, 1//3]", "[1:3, 2:4]": "Any[1:3, 2:4]",
}  # fmt: skip


def test_a_typed_literal_is_what_julia_says_it_is(bench: Bench) -> None:
    typed = list(TYPED)
    code = "\n".join(
        f'same(a{place}, {TYPED[text] or text}) || push!(other, (raw"{text}" * ": " * repr(a{place})))'
        for place, text in enumerate(typed)
        if '"' not in text
    )
    same = "same(a, b) = isequal(a, b) && typeof(a) === typeof(b)\nother = String[]\n"
    arguments = {f"a{place}": read_value(text) for place, text in enumerate(typed)}
    assert send(bench, same + code + "\nother", **arguments) == []
