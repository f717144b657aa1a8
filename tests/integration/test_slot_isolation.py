"""What one task does is nothing to the next in the same process."""

from __future__ import annotations

import pytest
from julia_fixtures import Bench, bench

from taskq_kernel.domain import TaskKind

__all__ = ["bench"]

PUT_BACK = [
    ('x = 5', "@isdefined(x)", False),
    ('cd("/")', 'pwd() == homedir() == ENV["TMPDIR"]', True),
    ('ENV["NEW"] = "1"; delete!(ENV, "LANG"); ENV["HOME"] = "/"',
     '(haskey(ENV, "NEW"), ENV["LANG"], homedir() == pwd())', [False, "C.UTF-8", True]),
    ('push!(LOAD_PATH, "/x"); empty!(DEPOT_PATH)', '("/x" in LOAD_PATH, isempty(DEPOT_PATH))', [False, False]),
    ('push!(ARGS, "x")', "length(ARGS)", 0),
    ('write("a.txt", "x"); mkpath("b/c"); write("b/c/d", "x")', "readdir()", []),
    ('mkdir("b"); chmod("b", 0o000); chmod(".", 0o500)', '(readdir(), (write("y", "z")))', [[], 1]),
    ('rm(pwd(), recursive=true)', 'isdir(pwd())', True),
    ('symlink("/etc", "../link"); p = pwd(); cd("/"); rm(p); symlink("/usr", p)', '(isdir(pwd()), readdir())',
     [True, []]),
    ("setprecision(BigFloat, 64)", "precision(BigFloat)", 256),
    ("using Logging; global_logger(NullLogger())", "using Logging; global_logger() isa NullLogger", False),
    ("task_local_storage(:k, 1)", "haskey(task_local_storage(), :k)", False),
    ("struct T1; a; end", "struct T1; a; b; end; T1(1, 2).b", 2),
    ("f(x) = 1", "f(x, y) = 2; length(methods(f))", 1),
    ("const c = 1", "const c = 2; c", 2),
    ("using LinearAlgebra", "@isdefined(eigvals)", False),
    ("redirect_stdout(() -> print(1), open(\"o\", \"w\"))", "1", 1),
    ("struct T2; end; Base.show(io::IO, ::T2) = print(io, \"two\"); Base.:+(a::T2, b::T2) = a; T2() + T2()",
     "1 + 1", 2),
    ("module Other; x = 1; end", "@isdefined(Other)", False),
    ('Base.ACTIVE_PROJECT[] = "/tmp"', "Base.active_project(false) == \"/tmp/Project.toml\"", False),
    ("@async 1; yield(); 1", "2", 2),
    ("t = Timer(100); close(t); 1", "2", 2),
    ("@sync for i in 1:3; @async sleep(0.01); end", "2", 2),
    ("run(`true`); read(`echo 1`, String)", "2", 2),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second", "value"), PUT_BACK, ids=[first for first, *_ in PUT_BACK])
def test_what_one_task_changes_the_next_does_not_see(bench: Bench, first: str, second: str, value: object) -> None:
    pid = bench.slot.pid

    bench.run(first)
    ran = bench.run(second)

    assert ran.value == value
    assert bench.slot.pid == pid, "the process need not have been replaced for that"


def test_random_numbers_differ_whatever_the_last_task_seeded(bench: Bench) -> None:
    draws = [bench.run("using Random; x = rand(); Random.seed!(1); x").value for _ in range(3)]

    assert len(set(draws)) == 3


def test_a_task_cannot_see_the_supervisors_secrets(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    names = bench.run("sort(collect(keys(ENV)))").value

    assert not [name for name in names if "TASKQ" in name or "TOKEN" in name or "SECRET" in name]
    assert "LD_LIBRARY_PATH" not in names


def test_a_task_holds_no_descriptors_but_its_own(bench: Bench) -> None:
    """And a program that it starts has the three standard ones only."""
    listed = bench.run("read(`ls -l /proc/self/fd`, String)").value

    assert "socket:" not in listed
    assert {line.split()[8] for line in listed.splitlines()[1:] if "/proc/" not in line} == {"0", "1", "2"}


def test_a_large_variable_is_let_go_when_its_task_is_over(bench: Bench) -> None:
    bench.run("data = ones(UInt8, 800 * 2^20); map(x -> x, 1:3); sum(data)")

    peak = bench.run("1").report.peak_memory_bytes
    peak = bench.run("1").report.peak_memory_bytes

    assert peak < 800 << 20


def test_a_definitions_state_is_its_own(bench: Bench) -> None:
    one = 'const n = Ref(0); f() = (n[] += 1; cd("/"); n[])'
    two = "const n = Ref(10); f() = (n[] += 1)"

    values = [bench.run(code, kind=TaskKind.CALL).value for code in (one, two, one, two)]

    assert values == [1, 11, 2, 12]
