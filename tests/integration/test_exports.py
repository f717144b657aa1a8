"""Exports run without taskq: what plain Julia makes of a script and of a notebook is what the task had."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from datetime import date
from fractions import Fraction
from pathlib import Path
from uuid import uuid4

import nbformat
import numpy as np
import pandas as pd
from stacks import RunningStack

from taskq_kernel.client.client import Client
from taskq_kernel.local.julia import find_julia

#: A loop that assigns to a variable at top level, helper functions, a definition of its own, and random numbers.
CODE = """
using Random, Statistics
for (name, value) in sort!(collect(pairs(given)), by = first)
    println(name, " ", typeof(value), " ", repr(value))
end
total = 0.0
for i in 1:n
    global_before = total
    total += rand()
    progress(i / n, "half")
    report(i; total = total)
end
println(repr(matrix), " ", repr(day), " ", repr(table))
total + randn() + mean(rand(10))
"""

ARGUMENTS = {
    "n": 100,
    "given": {
        "texts": ["a$b", "\"quoted\"\\n"], "mixed": [1, "a", None], "big": 10**30, "fraction": Fraction(1, 3),
        "complex": [1 + 2j, 3j], "empty": [], "floats": [1, 2.5, float("nan")], "flags": [True, False],
        "missing": pd.array([1, None], dtype="Int64"), "nested": {"1": {"x": [[1, 2], [3]]}},
    },
    "matrix": np.array([[1, 2, 3], [4, 5, 6]], dtype="float32"),
    "day": date(2026, 1, 2),
    "table": pd.DataFrame({"x": [1.5, 2.5], "name": ["a", "b"]}),
}  # fmt: skip


def julia(stack: RunningStack, *arguments: str | Path) -> str:
    command = [str(find_julia(stack.settings).path), "--startup-file=no", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_script_prints_what_the_task_printed_and_its_value(stack: RunningStack, q: Client, tmp_path: Path) -> None:
    task = q.submit(CODE, arguments=ARGUMENTS, name="of all kinds")
    value = task.result(120)
    printed, last = julia(stack, task.export_script(tmp_path / "task.jl")).rstrip("\n").rsplit("\n", 1)
    assert printed == str(task.logs()).rstrip("\n")
    assert float(last) == value


def test_a_call_is_exported_with_its_definitions_own_draws_and_from_the_command_line(
    stack: RunningStack, q: Client, tmp_path: Path
) -> None:
    f = q.define("const OFFSET = rand()\nhelper(x) = 2x\nshifted(x; by = 0.0) = helper(x) + by + OFFSET + rand()\n1")
    task = f(1.5, by=2.0)
    value = task.result(120)
    arguments = [str(task.number), "--script", str(tmp_path / "task.jl"), "--cite"]
    told = subprocess.run(
        [sys.executable, "-m", "taskq_kernel.cli", "export", *arguments],
        env=stack.env, capture_output=True, encoding="utf-8", timeout=60, check=True,
    ).stdout  # fmt: skip
    assert f"written: {tmp_path / 'task.jl'}" in told
    assert "@misc{taskq-" in told
    assert float(julia(stack, tmp_path / "task.jl")) == value


def test_a_notebooks_cells_compute_the_value(stack: RunningStack, q: Client, tmp_path: Path) -> None:
    task = q.submit("progress(0.5)\nsum(rand(10)) * x", arguments={"x": 2.5})
    value = task.result(120)
    read = nbformat.read(task.export_notebook(tmp_path / "task.ipynb"), as_version=4)
    cells = [cell.source for cell in read.cells if cell.cell_type == "code"]
    program = tmp_path / "cells.jl"
    program.write_text("\n".join([*cells[:-1], f"print(begin\n{cells[-1]}\nend)"]), encoding="utf-8")
    assert float(julia(stack, program)) == value


def test_a_folder_brings_the_project_the_files_and_large_arrays(
    stack: RunningStack, q: Client, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "model.jl").write_text("scale(x) = 3x\n", encoding="utf-8")
    (tmp_path / "data.csv").write_text("41\n", encoding="utf-8")
    array = np.random.default_rng(1).random((20_000, 2))
    task = q.submit(
        'include("model.jl"); scale(sum(x)) + parse(Int, readline("data.csv")) + rand()', arguments={"x": array},
        project=q.project(source), files={"data.csv": tmp_path / "data.csv"},
    )  # fmt: skip
    value = task.result(120)
    assert float(julia(stack, task.export_script(tmp_path / "export"))) == value


def test_a_folder_brings_packages_that_were_given_by_their_names(
    stack: RunningStack, q: Client, tmp_path: Path
) -> None:
    task = q.submit("using LinearAlgebra\nin + norm([3, 4]) + rand()", arguments={"in": 1},
                    project=q.environment(["LinearAlgebra"]))  # fmt: skip
    value = task.result(120)
    written = task.export_script(tmp_path / "export")
    assert sorted(file.name for file in written.parent.iterdir()) == ["Manifest.toml", "Project.toml", written.name]
    assert float(julia(stack, f"--project={written.parent}", written)) == value


def test_a_batch_is_a_crate_with_every_value_and_what_it_came_from(q: Client, tmp_path: Path) -> None:
    batch = q.define("f(; n) = n == 2 ? error(\"no\") : (square = n^2, big = rand(n * 10_000))").sweep(
        n=[1, 2, 3], name=f"crate {uuid4()}"
    )
    batch.wait(120, progress=False)
    with zipfile.ZipFile(batch.export_crate(tmp_path / "batch.zip", license="https://example.org/licence")) as archive:
        records = json.loads(archive.read("data/results.json"))
        names = archive.namelist()
        assert archive.testzip() is None
    assert [record["arguments"]["n"] for record in records] == [1, 3]  # the one that failed has no value
    assert [f"data/values/{record['number']}" in name for record in records for name in names].count(True) == 2
    assert records[0]["provenance"]["cpu"]
    assert "values of 2 tasks" in batch.cite().text
