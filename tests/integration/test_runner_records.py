"""Log records of a task: progress becomes the task's, the others are written with level and line."""

from __future__ import annotations

import pytest
from julia_fixtures import Bench, bench

__all__ = ["bench"]

#: What ProgressLogging.jl has, as far as its records show it.
SHAPES = """
using Logging
struct Progress
    id::Base.UUID
    parentid::Base.UUID
    fraction::Float64
    name::String
    done::Bool
end
struct ProgressString <: AbstractString
    progress::Progress
end
const ROOT, A, B = Base.UUID(0), Base.UUID(1), Base.UUID(2)
tell(x; keywords...) = @logmsg LogLevel(-1) x keywords...
"""

#: `@progress` inside of `@progress`: by keyword, and the inner ones name no parent.
NESTED = """
using Logging
for i in 1:2
    @logmsg LogLevel(-1) "epochs" progress = (i - 1) / 2 _id = :outer
    for k in 1:2
        @logmsg LogLevel(-1) "batches" progress = k / 4 _id = :inner
    end
    @logmsg LogLevel(-1) "batches" progress = "done" _id = :inner
end
@logmsg LogLevel(-1) "epochs" progress = "done" _id = :outer
"""


def test_nested_records_count_by_the_outermost_and_speak_of_the_innermost(bench: Bench) -> None:
    ran = bench.run(NESTED)
    assert ran.progress == [
        (0.0, "epochs"), (0.0, "epochs: batches 25 %"), (0.0, "epochs: batches 50 %"), (0.0, "epochs: batches 100 %"),
        (0.5, "epochs"), (0.5, "epochs: batches 25 %"), (0.5, "epochs: batches 50 %"), (0.5, "epochs: batches 100 %"),
        (1.0, "epochs"),
    ]  # fmt: skip
    assert ran.output() == ""


@pytest.mark.parametrize(
    ("record", "progress"),
    [
        ("tell(ProgressString(Progress(A, ROOT, 0.25, \"fit\", false)))", [(0.25, "fit")]),
        ("tell(Progress(A, ROOT, 0.25, \"\", false))", [(0.25, "")]),
        ("tell(Progress(A, ROOT, NaN, \"fit\", false)); tell(Progress(B, A, 0.5, \"\", false))",
         [(0.0, "fit"), (0.0, "fit: 50 %")]),
        ("@info Progress(A, ROOT, 0.5, \"fit\", false)", [(0.5, "fit")]),
        ("tell(Progress(A, ROOT, 0.5, \"fit\", false)); tell(Progress(A, ROOT, NaN, \"fit\", true))",
         [(0.5, "fit"), (1.0, "fit")]),
        ("tell(\"x\"; progress = nothing)", [(0.0, "x")]),
        ("tell(\"x\"; progress = 1//4)", [(0.25, "x")]),
        ("tell(\"x\"; progress = 7)", [(1.0, "x")]),
        ("tell(\"x\"; progress = \"done\")", []),
        ("tell(\"a quiet record, and no progress\"; step = 1)", []),
    ],
)  # fmt: skip
def test_a_record_of_any_shape_becomes_progress_and_no_line_of_the_log(
    bench: Bench, record: str, progress: list[tuple[float, str]]
) -> None:
    ran = bench.run(f"{SHAPES}\n{record}\nnothing")
    assert (ran.progress, ran.output(), ran.value) == (progress, "", None)


def test_a_hundred_thousand_records_are_thinned_where_they_are_made(bench: Bench) -> None:
    code = "using Logging\nf(n) = for i in 1:n; @logmsg LogLevel(-1) \"x\" progress = i / n; end\nf(10^5)"
    assert 1 <= len(bench.run(code).progress) <= 50 + 25 * 10


def test_every_line_of_the_log_has_its_level_and_the_line_of_the_code(bench: Bench) -> None:
    ran = bench.run('x = 1\n@info "started" x\n@warn "odd"\n@error "bad"\n@debug "unseen"')
    assert ran.output("stdout") == ""
    assert ran.output("stderr").splitlines() == [
        "┌ Info: started", "│   x = 1", "└ @ Main.task task:2",
        "┌ Warning: odd", "└ @ Main.task task:3",
        "┌ Error: bad", "└ @ Main.task task:4",
    ]  # fmt: skip


def test_debug_records_follow_julia_debug_until_the_tasks_end(bench: Bench) -> None:
    ran = bench.run('ENV["JULIA_DEBUG"] = "Other"\n@debug "unseen"\nmodule Other\n@debug "seen"\nend; nothing')
    assert ran.output().splitlines() == ["┌ Debug: seen", "└ @ Main.task.Other task:4"]
    assert bench.run('@debug "unseen"').output() == ""


def test_a_record_with_progress_at_info_is_both_progress_and_a_line(bench: Bench) -> None:
    ran = bench.run('@info "saved" progress = 0.5 maxlog = 1')
    assert ran.progress == [(0.5, "saved")]
    assert "┌ Info: saved" in ran.output()


def test_what_a_progress_meter_draws_reaches_the_log_as_it_is(bench: Bench) -> None:
    drawn = "\rProgress:  50%|█████     |\x1b[K\n\x1b[A\rProgress: 100%|██████████|\x1b[K\n"
    ran = bench.run("print(stderr, x)", arguments={"x": drawn})
    assert ran.output("stderr") == drawn


def test_a_task_that_breaks_its_own_logger_fails_alone(bench: Bench) -> None:
    code = "using Logging\nglobal_logger(NullLogger())\n@info 1\n@logmsg LogLevel(-1) 2 progress = 0.5"
    ran = bench.run(code)
    assert (ran.progress, ran.output()) == ([], "")
    assert bench.run("using Logging; @logmsg LogLevel(-1) 2 progress = 0.5").progress == [(0.5, "2")]
