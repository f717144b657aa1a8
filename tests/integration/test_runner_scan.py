"""What is noticed of the traces that code leaves in its process, and what is let pass."""

from __future__ import annotations

import pytest
from julia_fixtures import Bench, bench

from taskq_kernel.domain import TaskKind

__all__ = ["bench"]

#: Evaluates code as the runner does, in a module of its own, and tells what it left behind.
LOOK = """
R = Main.TaskqRunner
home = R.fresh_module(:looked_at)
R.RUNNING.suspects = suspects = R.Suspects()
R.forget_methods!()
statements = R.statements_of(code, "task")
R.scan_all!(suspects, statements)
R.evaluate(home, statements, Ref(0))
R.left_behind(suspects, home)
"""

REACHES_OUT = [
    ("Base.floor(x::Symbol) = 1", "adds methods to Base.floor"),
    ("Base.floor(x::Symbol, y::T) where {T} = 1", "adds methods to Base.floor"),
    ("function Base.ceil(x::Symbol)::Int\n    1\nend", "adds methods to Base.ceil"),
    ("import Base: trunc\ntrunc(x::Symbol) = 1", "adds methods to Base.trunc"),
    ("import Base.round\nround(x::Symbol) = 1", "adds methods to Base.round"),
    ("using LinearAlgebra\nLinearAlgebra.dot(a::Symbol, b::Symbol) = 1", "adds methods to LinearAlgebra.dot"),
    ("import LinearAlgebra: cross\ncross(a::Symbol, b::Symbol) = 1", "adds methods to LinearAlgebra.cross"),
    ("Base.Int(x::Symbol) = 1", "adds methods to Core.Int64"),
    ("struct A end\nBase.sign(x::Union{A,Symbol}) = 1", "adds methods to Base.sign"),
    (
        "for f in (:sinpi, :cospi)\n    @eval Base.$f(x::Symbol) = 7.0\nend",
        "adds methods to Base.Math.sinpi",
    ),
    ("@eval Base tanh(x::Symbol) = 7.0", "evaluates code in another module"),
    ("Core.eval(Base, :(cosh(x::Symbol) = 7.0))", "evaluates code in another module"),
    ("Base.eval(:(sinh(x::Symbol) = 7.0))", "evaluates code in another module"),
    ("eval(:(Base.atan(x::Symbol) = 7.0))", "adds methods to Base.atan"),
    ('eval(Meta.parse("Base.asin(x::Symbol) = 7.0"))', "adds methods to Base.asin"),
    ('write("x.jl", "Base.acos(x::Symbol) = 7.0"); include("x.jl")', "adds methods to Base.acos"),
    ('include_string(@__MODULE__, "Base.acosh(x::Symbol) = 7.0")', "adds methods to Base.acosh"),
    ("const A = abs; A(x::Symbol) = 1", "adds methods to Base.abs"),
    ("module M\nBase.exp2(x::Symbol) = 1\nend", "adds methods to Base.exp2"),
    ("ccall(:getpid, Cint, ())", "uses ccall"),
    ("unsafe_store!(pointer([1]), 2)", "uses unsafe_store!"),
    ("Main", "uses Main"),
]

STAYS_INSIDE = [
    "f(x) = 1; f(x, y) = 2",
    "struct A end; Base.show(io::IO, ::A) = print(io, 1)",
    "struct A end; import Base: +; +(a::A, b::A) = a; A() + A()",
    "struct A{T}; x::T; end; Base.length(a::A{T}) where {T<:Int} = 1",
    "struct A end; Base.iterate(::Vector{A}, s::Int = 1) = nothing",
    "struct A end; Base.convert(::Type{A}, x::Int) = A()",
    "abstract type S end; struct C <: S end; Base.zero(::Type{<:S}) = 0",
    "import Base: show, print",
    "x = (a = 1,); d = Dict(); d[:a] = 1; mutable struct M; f; end; m = M(1); m.f = 2",
    "module N; g() = 1; end; N.g() = 2",
    "sum(1:10); y = :(Base.foo)",
    "macro m(x) x end; @m 3",
    "@eval begin z = 1 end; eval(:(w = 2))",
    "module O end; @eval O i() = 3; Core.eval(O, :(j() = 3)); O.eval(:(k() = 3)); Core.eval(@__MODULE__, :(l() = 3))",
    'include_string(@__MODULE__, "m() = 1")',
    "show(x::Int) = 5; show(1)",
    "const c = 3; global k = 4",
]


@pytest.mark.parametrize(("code", "reason"), REACHES_OUT, ids=[code for code, _ in REACHES_OUT])
def test_code_that_reaches_out_of_its_module_is_noticed(bench: Bench, code: str, reason: str) -> None:
    assert look(bench, code) == reason


@pytest.mark.parametrize("code", STAYS_INSIDE)
def test_code_that_stays_inside_is_let_pass(bench: Bench, code: str) -> None:
    assert look(bench, code) == ""


def look(bench: Bench, code: str) -> object:
    # One definition for all: what it changes is its own, so that the process stays.
    ran = bench.run(f"look(; code) = begin\n{LOOK}\nend", kind=TaskKind.CALL, arguments={"code": code})
    return ran.value
