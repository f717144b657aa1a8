"""``taskq demo``: real science, with the right values, from nothing to nothing."""

from __future__ import annotations

import json
import math
import os
import pty
import re
import select
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from fresh import missing

from taskq_kernel.demo.demo import EXPECTED_FAILURES, demo_tasks

TASKQ = [sys.executable, "-m", "taskq_kernel.cli"]
PI_100 = "3.1415926535897932384626433832795028841971693993751058209749445923078164062862089986280348253421170679"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class Shown:
    """What a run of the demonstration left."""

    code: int
    output: str
    home: Path
    values: dict[str, Any]
    errors: dict[str, str]


@pytest.fixture(scope="module")
def shown() -> Iterator[Shown]:
    """The demonstration in a terminal, in a data folder where nothing is yet."""
    # A short path: it holds sockets, whose names may have about a hundred characters.
    home = Path(tempfile.mkdtemp(prefix="taskq-demo-"))
    env = {name: value for name, value in os.environ.items() if name not in ("TASKQ_URL", "NO_COLOR")}
    env |= {"TASKQ_HOME": str(home), "TERM": "xterm-256color", "COLUMNS": "150", "LINES": "50"}
    try:
        code, output = in_terminal([*TASKQ, "demo", "--workers", "2"], env)
        if code != 0 and "scripts/setup" in output:
            missing(output)
        yield Shown(code, output, home, *results(home))
    finally:
        subprocess.run([*TASKQ, "down"], env=env, capture_output=True, check=False)
        shutil.rmtree(home, ignore_errors=True)


def in_terminal(command: list[str], env: dict[str, str]) -> tuple[int, str]:
    """Run a command in a terminal of its own: exit code, and everything it wrote there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, env=env, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True)
    os.close(theirs)
    written = b""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.2)[0]:
            try:
                piece = os.read(ours, 1 << 16)
            except OSError:  # the other side is closed
                break
            written += piece
        elif process.poll() is not None:
            break
    os.close(ours)
    return process.wait(timeout=10), written.decode(errors="replace")


def results(home: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Values and names of errors by file, from the results database."""
    files = {task.name: task.file for task in demo_tasks()}
    values, failed = {}, {}
    with closing(sqlite3.connect(home / "results.db")) as database:
        rows = database.execute("SELECT name, status, value, value_ref, error_name FROM results").fetchall()
    for name, status, value, ref, error in rows:
        if status == "FINISHED":
            values[files[name]] = {"ref": ref} if ref else json.loads(value)
        else:
            failed[files[name]] = error
    return values, failed


def test_exactly_the_tasks_fail_that_are_meant_to(shown: Shown) -> None:
    assert shown.code == 0, shown.output
    assert shown.errors == EXPECTED_FAILURES
    assert len(shown.values) + len(shown.errors) == len(demo_tasks()) >= 20


def test_what_failed_is_told_with_the_reason(shown: Shown) -> None:
    report = shown.output.partition("failed with DomainError:")[2]
    for words in ("sqrt", "return (-b + sqrt(d)) / 2a", "ParseError", "ProcessExited", "exit(3)"):
        assert words in report
    assert "19 finished, 3 failed" in report


def test_the_tasks_were_shown_live(shown: Shown) -> None:
    for column in ("number", "name", "status", "progress", "value", "seconds", "worker"):
        assert column in shown.output
    assert re.search(r"Monte Carlo estimate of π.*RUNNING.*━", shown.output)
    assert re.search(r"Monte Carlo estimate of π.*FINISHED", shown.output)


def test_nothing_of_it_goes_on_afterwards(shown: Shown) -> None:
    assert not (shown.home / "stack.json").exists()
    mine = [
        process.pid
        for process in psutil.process_iter(["cmdline", "environ"])
        if str(shown.home) in " ".join(process.info["cmdline"] or [])
        or (process.info["environ"] or {}).get("TASKQ_HOME") == str(shown.home)
    ]
    assert mine == []


def test_monte_carlo_finds_pi_to_two_digits(shown: Shown) -> None:
    value = shown.values["monte_carlo_pi.jl"]
    assert abs(value["pi"] - math.pi) < 0.005
    assert abs(value["pi"] - math.pi) < 4 * value["standard_error"]


def test_the_orbit_keeps_its_energy(shown: Shown) -> None:
    value = shown.values["kepler_orbit.jl"]
    assert 0 < value["energy_drift"] < 1e-6
    assert (value["x"], value["y"]) == pytest.approx((0.5, 0.0), abs=1e-5)


def test_the_spectrum_of_noise_is_a_semicircle(shown: Shown) -> None:
    value = shown.values["wigner_semicircle.jl"]
    assert value["largest"] == pytest.approx(2, abs=0.1)
    assert value["within_one"] == pytest.approx(value["semicircle"], abs=0.02)


def test_the_logistic_map_doubles_its_period_and_becomes_chaotic(shown: Shown) -> None:
    columns = shown.values["logistic_map.jl"]["columns"]
    assert columns["period"] == [1, 2, 4, 8, 0, 3, 0, 0]
    exponents = dict(zip(columns["r"], columns["lyapunov"], strict=True))
    assert exponents[4.0] == pytest.approx(math.log(2), abs=1e-3)
    assert [exponent > 0 for exponent in columns["lyapunov"]] == [period == 0 for period in columns["period"]]


def test_the_sieve_counts_every_prime(shown: Shown) -> None:
    value = shown.values["prime_sieve.jl"]
    assert (value["count"], value["largest"], value["twins"]) == (1_270_607, 19_999_999, 107_407)
    assert value["gauss"] == pytest.approx(value["count"], rel=1e-3)


def test_the_bootstrap_interval_holds_the_median(shown: Shown) -> None:
    value = shown.values["bootstrap.jl"]
    assert value["median"] == 74
    assert 55 < value["low"] < 74 < value["high"] < 85
    assert 1 < value["standard_error"] < 8


def test_heat_flows_as_the_exact_solution_says(shown: Shown) -> None:
    value = shown.values["heat_equation.jl"]
    assert value["exact"] == pytest.approx(math.exp(-(math.pi**2) * 0.1))
    assert value["largest_error"] < 1e-5


def test_the_magnet_agrees_with_onsager(shown: Shown) -> None:
    value = shown.values["ising_model.jl"]
    assert value["onsager"] == pytest.approx(0.911319, abs=1e-6)
    assert value["magnetisation"] == pytest.approx(value["onsager"], abs=0.01)


def test_the_epidemic_reaches_its_final_size(shown: Shown) -> None:
    value = shown.values["sir_epidemic.jl"]
    assert value["final_size"] == pytest.approx(value["theory"], abs=1e-4)
    assert value["theory"] == pytest.approx(0.892645, abs=1e-5)


def test_the_fit_finds_the_truth_within_its_errors(shown: Shown) -> None:
    columns = shown.values["least_squares.jl"]["columns"]
    for truth, fit, error in zip(columns["truth"], columns["fit"], columns["error"], strict=True):
        assert 0 < error < 0.05
        assert abs(fit - truth) < 5 * error


def test_random_walkers_diffuse(shown: Shown) -> None:
    value = shown.values["random_walk.jl"]
    assert value["exponent"] == pytest.approx(1, abs=0.02)
    assert value["after_4096_steps"] == pytest.approx(4096, rel=0.05)


def test_the_mandelbrot_set_is_a_picture_too_large_for_a_message(shown: Shown) -> None:
    ref = shown.values["mandelbrot.jl"]["ref"]
    (blob,) = (path for path in (shown.home / "blobs").rglob("*") if path.is_file() and ref in path.name)
    bundle = json.loads(blob.read_text())
    assert bundle["image/svg+xml"].startswith("<svg")
    assert bundle["image/svg+xml"].endswith("</svg>")


def test_queens_are_counted_right(shown: Shown) -> None:
    assert shown.values["queens.jl"] == {
        "4": 2, "5": 10, "6": 4, "7": 40, "8": 92, "9": 352, "10": 724, "11": 2680, "12": 14200,
    }  # fmt: skip


def test_newtons_basins_mirror_each_other_and_fill_the_plane(shown: Shown) -> None:
    value = shown.values["newton_fractal.jl"]
    assert value["to_upper"] == pytest.approx(value["to_lower"], abs=1e-3)
    assert sum(value.values()) == pytest.approx(1)
    assert value["nowhere"] < 1e-3


def test_the_lorenz_attractor_is_as_chaotic_as_is_known(shown: Shown) -> None:
    assert shown.values["lorenz_attractor.jl"] == pytest.approx(0.9056, abs=0.02)


def test_a_hundred_digits_of_pi_are_right(shown: Shown) -> None:
    with closing(sqlite3.connect(shown.home / "results.db")) as database:
        (text,) = database.execute("SELECT value FROM results WHERE name LIKE 'A hundred digits%'").fetchone()
    assert text.startswith(PI_100)


def test_percolation_happens_at_the_known_threshold(shown: Shown) -> None:
    value = shown.values["percolation.jl"]
    assert value["threshold"] == pytest.approx(0.5927, abs=0.01)
    assert 0 < value["standard_error"] < 0.01


def test_the_longest_collatz_chain_below_a_million(shown: Shown) -> None:
    assert shown.values["collatz.jl"] == {"start": 837_799, "steps": 524}


def test_twenty_nodes_integrate_to_fifteen_digits(shown: Shown) -> None:
    value = shown.values["gauss_quadrature.jl"]
    assert value["error"] < 1e-14
    assert value["nodes"] == 20
