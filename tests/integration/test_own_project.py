"""Tasks that have a folder of their user's at hand: its packages, its modules, its data, on a real stack."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from stacks import RunningStack

from taskq_kernel import TaskFailed
from taskq_kernel.client import connecting
from taskq_kernel.client.client import Client
from taskq_kernel.client.task import Task
from taskq_kernel.magic import julia

#: Each change of a project is another Julia process.
pytestmark = pytest.mark.timeout(300)

_DEP = "22222222-2222-3333-4444-555555555555"
_PROJECT = f"""name = "MyModel"
uuid = "11111111-2222-3333-4444-555555555555"
version = "0.1.0"

[deps]
Dep = "{_DEP}"
LinearAlgebra = "37e2e46d-f89d-539d-b4ee-838fcccc9c8e"
"""
_MANIFEST = f"""[[Dep]]
path = "lib/Dep"
uuid = "{_DEP}"
version = "0.1.0"

[[Libdl]]
uuid = "8f399da3-3557-5675-b5ff-fb832c97cbdb"

[[LinearAlgebra]]
deps = ["Libdl"]
uuid = "37e2e46d-f89d-539d-b4ee-838fcccc9c8e"
"""


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def manifest_of(q: Client, task: Task) -> object:
    """Which packages a task had, as the service tells it."""
    return q.transport.execute("query($id: ID!) { task(id: $id) { manifest } }", {"id": task.id})["task"]["manifest"]


def kept_of(stack: RunningStack, task: Task) -> tuple[object, ...]:
    """What the results database knows of a task's folder and packages."""
    query = """SELECT project, project_commit, project_dirty, manifest_sha256, text
    FROM results JOIN result_manifests ON result_manifests.sha256 = manifest_sha256 WHERE task_id = ?"""
    with closing(sqlite3.connect(stack.home / "results.db")) as database:
        return tuple(database.execute(query, [task.id]).fetchone())


def test_a_task_finds_its_project_as_at_home_and_the_next_one_finds_what_has_changed(
    q: Client, stack: RunningStack, tmp_path: Path
) -> None:
    folder = write(tmp_path, {
        "Project.toml": _PROJECT, "Manifest.toml": _MANIFEST, ".gitignore": "Manifest.toml\nout/\n",
        "src/MyModel.jl": "module MyModel\nusing Dep, LinearAlgebra\nf(x) = Dep.g(x) + norm([3.0, 4.0])\n"
        "fails() = error(\"no\")\nend\n",
        "lib/Dep/Project.toml": f'name = "Dep"\nuuid = "{_DEP}"\nversion = "0.1.0"\n',
        "lib/Dep/src/Dep.jl": "module Dep\ng(x) = x + 100\nend\n",
        "scripts/extra.jl": "extra() = 7\nboom() = error(\"boom\")\n", "data/x.csv": "1,2\n", "out/big.bin": "x",
    })
    for command in ("init -q", "add -A", "-c user.name=n -c user.email=e@x commit -qm first"):
        subprocess.run(["git", "-C", str(folder), *command.split()], check=True)
    p = q.project(folder)
    first = q.submit("""
        using MyModel
        include("scripts/extra.jl")
        write("data/new.csv", "1")
        data = read("data/x.csv", String)
        (f = MyModel.f(1), extra = extra(), data = data, sees = readdir("data"), out = isdir("out"))
    """, project=p)
    assert first.result(120) == {
        "f": 106.0, "extra": 7, "data": "1,2\n", "sees": ["new.csv", "x.csv"], "out": False,
    }
    assert first.progress_message != "preparing the project: its packages"
    packages = hashlib.sha256(_MANIFEST.encode()).hexdigest()
    assert first.manifest_sha256 == packages
    assert manifest_of(q, first) == _MANIFEST

    failed = [q.submit(code, project=p) for code in (
        "using MyModel; MyModel.fails()", 'include("scripts/extra.jl"); boom()', 'open("data/x.csv", "w")',
        'cp("data/x.csv", "y.csv"); write("y.csv", "3")', "using Nope",
    )]
    for task in failed:
        with pytest.raises(TaskFailed):
            task.result(60)
    traces = [task.error.stacktrace for task in failed if task.error is not None]
    assert "  src/MyModel.jl:4  fails()" in traces[0]
    assert "  scripts/extra.jl:2  boom()" in traces[1]
    assert not any("/tree/" in trace for trace in traces)
    messages = [task.error.message for task in failed if task.error is not None]
    assert all('a copy that write("copy", read("name")) has made' in message for message in messages[2:4])
    assert "- Add Nope to the packages of the task's project" in messages[4]
    copied = 'write("y.csv", read("data/x.csv")); write("y.csv", "3"); read("y.csv", String)'
    assert q.submit(copied, project=p).result(60) == "3"
    assert q.submit('readdir("data")', project=p).result(60) == ["x.csv"]

    write(folder, {"src/MyModel.jl": "module MyModel\nf(x) = -x\nend\n"})
    changed = q.submit("using MyModel; MyModel.f(1)", project=p)
    assert changed.result(120) == -1
    assert changed.project != first.project
    assert changed.project_commit == f"{first.project_commit}-dirty"
    assert kept_of(stack, first) == (first.project, first.project_commit, False, packages, _MANIFEST)
    assert changed.manifest_sha256 == packages
    assert manifest_of(q, changed) == _MANIFEST


def test_two_projects_with_one_name_for_a_module_alternate_with_right_answers(
    q: Client, stack: RunningStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    projects = [
        q.project(write(tmp_path / name, {
            "Project.toml": 'name = "Same"\nuuid = "33333333-2222-3333-4444-555555555555"\n',
            "src/Same.jl": f"module Same\nwho() = \"{name}\"\nend\n",
        }))
        for name in ("one", "two")
    ]
    tasks = [q.submit("using Same; Same.who()", project=projects[i % 2]) for i in range(4)]
    assert [task.result(120) for task in tasks] == ["one", "two", "one", "two"]
    written = write(tmp_path, {"who.jl": "using Same; Same.who()"}) / "who.jl"
    command = [sys.executable, "-m", "taskq_kernel.cli", "submit", str(written), "--wait"]
    command += ["--project", str(tmp_path / "two")]
    assert subprocess.run(command, env=stack.env, capture_output=True, text=True, check=True).stdout == '"two"\n'
    monkeypatch.setattr(connecting, "_default", q)
    assert julia(f"--wait --project {tmp_path / 'two'}", "using Same; Same.who()") == "two"
    f = q.define("using Same\nwho(i) = (i, Same.who())", project=projects[1])
    b = f.map([1, 2]).wait(progress=False, timeout=120)
    assert b.results() == [[1, "two"], [2, "two"]]
    assert {task.project for task in b} == {tasks[1].project}


def test_a_project_that_pkg_cannot_use_fails_its_tasks_with_what_pkg_says(q: Client, tmp_path: Path) -> None:
    folder = write(tmp_path, {"Project.toml": _PROJECT, "Manifest.toml": "[[Dep"})
    batch = q.submit_many(["1", "2", "3"], project=q.project(folder))
    for task in batch:
        with pytest.raises(TaskFailed, match=r"ProjectFailed: (?!.*ERROR).*parse"):
            task.result(120)
