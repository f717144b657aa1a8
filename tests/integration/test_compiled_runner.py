"""The runner that Julia has compiled ahead."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from julia_fixtures import Bench, julia
from stacks import eventually
from taskq_worker.julia import compiled
from taskq_worker.julia.command import JuliaCommand
from taskq_worker.julia.compiled import compile_ahead
from taskq_worker.julia.juliacall_command import JuliacallCommand
from taskq_worker.julia.sources import JULIA_SOURCES
from taskq_worker.slots import descendants
from taskq_worker.slots.frames import END, HELLO, FrameReader, run_frame

from taskq_kernel.local.julia_project import Juliacall

STAND_IN = Path(__file__).parents[1] / "unit" / "juliacall_stand_in"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runners")


@pytest.fixture(scope="module")
def command(cache: Path) -> JuliaCommand:
    """A command whose runner was compiled by a process that lets nobody read its files."""
    before = os.umask(0o077)
    try:
        return compile_ahead(JuliaCommand(julia()), cache)
    finally:
        os.umask(before)


def package_files(command: JuliaCommand) -> dict[Path, bytes]:
    """What Julia keeps of the compiled runner, which has the time of its making in it."""
    return {path: path.read_bytes() for path in (command.sources / "compiled").rglob("*.ji")}


def test_what_is_compiled_once_is_taken_from_then_on(command: JuliaCommand, cache: Path) -> None:
    assert command.sources.parent == cache
    written = package_files(command)
    assert written

    bench = Bench(command)
    bench.start()
    try:
        # A package stands alone; what is included is a part of Main.
        modules = bench.run("[string(m) for m in values(Base.loaded_modules) if nameof(m) === :TaskqRunner]").value
    finally:
        bench.close()

    assert modules == ["TaskqRunner"]
    assert package_files(command) == written, "it was compiled again"
    assert compile_ahead(JuliaCommand(julia()), cache) == command
    assert package_files(command) == written, "it was compiled again"


def test_tasks_that_run_as_other_users_can_read_it(command: JuliaCommand) -> None:
    for path in {command.sources, *command.sources.rglob("*")} - {command.sources / "ready"}:
        assert path.stat().st_mode & 0o004, path


def stand_in(folder: Path, compiles: str) -> JuliaCommand:
    """A program that answers as Julia 1.10 does when asked for its version, and compiles nothing."""
    program = folder / "bin" / "julia"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo julia version 1.10.4 && exit\n{compiles}\n')
    program.chmod(0o755)
    return JuliaCommand(str(program))


#: Leaves what looks compiled in the folder of main.jl, where that is a package.
SEEMS_TO_COMPILE = """
for main in "$@"; do case "$main" in */main.jl)
    mkdir -p "$(dirname "$main")/compiled"; touch "$(dirname "$main")/compiled/TaskqRunner.ji";;
esac; done
"""


def test_a_runner_or_a_julia_that_changed_is_compiled_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = stand_in(tmp_path, SEEMS_TO_COMPILE)
    first = compile_ahead(plain, tmp_path / "runners")
    again = compile_ahead(plain, tmp_path / "runners")
    os.utime(plain.executable, (0, 0))
    after_julia = compile_ahead(plain, tmp_path / "runners")
    shutil.copytree(JULIA_SOURCES, tmp_path / "changed")
    with (tmp_path / "changed" / "text.jl").open("a") as file:
        file.write("# changed\n")
    monkeypatch.setattr(compiled, "JULIA_SOURCES", tmp_path / "changed")
    after_runner = compile_ahead(plain, tmp_path / "runners")

    assert plain.sources == JULIA_SOURCES
    assert again == first
    assert len({first.sources, after_julia.sources, after_runner.sources}) == 3
    assert (after_runner.sources / "text.jl").read_text().endswith("# changed\n")


def test_a_runner_that_nobody_used_for_months_is_removed(tmp_path: Path) -> None:
    plain = stand_in(tmp_path, SEEMS_TO_COMPILE)
    old = compile_ahead(plain, tmp_path / "runners").sources
    os.utime(old / "ready", (0, 0))
    os.utime(plain.executable, (0, 0))  # so that the next is another one

    new = compile_ahead(plain, tmp_path / "runners").sources

    assert new.exists()
    assert not old.exists()


def test_where_julia_cannot_compile_it_the_sources_are_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    plain = stand_in(tmp_path, "echo no space >&2; exit 3")

    with caplog.at_level(logging.WARNING):
        assert compile_ahead(plain, tmp_path / "runners") == plain

    assert "ended with exit code 3: no space" in caplog.text
    assert [path for path in (tmp_path / "runners").iterdir() if path.is_dir()] == [], "half a runner is left"


def test_where_the_folder_cannot_be_written_the_sources_are_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "runners").write_text("not a folder")
    plain = JuliaCommand(julia())

    with caplog.at_level(logging.WARNING):
        assert compile_ahead(plain, tmp_path / "runners") == plain

    assert "each Julia process starts later" in caplog.text


def test_a_worker_that_is_stopped_while_it_compiles_leaves_no_process(tmp_path: Path) -> None:
    julia_pid = tmp_path / "pid"
    plain = stand_in(tmp_path, f"echo $$ > {julia_pid}.new; mv {julia_pid}.new {julia_pid}; sleep 987654")
    environment = {**os.environ, "TASKQ_JULIA": plain.executable, "XDG_DATA_HOME": str(tmp_path / "data")}
    environment |= {"TASKQ_URL": "http://127.0.0.1:9/graphql", "TASKQ_TOKEN": "none", "TASKQ_HOME": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-m", "taskq_kernel.cli", "worker"], env=environment) as worker:
        eventually(julia_pid.exists, "the start that compiles", timeout_s=30)
        pid = int(julia_pid.read_text())
        children = descendants.children_of(pid)

        worker.send_signal(signal.SIGTERM)

        assert worker.wait(10) == 0
    eventually(lambda: not any(map(descendants.is_alive, (pid, *children))), "the end of what it started")


@pytest.fixture
def juliacall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JuliacallCommand:
    """A stand-in for juliacall, which loads the runner as juliacall does, in the Julia under test."""
    inside = Juliacall(julia(), julia(), str(tmp_path), "1.12.1", "0.9.37")
    plain = JuliacallCommand.environment
    stand_in = {
        "PYTHONPATH": str(STAND_IN), "STAND_IN_JULIA": julia(), "STAND_IN_REPORT": str(tmp_path / "report.json"),
    }  # fmt: skip
    monkeypatch.setattr(JuliacallCommand, "environment", lambda command: plain(command) | stand_in)
    return JuliacallCommand(inside, tmp_path)


def test_juliacall_takes_the_runner_that_its_own_julia_has_compiled(
    command: JuliaCommand, juliacall: JuliacallCommand, cache: Path
) -> None:
    written = package_files(command)

    made = compile_ahead(juliacall, cache)

    assert made == replace(juliacall, sources=command.sources)
    assert package_files(command) == written, "it was compiled again"
    assert made.sources in made.needs()
    bench = Bench(made)
    bench.start()
    try:
        modules = bench.run("[string(m) for m in values(Base.loaded_modules) if nameof(m) === :TaskqRunner]").value
    finally:
        bench.close()
    assert modules == ["TaskqRunner"]
    assert package_files(command) == written, "it was compiled again"


def processor_seconds(command: JuliaCommand, request: bytes, answers: set[int]) -> float:
    """What a process uses that is asked this at its start, and let go when these frames have come."""
    requests, ask = os.pipe()
    reading, frames = os.pipe()
    os.write(ask, request)
    process = subprocess.Popen(
        command.argv(requests, frames, requests), env=os.environ | command.environment(), stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, pass_fds=(requests, frames),
    )  # fmt: skip
    os.close(requests)
    os.close(frames)
    reader = FrameReader(1 << 20)
    while answers and (data := os.read(reading, 1 << 16)):
        answers = answers - {kind for kind, _ in reader.feed(data)}
    os.close(ask)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    os.close(reading)
    assert not answers
    return usage.ru_utime + usage.ru_stime


def test_a_task_that_waits_at_the_start_is_run_before_all_of_the_warm_up(command: JuliaCommand) -> None:
    """Where many slots start at once the processor is scarce, and what a task needs comes first."""
    request = run_frame(1, "SCRIPT", "1 + 1", "", None, 0, {}, 1000)
    used = processor_seconds(command, request, {HELLO, END})
    assert used < 0.85 * processor_seconds(command, b"", {HELLO})
