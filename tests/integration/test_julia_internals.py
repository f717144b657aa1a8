"""What the runner stands on inside Julia, and what it says where a Julia has it no more."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
from julia_fixtures import julia
from taskq_worker.julia.sources import JULIA_SOURCES

#: Names of Base and Core that Julia's manual describes, and types that values are compared with.
PUBLIC = {
    "Base.Enums", "Base.Experimental", "Base.GMP", "Base.MPFR", "Base.Iterators", "Base.PkgId", "Base.RefValue",
    "Base.UUID", "Base.display", "Base.include", "Base.invokelatest", "Base.require", "Base.show",
    "Base.unsafe_convert", "Core.eval", "Core.CodeInfo", "Core.MethodInstance", "Core.SimpleVector", "Core.TypeName",
}  # fmt: skip


def run_julia(code: str) -> subprocess.CompletedProcess[str]:
    """Run Julia code that knows the runner as TaskqRunner."""
    program = f"include({json.dumps(str(JULIA_SOURCES / 'runner.jl'))})\n{code}"
    command = [julia(), "--startup-file=no", "-e", program]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=100, check=False)


def test_what_julia_does_not_promise_is_used_in_one_place_only() -> None:
    for path in JULIA_SOURCES.rglob("*.jl"):
        if path.name == "internals.jl" or path.parent.name == "internals":
            continue
        code = re.sub(r"#.*", "", path.read_text(encoding="utf-8"))
        used = set(re.findall(r"\b(?:Base|Core)\.\w+", code))
        assert used <= PUBLIC, path.name
        assert not re.findall(r"ccall\(:(?:jl|uv)_\w+", code), path.name


def test_this_julia_has_everything() -> None:
    done = run_julia("print(repr(TaskqRunner.missing_internals()))")
    assert done.stdout == '""', done.stderr


@pytest.mark.parametrize("number", ["3", "RawFD(3)"])
def test_a_descriptor_is_a_number_in_either_of_its_forms(number: str) -> None:
    done = run_julia(f"print(repr(TaskqRunner.descriptor({number})))")
    assert done.stdout == "3", done.stderr


def test_a_process_whose_julia_lacks_something_says_so_in_one_sentence_and_ends() -> None:
    lacks = (
        'push!(TaskqRunner.INTERNALS, (Base, "gone|gone_too", "see what is left behind"), (Method, "worlds", "count"))'
    )
    done = run_julia(f"{lacks}; TaskqRunner.main(0, 1, 2)")
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch(
        r"taskq does not know Julia 1\.\S+ yet: it lacks Base\.gone or gone_too \(to see what is left behind\), "
        r"Method\.worlds \(to count\)\n",
        done.stderr,
    )


def test_a_process_whose_julia_is_otherwise_than_known_says_so_and_ends() -> None:
    # Given: a Julia whose queue of tasks cannot be read any more.
    done = run_julia("Core.eval(TaskqRunner, :(work_waits() = length(queues))); TaskqRunner.main(0, 1, 2)")
    # Then: it is not every task that fails.
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.search(r"^taskq does not know Julia 1\.\S+ yet: UndefVarError: .*queues.*\n\Z", done.stderr, re.MULTILINE)


#: The forms that newer Julias have, in one that lacks them: there is no vector of queues to look into.
NEWER_FORMS = """
isdefined(Base, :workqueue_for) || Core.eval(Base, :(workqueue_for(thread::Int) = Workqueues[thread]))
isdefined(Threads, :maxthreadid) || Core.eval(Threads, :(maxthreadid() = nthreads()))
if !isdefined(Base, :set_active_project)
    Core.eval(Base, :(set_active_project(project) = (ACTIVE_PROJECT[] = project; nothing)))
end
"""


@pytest.mark.parametrize("forms", ["", NEWER_FORMS], ids=["as it is", "as newer ones"])
def test_tasks_that_are_left_behind_and_a_changed_project_are_seen_in_every_form(forms: str) -> None:
    done = run_julia(
        forms + """
        yield()  # Julia's own
        before = TaskqRunner.work_waits()
        @async 1
        print((before, TaskqRunner.work_waits()), " ")
        yield()
        print(TaskqRunner.work_waits(), " ")
        TaskqRunner.activate("/nowhere/Project.toml")
        print(TaskqRunner.active_project(), " ")
        TaskqRunner.activate(nothing)
        print(TaskqRunner.active_project())
        """
    )
    assert done.stdout == "(false, true) false /nowhere/Project.toml nothing", done.stderr


#: What Julia 1.10 and newer make of code that does not parse, with the parser's own words.
NEWER_PARSER = """
struct Complaint; first_byte::Int; last_byte::Int; level::Symbol; message::String; end
struct Detail; source; diagnostics::Vector{Complaint}; incomplete_tag::Symbol; end
struct NewParseError <: Exception; msg::String; detail; end
Base.showerror(io::IO, e::NewParseError) = print(io, e.msg)
function told(head, tag, code, complaints...)
    found = Complaint[Complaint(first, last, level, text) for (first, last, level, text) in complaints]
    raw = NewParseError("ParseError:\\n# Error @ task:1:1\\n" * code, Detail(nothing, found, tag))
    failure = TaskqRunner.parse_failure(Expr(head, raw), code, "task")
    print(failure.line, " ", failure.message)
end
"""

FOUND = [
    (
        r'''told(:error, :none, "é = 1\ny = )\n", (8, 8, :warning, "odd"), (12, 12, :error, "unexpected `)`"),
             (12, 12, :error, "extra tokens after end of expression"))''',
        "2 unexpected `)` in line 2, column 5: y = )",
    ),
    (
        'told(:error, :none, "é = 1; ü = x +* 2", (16, 16, :error, "not a unary operator"))',
        "1 not a unary operator in line 1, column 14: é = 1; ü = x +* 2",
    ),
    (
        'told(:error, :none, "x = 5 6", (6, 7, :error, "extra tokens after end of expression"))',
        "1 extra tokens after end of expression in line 1, column 7: x = 5 6",
    ),
    (
        r'''told(:incomplete, :block, "x = 1\n\nfor i in 1:3\n  x\n", (25, 24, :error, "Expected `end`"))''',
        "3 the code ends too early: expected `end` in line 3: for i in 1:3",
    ),
    (
        r'''told(:incomplete, :block, "try\n 1\n", (1, 7, :error, "try without catch or finally"),
             (8, 7, :error, "Expected `end`"))''',
        "1 the code ends too early: expected `end` in line 1: try",
    ),
    (
        'told(:incomplete, :other, "1 +", (4, 3, :error, "premature end of input"))',
        "1 the code ends too early in line 1: 1 +",
    ),
    (
        r'''told(:incomplete, :comment, "2\n#= abc\n", (3, 9, :error, "unterminated multi-line comment"))''',
        "2 the code ends too early: unterminated multi-line comment in line 2: #= abc",
    ),
]  # fmt: skip


def test_what_a_newer_parser_finds_is_told_with_its_sentence_line_and_column() -> None:
    done = run_julia(NEWER_PARSER + "\nprintln()\n".join(call for call, _ in FOUND))
    assert done.stdout.splitlines() == [told for _, told in FOUND], done.stderr
