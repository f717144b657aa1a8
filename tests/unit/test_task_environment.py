"""What a Julia process finds in its environment, and how it is started."""

from __future__ import annotations

from pathlib import Path

import pytest
from taskq_worker.julia.command import JuliaCommand, julia_version
from taskq_worker.julia.environment import task_environment
from taskq_worker.julia.process_key import ProcessKey

from taskq_kernel.errors import SetupError

HOME = Path("/folder/slot-0-1/work")


def test_nothing_of_the_supervisor_is_passed_on_but_what_is_listed() -> None:
    supervisor = {
        "PATH": "/usr/bin", "TZ": "Europe/Rome", "HOME": "/home/ada", "TASKQ_TOKEN": "secret", "AWS_SECRET": "secret",
        "LD_LIBRARY_PATH": "/x", "JULIA_PROJECT": "/p", "http_proxy": "http://user:secret@host",
    }  # fmt: skip

    environment = task_environment(HOME, {"JULIA_NUM_THREADS": "1"}, supervisor)

    assert "secret" not in "".join(environment.values())
    assert not [name for name in environment if name.startswith("TASKQ")]
    assert "LD_LIBRARY_PATH" not in environment
    assert environment["PATH"] == "/usr/bin"
    assert environment["TZ"] == "Europe/Rome"
    assert environment["JULIA_PROJECT"] == "/p"


def test_the_tasks_folder_is_its_home_and_packages_come_from_the_workers() -> None:
    environment = task_environment(HOME, {}, {"HOME": "/home/ada"})

    assert environment["HOME"] == environment["TMPDIR"] == str(HOME)
    assert environment["JULIA_DEPOT_PATH"] == "/home/ada/.julia:"
    assert task_environment(HOME, {}, {"JULIA_DEPOT_PATH": "/d"})["JULIA_DEPOT_PATH"] == "/d"


@pytest.mark.parametrize(("own", "threads"), [("1", "1"), ("1,0", "1"), ("4,0", "4")])
def test_linear_algebra_has_as_many_threads_as_julia(own: str, threads: str) -> None:
    environment = task_environment(HOME, {"JULIA_NUM_THREADS": own}, {})

    assert environment["OPENBLAS_NUM_THREADS"] == environment["OMP_NUM_THREADS"] == threads


def fake_julia(folder: Path, says: str) -> str:
    path = folder / "julia"
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(("version", "threads"), [("1.5.3", "2"), ("1.10.4", "2"), ("1.11.3", "2"), ("1.12.1", "2,0")])
def test_newer_julias_are_told_to_have_no_interactive_thread(tmp_path: Path, version: str, threads: str) -> None:
    command = JuliaCommand(fake_julia(tmp_path, f"julia version {version}"), ProcessKey(threads=2))

    assert command.environment() == {"JULIA_NUM_THREADS": threads}


def test_a_julia_that_is_too_old_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"is Julia 1\.4\.1, and taskq needs 1\.5 or newer"):
        julia_version(fake_julia(tmp_path, "julia version 1.4.1"))


def test_a_program_that_is_not_julia_is_refused_with_its_words(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"is not Julia: .*'good day'"):
        julia_version(fake_julia(tmp_path, "good day"))


def test_a_julia_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot be started as"):
        julia_version(str(tmp_path / "missing"))
