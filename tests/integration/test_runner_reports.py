"""What a task reports of itself: series of numbers, and where its time went."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from julia_fixtures import Bench, Ran, bench

from taskq_kernel.domain import TaskKind

__all__ = ["bench"]


def series(ran: Ran) -> dict[str, Any]:
    assert ran.report.series is not None
    return dict(json.loads(bytes(ran.report.series)))


def test_short_series_are_kept_whole_and_in_order(bench: Bench) -> None:
    ran = bench.run("for i in 1:3; report(10i; loss = 1 / i, energy = i); end; report(; loss = 0)")
    assert series(ran) == {
        "loss": {"count": 4, "steps": [10, 20, 30, 4], "values": [1.0, 0.5, 1 / 3, 0.0]},
        "energy": {"count": 3, "steps": [10, 20, 30], "values": [1.0, 2.0, 3.0]},
    }


def test_a_million_reports_are_quick_bounded_and_keep_every_peak(bench: Bench) -> None:
    code = """
        f(n) = for i in 1:n
            report(i; wave = sin(i / 10^4) + (i == 654_321 ? 100 : 0), noise = i % 97)
        end
        processor_s() = sum(parse.(Int, split(read("/proc/self/stat", String))[14:15])) / 100
        f(1); before = processor_s(); f(10^6); processor_s() - before
    """
    ran = bench.run(code)
    wave = series(ran)["wave"]
    assert ran.value < 1.0
    assert wave["count"] == 1_000_001
    assert 512 <= len(wave["steps"]) == len(wave["values"]) <= 1026
    assert (wave["steps"][0], wave["steps"][-1]) == (1, 10**6)
    assert wave["steps"][1:] == sorted(wave["steps"][1:])
    assert max(wave["values"]) == pytest.approx(100 + math.sin(65.4321))
    assert min(wave["values"]) == pytest.approx(-1, abs=1e-6)
    assert ran.report.series == bench.run(code).report.series, "the same reports leave other points"


def test_series_come_while_the_task_runs_and_belong_to_it_alone(bench: Bench) -> None:
    live: list[dict[str, Any]] = []
    ran = bench.run(
        "report(1; x = 1); sleep(1.2); for i in 2:1000; report(i; x = i); end", on_series=live.append
    )
    assert [one["x"]["count"] for one in live][:2] == [1, 2]
    assert all(len(one["x"]["steps"]) <= 130 for one in live)
    assert series(ran)["x"]["count"] == 1000
    assert bench.run("1").report.series is None


def test_what_is_no_number_is_a_gap_or_an_error_that_names_it(bench: Bench) -> None:
    ran = bench.run("for (i, a) in enumerate([NaN, nothing, missing, Inf, 1 // 2]); report(i; a = a); end")
    assert series(ran)["a"]["values"] == [None, None, None, {"$float": "Infinity"}, 0.5]
    ran = bench.run('report(1; loss = "high")')
    assert ran.error.message == "report takes real numbers, and loss is a String"


def test_a_task_that_fails_has_its_series_and_one_with_too_many_says_so(bench: Bench) -> None:
    ran = bench.run("for i in 1:40; report(; Symbol(:s, i) => i); end; error(\"diverged\")")
    assert ran.error.message == "diverged"
    assert len(series(ran)) == 32
    assert ran.output("stderr") == "report: a task has at most 32 series, so s33 is left out\n"


def test_a_definition_may_call_its_own_function_report(bench: Bench) -> None:
    ran = bench.run("report(x) = 2x\nf() = report(21)", kind=TaskKind.CALL)
    assert (ran.value, ran.report.series) == (42, None)


def test_a_task_tells_where_its_time_went(bench: Bench) -> None:
    timing = bench.run("x = [rand(10^6) for _ in 1:20]; GC.gc(); sleep(0.2); sum(sum, x)").report.timing
    assert timing is not None
    assert timing.allocated_bytes > 20 * 8 * 10**6
    assert timing.gc_s > 0
    assert timing.prepare_s >= 0
    bare = bench.run("1").report.timing
    assert bare is not None
    assert bare.allocated_bytes < 1 << 20


def test_compiling_and_encoding_have_their_share(bench: Bench) -> None:
    code = "f(x) = sum(abs2, x .* 2 .+ 1im) / length(x)\nf(rand(3)); [f(rand(Float32, 3)) for _ in 1:3]; rand(50_000)"
    ran = bench.run(code)
    timing = ran.report.timing
    assert timing is not None
    assert 0 < timing.encode_s < 5
    if timing.compile_s is None:
        assert ran.report.julia_version.startswith("1.5")
    else:
        assert 0 < timing.compile_s <= ran.report.seconds


def test_the_evaluation_of_a_definition_is_preparation_and_comes_once(bench: Bench) -> None:
    code = "sleep(0.3)\nf() = 1"
    first, second = (bench.run(code, kind=TaskKind.CALL, entry="f").report.timing for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.prepare_s > 0.3 > second.prepare_s
