"""What a task leaves in the process beside its own module is gone before the next one, or the process is."""

from __future__ import annotations

import pytest
from julia_fixtures import Bench, Ran, bench, slots

from taskq_kernel.domain import TaskKind

__all__ = ["bench", "slots"]

# -- methods -----------------------------------------------------------------------------

FOREIGN_METHODS = [
    "const A = abs; A(x::Int) = -99",
    "(::typeof(abs))(x::Int) = -99",
    "for f in (abs,); @eval (::typeof($f))(x::Int) = -99; end",
    'write("m.jl", "abs(x::Int) = -99"); Base.include(Base, joinpath(pwd(), "m.jl"))',
    'include_string(Base, "abs(x::Int) = -99")',
    "e = Core.eval; e(Base, Meta.parse(\"abs(x::Int) = -99\"))",
    "macro m() esc(:(Base.abs(x::Int) = -99)) end; @m",
    "module M; import Base: abs; abs(x::Int) = -99; end",
    "Base.methods(x) = []; Base.abs(x::Int) = -99",
    "Base.push!(a::Vector{Any}, x) = a; Base.in(x::Symbol, y::Set{Symbol}) = false; Base.abs(x::Int) = -99",
    "struct S end; const B = abs; B(x::Union{S,Int}) = -99",
    "struct S end; Base.show(io::IO, ::S) = (@eval Base abs(x::Int) = -99; print(io, 1)); S()",
]  # fmt: skip


@pytest.mark.parametrize("code", FOREIGN_METHODS)
def test_a_method_for_what_is_not_the_tasks_ends_with_it(slots: Bench, code: str) -> None:
    """However the code came to it."""
    ran = slots.misbehave(f"{code}\nstruct Mine end\nMine()" if "show" not in code else code, replaced=True)

    assert ran.report.error is None


def test_a_method_that_a_call_adds_while_it_runs_is_noticed(slots: Bench) -> None:
    slot = slots.take_turn()
    assert slots.begin("f() = (@eval Base abs(x::Int) = -99; 1)", slot=slot, kind=TaskKind.CALL).result(60).value == 1

    assert slots.begin("abs(-1)", slot=slot).result(60).value == 1


OWN_METHODS = [
    "f(x; k = 1) = x + k; f(x::Int, y...; z = 1) = 1; f(1)",
    "struct P{T}; x::T; end; Base.:+(a::P, b::P) = P(a.x + b.x); Base.convert(::Type{P{T}}, x::T) where {T} = P(x)",
    "abstract type S end; struct C <: S end; Base.zero(::Type{<:S}) = 0; Base.length(v::Vector{<:S}) = 7",
    "macro m(x) x end; @m 3; @generated g(x) = :(x); g(1); map(x -> x + 1, [1, 2])",
    "module N; h() = 1; end; N.h() = 2; @eval N i() = 3",
    "using LinearAlgebra, Statistics, Dates, Random; mean(rand(3)); norm([1.0, 2.0])",
    "Base.@kwdef struct K; a = 1; end; (k::K)(x) = x; K()(1)",
    "show(x::Int) = 5; abs(x) = 1; show(1)",
    'include_string(@__MODULE__, "j(x) = 1"); Base.include(@__MODULE__, (write("k.jl", "k() = 1"); "k.jl"))',
]  # fmt: skip


@pytest.mark.parametrize("code", OWN_METHODS)
def test_methods_for_what_is_the_tasks_cost_no_process(bench: Bench, code: str) -> None:
    pid = bench.slot.pid

    assert bench.run(f"{code}\nnothing").report.error is None

    assert bench.run("1 + 1").value == 2
    assert bench.slot.pid == pid


def test_a_package_that_adds_methods_as_it_is_loaded_costs_no_process(bench: Bench) -> None:
    pid = bench.slot.pid
    package = """
        mkpath("Late/src")
        write("Late/src/Late.jl", "__precompile__(false)\\nmodule Late; f() = 1; later() = @eval g(x) = x; end")
        push!(LOAD_PATH, pwd())
        using Late
        Late.later(); Late.f()
    """

    assert bench.run(package).value == 1

    assert bench.run("1 + 1").value == 2
    assert bench.slot.pid == pid


# -- settings ----------------------------------------------------------------------------

SETTINGS = [
    ("using Logging; Logging.disable_logging(Logging.Error)",
     'using Logging; io = IOBuffer(); with_logger(() -> @warn("x"), ConsoleLogger(io)); position(io) > 0', True),
    ("setrounding(BigFloat, RoundUp)", "rounding(BigFloat) == RoundNearest", True),
    ("R = Base.Rounding; R.setrounding_raw(Float64, R.to_fenv(RoundUp))", "rounding(Float64) == RoundNearest", True),
    ("set_zero_subnormals(true)", "get_zero_subnormals()", False),
    ("Base.MPFR.set_emin!(-10); Base.MPFR.set_emax!(10)", "big(2.0)^100 == big(2)^100", True),
    ("GC.enable(false)", "GC.enable(true)", True),
    ('using LinearAlgebra; getfield(BLAS, Symbol("set_num_", "threads"))(2)',
     # From 1.7 on the library forwards, and has no such function; `get_num_threads` is there from 1.6 on.
     "using LinearAlgebra; isdefined(BLAS, :get_num_threads) ? BLAS.get_num_threads() : "
     "Int(ccall((:openblas_get_num_threads64_, LinearAlgebra.BLAS.libblas), Cint, ()))", 1),
    ("pushdisplay(TextDisplay(stdout))", "length(Base.Multimedia.displays) <= 1", True),
    ("ENV[\"TZ\"] = \"Asia/Kathmandu\"; Libc.strftime(\"%H\", 0)", 'Libc.strftime("%H", 0)', "00"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "look", "value"), SETTINGS, ids=[change for change, *_ in SETTINGS])
def test_a_setting_of_the_process_is_put_back(bench: Bench, change: str, look: str, value: object) -> None:
    bench.run("1")  # in a process of its own, should the last test have cost one
    pid = bench.slot.pid

    assert bench.run(f"{change}\nnothing").report.error is None

    assert bench.slot.pid == pid, "the process need not have been replaced for that"
    assert bench.run(look).value == value


HOOKS = [
    'Base.Experimental.register_error_hint((io, e) -> print(io, "HINT"), ErrorException)',
    'push!(Base.package_callbacks, m -> println("loaded"))',
    "h() = 1; atexit(h)",
]


@pytest.mark.parametrize("code", HOOKS)
def test_a_function_that_julia_would_call_later_ends_with_its_task(slots: Bench, code: str) -> None:
    assert slots.misbehave(f"{code}; 1", replaced=True).value == 1


def test_what_is_logged_once_is_logged_once_a_task(bench: Bench) -> None:
    code = 'for i in 1:3; @warn "told" maxlog = 1; end'

    assert [bench.run(code).output("stderr").count("told") for _ in range(2)] == [1, 1]


def package_that_calls(c_call: str) -> str:
    """Code that loads a package which calls C: only what it changed can tell."""
    return f"""
        mkpath("Calls/src")
        write("Calls/src/Calls.jl", "__precompile__(false)\\nmodule Calls; f() = {c_call}; end")
        push!(LOAD_PATH, pwd())
        import Calls
        Calls.f()
        1
    """


LASTING = [
    "ccall(:setpriority, Cint, (Cint, Cint, Cint), 0, 0, 19)",
    "ccall(:sched_setaffinity, Cint, (Cint, Csize_t, Ptr{UInt64}), 0, 8, UInt64[1])",
    "ccall(:setrlimit, Cint, (Cint, Ptr{UInt64}), 7, fill(UInt64(100), 2))",
    "ccall(:alarm, Cuint, (Cuint,), 3600)",
    "ccall(:umask, Cint, (Cint,), 0o777)",
    'ccall(:setlocale, Cstring, (Cint, Cstring), 6, \\"C\\")',
]


PROBE = """
    r = zeros(UInt64, 2); ccall(:getrlimit, Cint, (Cint, Ptr{UInt64}), 7, r)
    a = zeros(UInt64, 16); ccall(:sched_getaffinity, Cint, (Cint, Csize_t, Ptr{UInt64}), 0, 128, a)
    m = ccall(:umask, Cint, (Cint,), 0o22)
    string((r, a, m, ccall(:getpriority, Cint, (Cint, Cint), 0, 0), ccall(:alarm, Cuint, (Cuint,), 0),
        unsafe_string(ccall(:setlocale, Cstring, (Cint, Ptr{Cvoid}), 6, C_NULL))))
"""


@pytest.fixture(scope="module")
def before(slots: Bench) -> str:
    """What C keeps for a process in which nobody has changed it. To look costs a process."""
    return str(slots.begin(PROBE, slot=slots.take_turn()).result(60).value)


@pytest.mark.parametrize("c_call", LASTING)
def test_what_c_keeps_for_the_process_is_as_before_or_the_process_is_another(
    slots: Bench, before: str, c_call: str
) -> None:
    slot = slots.take_turn()
    pid = slot.pid
    assert pid is not None

    assert slots.begin(package_that_calls(c_call), slot=slot).result(60).value == 1

    assert slot.pid != pid or slots.begin(PROBE, slot=slot).result(60).value == before


# -- files -------------------------------------------------------------------------------


def kept(slots: Bench, code: str, **job: object) -> tuple[Ran, str]:
    """Run code that writes to the file PATH; what came of it, and the file."""
    path = slots.folder.parent / f"{slots.folder.name}-kept.txt"
    path.unlink(missing_ok=True)
    slot = slots.take_turn()
    ran = slots.begin(code.replace("PATH", f'"{path}"'), slot=slot, **job).result(60)
    try:
        return ran, path.read_text()
    finally:
        path.unlink()


UNCLOSED = [
    'io = open(PATH, "w"); print(io, "kept")',
    'print(open(PATH, "w"), "kept"); error("no")',
    'const io = open(PATH, "w"); print(io, "kept")',
    'function f(); io = open(PATH, "w"); print(io, "kept"); error("no"); end; f()',
    'struct S; io; end; s = Dict(:a => [S(open(PATH, "w"))]); print(s[:a][1].io, "kept"); 1',
    'io = open(PATH, "w"); write() = print(io, "kept"); let j = io; global g = () -> print(j, "kept"); end; g()',
    'module M; const io = Ref{Any}(); end; M.io[] = open(PATH, "w"); print(M.io[], "kept")',
    'a = [open("other", "w") for _ in 1:20]; io = open(PATH, "w"); foreach(close, a); print(io, "kept")',
    'task_local_storage(:io, open(PATH, "w")); print(task_local_storage(:io), "kept")',
]  # fmt: skip


@pytest.mark.parametrize("code", UNCLOSED)
def test_what_a_task_wrote_to_a_file_that_it_did_not_close_is_there_when_it_ends(slots: Bench, code: str) -> None:
    ran, text = kept(slots, code)

    assert text == "kept"
    assert ran.report.error is None or ran.error.message == "no"


def test_a_file_that_a_definition_keeps_open_is_written_after_each_call(slots: Bench) -> None:
    code = 'const io = open(PATH, "a"); f(; n) = (print(io, n); isopen(io))'

    first, one = kept(slots, code, kind=TaskKind.CALL, arguments={"n": 1})

    assert (first.value, one) == (True, "1")


def test_a_file_that_cannot_be_written_at_the_end_fails_the_task(slots: Bench) -> None:
    ran = slots.misbehave('io = open("/dev/full", "w"); print(io, "lost"); 1')

    assert ran.error.name == "SystemError"
    assert "No space left on device" in ran.error.message


def test_files_that_tasks_leave_open_do_not_pile_up(bench: Bench) -> None:
    count = 'length(readdir("/proc/self/fd"))'
    before = bench.run(count).value

    for number in range(5):
        assert bench.run(f'const io = open("x", "w"); print(io, {number}); a = [open("y{number}", "w")]; 1').value == 1

    assert bench.run(count).value <= before + 2


# -- memory ------------------------------------------------------------------------------

LARGE = [
    "data = ones(UInt8, N)",
    "mutable struct S; x; end; s = S(ones(UInt8, N))",
    "struct I; x; end; s = [I(ones(UInt8, N))]",
    "s = let a = ones(UInt8, N); () -> a; end",
    "const c = ones(UInt8, N)",
    "struct J; x; end; const s = J(ones(UInt8, N)); map(x -> x, 1:3)",
    "const r = Ref{Any}(); r[] = ones(UInt8, N)",
    "module M; x = ones(UInt8, 300 * 2^20); end",
    "task_local_storage(:x, ones(UInt8, N)); 1",
    "x = ones(UInt8, N); error(\"no\")",
]  # fmt: skip


@pytest.mark.parametrize("code", LARGE)
def test_the_memory_of_a_task_is_free_for_the_next(slots: Bench, code: str) -> None:
    slot = slots.take_turn()
    before = slots.begin("1", slot=slot).result(60).report.peak_memory_bytes
    slots.begin(f"{code.replace('N', str(300 << 20))}; nothing", slot=slot).result(60)

    peaks = [slots.begin("1", slot=slot).result(60).report.peak_memory_bytes for _ in range(2)]

    # Of what Julia itself takes, newer ones and juliacall have much more.
    assert peaks[-1] < before + (150 << 20)


def test_memory_that_a_definition_keeps_is_its_own(bench: Bench) -> None:
    """A table that is read once for a whole sweep."""
    code = "const data = ones(UInt8, 300 * 2^20); f() = Int(data[end])"

    first = bench.run(code, kind=TaskKind.CALL)
    pid = bench.slot.pid

    assert (first.value, bench.run(code, kind=TaskKind.CALL).value, bench.slot.pid) == (1, 1, pid)
