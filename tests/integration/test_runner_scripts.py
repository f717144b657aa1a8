"""How a script is evaluated: as a notebook's cell would be, in a module of its own."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from julia_fixtures import Bench, Ran, bench
from stacks import eventually

from taskq_kernel.domain import TaskKind

__all__ = ["bench"]

SCRIPTS = [
    # what a notebook's user expects
    ("s = 0\nfor i in 1:3\n    s += i\nend\ns", 6),
    ("x = 1\nwhile x < 10\n    x *= 2\nend\nx", 16),
    ("a = 1; b = 2;\na + b;", 3),
    ("f(x) = x + 1\nf(1)", 2),
    ("f() = 1\nf()\nf() = 2\nf()", 2),
    ("struct Point; x; y; end\nPoint(1, 2).y", 2),
    ("macro twice(e)\n    :(2 * $(esc(e)))\nend\n@twice 3 + 4", 14),
    ("module Inner\nexport g\ng() = 5\nend\nusing .Inner\ng()", 5),
    ("using Statistics\nmean([1, 2, 3])", 2.0),
    ("using LinearAlgebra: dot\ndot([1, 2], [3, 4])", 11),
    ("import Random\nRandom.seed!(1); a = rand(); Random.seed!(1); a == rand()", True),
    ('using Random, Printf\n@sprintf("%.2f", 1)', "1.00"),
    ("x = let y = 2\n    y^2\nend", 4),
    ("try\n    error()\ncatch\n    7\nend", 7),
    ("if true\n    z = 3\nend\nz", 3),
    ("begin\n    1\n    2\nend", 2),
    ('"a docstring"\ndocumented() = 1\ndocumented()', 1),
    ("const c = 3\nc + 1", 4),
    ("global k = 4\nk", 4),
    ("eval(:(1 + 1))", 2),
    ("@eval q = 5\nq", 5),
    ('eval(Meta.parse("w = 6")); w', 6),
    ('write("b.jl", "included = 8"); include("b.jl"); included', 8),
    ("return 5", 5),
    ("# only a comment", None),
    ("x = 3;", 3),
    ("f(x::T) where {T} = T; string(f(1))", "Int64"),
    ("\ufeffbom = 1", 1),
    ('length("a\0b")', 3),
    ("x = 1\r\ny = 2\r\nx + y", 3),
    ("using Base.Threads; nthreads()", 1),
    ("d = @__DIR__; d == pwd()", True),
    ('@__FILE__() == joinpath(pwd(), "task") == PROGRAM_FILE', True),
    # a script is the program
    ("main() = 7\nif abspath(PROGRAM_FILE) == @__FILE__\n    main()\nend", 7),
    ('write("b.jl", "abspath(PROGRAM_FILE) == @__FILE__"); include("b.jl")', False),
    ('global var"#__main_is_entrypoint__#" = true\nmain(args) = length(args) + 5\n1', 5),
    # as in the REPL
    ('versioninfo(devnull); string(@which sin(1.0)) != ""', True),
    ("supertypes(Int)[1] == Int && length(methodswith(Rational, Base)) > 1", True),
    ("versioninfo = 3; versioninfo", 3),
    ("function counter()\n    n = 0\n    () -> (n += 1)\nend\nc2 = counter(); c2(); c2()", 2),
    ("progress = 3; progress", 3),
    ("sum(x^2 for x in 1:3)", 14),
    ("Base.@kwdef struct K; a = 1; end; K().a", 1),
    ("fetch(@async 3)", 3),
    ("fetch(Threads.@spawn 3)", 3),
    ("c = Channel(1); @sync begin; @async put!(c, 4); end; take!(c)", 4),
    ("success(`true`)", True),
    ("read(`echo hi`, String)", "hi\n"),
    ("parentmodule(@__MODULE__) == Main", True),
    ("x = 5; @show x; x", 5),
    ("using InteractiveUtils; string(typeof(VERSION))", "VersionNumber"),
]


@pytest.mark.parametrize(("code", "value"), SCRIPTS, ids=[code for code, _ in SCRIPTS])
def test_a_script_is_evaluated_as_in_a_notebook(bench: Bench, code: str, value: object) -> None:
    assert bench.run(code).value == value


@pytest.mark.parametrize("kind", [TaskKind.SCRIPT, TaskKind.CALL])
def test_an_argument_is_found_by_its_name_as_julia_writes_it(bench: Bench, kind: TaskKind) -> None:
    """Julia's parser makes of the micro sign in code a Greek letter, and composes what is apart."""
    body = "\u00b5 + e\u0301"
    code = body if kind is TaskKind.SCRIPT else f"f(; \u00b5, e\u0301) = {body}"

    assert bench.run(code, kind=kind, arguments={"\u00b5": 1, "e\u0301": 2}).value == 3
    assert bench.run(code, kind=kind, arguments={"\u03bc": 1, "\u00e9": 2}).value == 3


def test_an_argument_may_be_named_as_what_a_module_has(bench: Bench) -> None:
    assert bench.run("include + eval", arguments={"include": 1, "eval": 2}).value == 3
    assert bench.run("eval(:(1 + 1))").value == 2


DISTRIBUTED = [
    ("using SharedArrays, Distributed\naddprocs(2)\n@everywhere using SharedArrays\ns = SharedArray{Int}(4)\n"
     "@sync @distributed for i in 1:4\n    s[i] = i\nend\n(pmap(x -> x^n, 1:4), collect(s))",
     [[1, 4, 9, 16], [1, 2, 3, 4]]),
    ("import Distributed: addprocs, @everywhere, @distributed, @spawnat\naddprocs(1)\n@everywhere sq(x) = x^2\n"
     "(@distributed((+), for i in 1:4; sq(i); end), fetch(@spawnat 2 sq(3)))", [30, 9]),
]  # fmt: skip


@pytest.mark.parametrize(("code", "value"), DISTRIBUTED, ids=[code for code, _ in DISTRIBUTED])
def test_a_script_may_use_distributed_and_its_processes_end_with_it(bench: Bench, code: str, value: object) -> None:
    bench.run("1")
    pid = bench.slot.pid
    assert pid is not None

    assert bench.run(code, arguments={"n": 2}).value == value

    eventually(lambda: not Path(f"/proc/{pid}").exists(), "the end of the process that ran in Main")
    mark = f"{bench.folder.name}".encode()
    workers = [one for one in Path("/proc").glob("[0-9]*") if is_worker(one, mark)]
    assert not workers


def is_worker(process: Path, folder: bytes) -> bool:
    """Whether it is a process of Distributed that was started from this folder."""
    try:
        command, environment = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
    except OSError:
        return False
    return b"--worker" in command and folder in environment


def test_progress_is_reported_while_the_task_runs(bench: Bench) -> None:
    ran = bench.run('progress(0.25)\nprogress(0.5, "half é")\nprogress(1, 3)')

    assert ran.progress == [(0.25, ""), (0.5, "half é"), (1.0, "3")]


def test_odd_progress_does_no_harm(bench: Bench) -> None:
    ran = bench.run('progress(-1); progress(7//2); progress(NaN); progress(Inf, "x"^500); progress(0.5, "\\xff\\"")')

    assert [fraction for fraction, _ in ran.progress] == [0, 1, 0, 1, 0.5]
    assert ran.progress[3][1] == "x" * 200
    assert ran.progress[4][1] == '\ufffd"'


def test_a_tight_loop_of_progress_costs_little_and_is_thinned_out(bench: Bench) -> None:
    ran = bench.run("for i in 1:10^6; progress(i / 10^6); end; 1")

    assert ran.value == 1
    assert 1 <= len(ran.progress) < 5000
    assert ran.progress == sorted(ran.progress)
    assert ran.progress[-1] == (1.0, ""), "the last one is told all the same"


def test_the_last_report_of_a_task_that_fails_is_told_too(bench: Bench) -> None:
    ran = bench.run('for i in 1:1000; progress(i / 10_000, "step $i"); end; error("no")')

    assert ran.progress[-1] == (0.1, "step 1000")
    assert len(ran.progress) < 500
    assert bench.run("1").progress == []


def test_a_call_can_report_progress(bench: Bench) -> None:
    ran = bench.run('f() = progress(0.5, "in a call")', kind=TaskKind.CALL)

    assert ran.progress == [(0.5, "in a call")]


def test_output_comes_with_its_stream_and_before_the_end(bench: Bench) -> None:
    ran = bench.run('println("one"); print("no newline"); println(stderr, "é"); @info "logged"; 1')

    assert ran.output("stdout") == "one\nno newline"
    assert ran.output("stderr").startswith("é\n")
    assert "logged" in ran.output("stderr")


def test_output_is_seen_while_the_task_runs(bench: Bench) -> None:
    ran = Ran(report=None)  # type: ignore[arg-type]  # nothing has been reported yet
    future = bench.begin(
        'println("early"); flush(stdout); while !isfile("go"); sleep(0.01); end; 1', ran=ran, timeout_s=60.0
    )

    eventually(lambda: "early" in ran.output(), "the output of a running task", timeout_s=50.0)
    work = next(bench.folder.glob("*/work"))
    (work / "go").touch()
    assert future.result(60).value == 1


def test_output_that_is_not_utf8_is_replaced(bench: Bench) -> None:
    assert bench.run("write(stdout, UInt8[0x61, 0xff, 0x00, 0x62]); 1").output() == "a\ufffd\ufffdb"


def test_the_report_has_times_and_memory(bench: Bench) -> None:
    before = time.time()
    report = bench.run("x = ones(UInt8, 400 * 2^20); x = nothing; GC.gc(); sleep(0.1)").report

    assert before <= report.started_at <= report.finished_at <= time.time()
    assert 0.1 <= report.seconds <= report.finished_at - report.started_at
    assert 600 << 20 < report.peak_memory_bytes < 4 << 30
    assert report.julia_version.startswith("1.")


def test_what_a_task_takes_from_the_julia_it_was_started_with_still_loads(bench: Bench) -> None:
    """Libraries that are loaded late come from where Julia's own come from."""
    assert bench.run("using LinearAlgebra; round(opnorm([3.0 0; 0 4]))").value == 4.0
    assert bench.run("big(2)^100 isa BigInt && BigFloat(1) / 3 < 1").value is True


def test_packages_can_be_precompiled(bench: Bench) -> None:
    """Julia starts another julia for that, which must find its libraries too."""
    ran = bench.run(
        """
        mkpath("Pack/src")
        write("Pack/src/Pack.jl", "module Pack; f() = 3; end")
        push!(LOAD_PATH, pwd())
        pushfirst!(DEPOT_PATH, joinpath(pwd(), "depot"))
        using Pack
        (Pack.f(), isdir("depot/compiled"))
        """
    )

    assert ran.value == [3, True]


def test_a_name_with_quotes_newlines_and_emoji_does_no_harm(bench: Bench) -> None:
    assert bench.run("1", name="\"'\n😀\0$(exit())").value == 1
