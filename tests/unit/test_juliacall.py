"""The Python side of juliacall: when it counts as ready, and how its child starts.

The child is run with a stand-in for the module `juliacall`. That Julia itself behaves is
what the contract tests of tests/integration show, over both kinds of process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from taskq_worker.julia.choice import choose_what_starts
from taskq_worker.julia.command import JuliaCommand, choose_runner
from taskq_worker.julia.juliacall_command import CHILD, JuliacallCommand, find_juliacall
from taskq_worker.julia.sources import JULIA_SOURCES
from taskq_worker.julia.trial import try_juliacall

from taskq_kernel.cli import julia as cli_julia
from taskq_kernel.errors import SetupError
from taskq_kernel.local import julia_project
from taskq_kernel.local.julia import JuliaInstall
from taskq_kernel.local.julia_project import Juliacall
from taskq_kernel.settings import load_settings

STAND_IN = Path(__file__).parent / "juliacall_stand_in"
VERSION = "0.9.37"


@pytest.fixture(autouse=True)
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether juliacall is installed is for each test to say."""
    monkeypatch.setattr(julia_project, "juliacall_version", lambda: VERSION)


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    """A data folder after `taskq julia install`."""
    for name in ("julia", "libjulia.so"):
        (tmp_path / name).touch()
    folder = julia_project.project_folder(tmp_path)
    folder.mkdir()
    found = Juliacall(str(tmp_path / "julia"), str(tmp_path / "libjulia.so"), str(tmp_path), "1.11.1", VERSION)
    (folder / julia_project.RECORD).write_text(json.dumps(vars(found)))
    (folder / "Project.toml").write_text('[deps]\nPythonCall = "6099a3de"\n')
    (folder / "Manifest.toml").write_text(f'[[deps.PythonCall]]\nversion = "{VERSION}"\n')
    return tmp_path


def test_what_install_found_is_used_as_it_is(ready: Path) -> None:
    command = find_juliacall(ready)
    assert command.kind == "juliacall"
    environment = command.environment()
    assert environment["PYTHON_JULIACALL_HANDLE_SIGNALS"] == "yes"
    assert environment["PYTHON_JULIACALL_EXE"] == str(ready / "julia")
    assert environment["PYTHON_JULIACALL_PROJECT"] == str(julia_project.project_folder(ready))
    assert environment["JULIA_PROJECT"] == str(julia_project.project_folder(ready))


def test_it_is_not_ready_where_juliacall_is_not_installed(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(julia_project, "juliacall_version", lambda: None)
    with pytest.raises(SetupError, match=r"pip install 'taskq-kernel\[worker\]'"):
        find_juliacall(ready)


def test_it_is_not_ready_before_it_was_set_up(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"no Julia yet: run `taskq julia install`.*1\.10\.3"):
        find_juliacall(tmp_path)


def test_it_is_not_ready_after_juliacall_was_upgraded(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(julia_project, "juliacall_version", lambda: "0.9.40")
    with pytest.raises(SetupError, match=r"set up for juliacall 0\.9\.37, and this is 0\.9\.40"):
        find_juliacall(ready)


def test_it_is_not_ready_when_its_julia_has_gone(ready: Path) -> None:
    (ready / "libjulia.so").unlink()
    with pytest.raises(SetupError, match=r"libjulia\.so is not there"):
        find_juliacall(ready)


def test_it_is_not_ready_without_python_call_in_the_project(ready: Path) -> None:
    (julia_project.project_folder(ready) / "Manifest.toml").write_text("")
    with pytest.raises(SetupError, match=r"PythonCall 0\.9\.37 is not in"):
        find_juliacall(ready)


def test_a_record_that_cannot_be_read_says_how_to_mend_it(ready: Path) -> None:
    (julia_project.project_folder(ready) / julia_project.RECORD).write_text("{")
    ok, about = julia_project.describe_juliacall(ready)
    assert not ok
    assert "run `taskq julia install`" in about


def test_auto_takes_juliacall_where_it_is_ready(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TASKQ_JULIA", raising=False)
    assert isinstance(choose_runner(load_settings(home=ready)), JuliacallCommand)


def test_auto_takes_the_executable_that_the_settings_name(ready: Path) -> None:
    julia = ready / "julia"
    julia.write_text("#!/bin/sh\necho julia version 1.6.7\n")
    julia.chmod(0o755)
    command = choose_runner(load_settings(home=ready, julia=str(julia)))
    # Both kinds use the same project.
    assert isinstance(command, JuliaCommand)
    assert command.environment()["JULIA_PROJECT"] == str(julia_project.project_folder(ready))


def test_who_asks_for_juliacall_is_told_why_it_cannot_be_had(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="taskq julia install"):
        choose_runner(load_settings(home=tmp_path, runner="juliacall"))


def test_a_name_that_cannot_be_a_package_never_reaches_julia(tmp_path: Path) -> None:
    for name in ("a; rm -rf", "../Evil", "--eval", "Name@", "Näme"):
        with pytest.raises(SetupError, match="no name of a Julia package"):
            julia_project.add(tmp_path, [name], "/nonexistent/julia")


def test_no_network_is_said_in_the_first_line(tmp_path: Path) -> None:
    julia = tmp_path / "julia"
    julia.write_text("#!/bin/sh\necho 'Could not resolve host: pkg'\nexit 1\n")
    julia.chmod(0o755)
    said: list[str] = []
    with pytest.raises(SetupError, match=r"\AJulia could not add DataFrames, for want of a network: connect"):
        julia_project.add(tmp_path, ["DataFrames"], str(julia), said.append)
    assert said == ["Could not resolve host: pkg"]


def test_the_projects_packages_and_manifest_are_known(ready: Path) -> None:
    assert julia_project.packages(ready) == {"PythonCall": VERSION}
    first = julia_project.manifest_sha256(ready)
    with (julia_project.project_folder(ready) / "Manifest.toml").open("a") as manifest:
        manifest.write("# another\n")
    assert first is not None
    assert julia_project.manifest_sha256(ready) != first


# -- the child, with a stand-in for juliacall -------------------------------------------------


def start_child(ready: Path, report: Path, **environment: str) -> tuple[subprocess.Popen[bytes], int, int]:
    """Start the child as a slot does; the process, and our ends of its two pipes."""
    their_requests, our_requests = os.pipe()
    our_frames, their_frames = os.pipe()
    command = find_juliacall(ready)
    argv = command.argv(their_requests, their_frames, their_requests)
    paths = {"PYTHONPATH": str(STAND_IN), "STAND_IN_REPORT": str(report), "PATH": os.environ["PATH"]}
    process = subprocess.Popen(
        argv, env=command.environment() | paths | environment, pass_fds=(their_requests, their_frames)
    )
    os.close(their_requests)
    os.close(their_frames)
    return process, our_requests, our_frames


def test_the_child_makes_few_calls_and_in_this_order(ready: Path, tmp_path: Path) -> None:
    # Given: a stand-in for juliacall. When: the child runs.
    report = tmp_path / "report.json"
    process, requests, frames = start_child(ready, report)
    assert process.wait(30) == 0
    os.close(requests)
    os.close(frames)
    # Then: it was imported with its signals handled and nothing to resolve, and given these calls.
    seen = json.loads(report.read_text())
    assert seen["environment"]["PYTHON_JULIACALL_HANDLE_SIGNALS"] == "yes"
    assert {"PYTHON_JULIACALL_EXE", "PYTHON_JULIACALL_PROJECT"} <= seen["environment"].keys()
    assert [Path(path).name for path in seen["included"]] == ["load.jl", "python.jl"]
    assert len(seen["main"]) == 3
    assert seen["utf8"] == 1


def test_signals_are_handled_even_if_nobody_asked_for_it(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    env = {"PYTHONPATH": str(STAND_IN), "STAND_IN_REPORT": str(report), "PYTHON_JULIACALL_HANDLE_SIGNALS": "no"}
    command = [sys.executable, "-P", str(CHILD), "3", "4", "5", str(JULIA_SOURCES)]
    subprocess.run(command, env=env, check=True, timeout=30)
    assert json.loads(report.read_text())["environment"]["PYTHON_JULIACALL_HANDLE_SIGNALS"] == "yes"


# -- which Julia install takes, and what it says where it fails --------------------------------


@pytest.fixture
def resolved_with(ready: Path, monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The Julia that juliapkg was told to take, of each time that it was asked."""
    told: list[str | None] = []

    def follow(command: list[str], environment: dict[str, str], *_: object) -> None:
        told.append(environment.get("PYTHON_JULIAPKG_EXE"))
        Path(command[-1]).write_text(
            json.dumps({"executable": "julia", "library": "libjulia.so", "bindir": "bin", "julia": "1.11.3"})
        )

    monkeypatch.setattr(julia_project, "follow", follow)
    return told


@pytest.mark.parametrize(
    ("version", "taken"),
    [("1.10.3", True), ("1.12.0-DEV.12", True), ("2.0.0", True), ("1.10.2", False), ("1.9.4", False), ("1.5.3", False)],
)
def test_install_takes_the_named_julia_where_juliacall_can_use_it(
    ready: Path, resolved_with: list[str | None], version: str, taken: bool
) -> None:
    said: list[str] = []
    named = JuliaInstall(Path("/named/julia"), version, "TASKQ_JULIA")

    julia_project.install(ready, lambda *_: None, said.append, named)

    assert resolved_with == ["/named/julia" if taken else None]
    passed_over = f"TASKQ_JULIA is Julia {version}, and juliacall needs 1.10.3 or newer: finding another"
    assert (passed_over in said) is not taken


def test_the_command_hands_the_named_julia_on(
    ready: Path, resolved_with: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    julia = ready / "julia"
    julia.write_text("#!/bin/sh\necho julia version 1.12.1\n")
    julia.chmod(0o755)
    monkeypatch.setattr("taskq_worker.julia.trial.try_juliacall", lambda *_: None)
    monkeypatch.setenv("TASKQ_JULIA", str(julia))

    done = CliRunner().invoke(cli_julia.install, ["--home", str(ready)])

    assert done.exit_code == 0, done.output
    assert resolved_with == [str(julia)]
    assert "juliacall 0.9.37 is ready, with Julia 1.11.3" in done.output
    # For who names an executable gets it, unless they ask for the other.
    assert "set TASKQ_RUNNER=juliacall" in done.output


PKG_FAILS = """
Updating registry
ERROR: Unsatisfiable requirements detected for package PythonCall [6099a3de]:
 restricted to versions 0.9.37 by an explicit requirement
Stacktrace:
""" + "".join(f"  [{n}] somewhere(::Int64) @ Pkg /deep/inside.jl:{n}\n" for n in range(1, 40))


def test_where_the_package_manager_fails_its_error_is_repeated_and_not_its_stack(tmp_path: Path) -> None:
    julia = tmp_path / "julia"
    julia.write_text(f"#!/bin/sh\ncat <<'END'\n{PKG_FAILS}END\nexit 1\n")
    julia.chmod(0o755)

    with pytest.raises(SetupError) as caught:
        julia_project.add(tmp_path, ["DataFrames"], str(julia))

    assert str(caught.value) == (
        "Julia could not add DataFrames (exit status 1):\n"
        "ERROR: Unsatisfiable requirements detected for package PythonCall [6099a3de]:\n"
        " restricted to versions 0.9.37 by an explicit requirement"
    )


# -- a process that is tried starts as a worker's -----------------------------------------------


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Has the stand-in taken for juliacall wherever a process is started; where it reports."""
    report = tmp_path / "report.json"
    plain = JuliacallCommand.environment

    def environment(command: JuliacallCommand) -> dict[str, str]:
        version = command.juliacall.julia
        return plain(command) | {
            "PYTHONPATH": str(STAND_IN), "STAND_IN_REPORT": str(report), "STAND_IN_VERSION": version,
        }  # fmt: skip

    monkeypatch.setattr(JuliacallCommand, "environment", environment)
    return report


def found(home: Path, version: str) -> Juliacall:
    """What juliapkg has found, of a version."""
    return Juliacall(str(home / "julia"), str(home / "libjulia.so"), str(home), version, VERSION)


@pytest.mark.parametrize("version", ["1.10.3", "1.11.3", "1.12.1", "1.13.0-DEV.7"])
def test_juliacall_starts_whatever_its_julia_makes_of_the_number_of_threads(
    ready: Path, stand_in: Path, version: str
) -> None:
    try_juliacall(found(ready, version), julia_project.project_folder(ready), print)
    assert json.loads(stand_in.read_text())["main"]


def test_install_tries_what_a_worker_starts_and_keeps_only_what_starts(
    ready: Path, stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given: juliacall that does not start with the environment that a worker gives it.
    monkeypatch.setattr(julia_project, "_resolve", lambda *_: found(ready, "1.11.3"))
    monkeypatch.setattr("taskq_worker.julia.juliacall_command.thread_setting", lambda *_: "1,0")
    said: list[str] = []

    # When, then: it is not ready, and why is said.
    with pytest.raises(SetupError, match=r"does not start with Julia 1\.11\.3: .*\n?.*n and m must be integers"):
        julia_project.install(ready, try_juliacall, said.append)
    with pytest.raises(SetupError, match="taskq julia install"):
        find_juliacall(ready)
    assert any("must be integers" in line for line in said)

    # And: with another it is.
    monkeypatch.undo()
    monkeypatch.setattr(julia_project, "juliacall_version", lambda: VERSION)
    monkeypatch.setattr(julia_project, "_resolve", lambda *_: found(ready, "1.11.3"))
    julia_project.install(ready, lambda *_: None)
    assert find_juliacall(ready).juliacall.julia == "1.11.3"


@pytest.fixture
def executable(ready: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A julia executable on PATH, which compiles nothing."""
    (ready / "bin").mkdir()
    julia = ready / "bin" / "julia"
    julia.write_text("#!/bin/sh\necho julia version 1.6.7\n")
    julia.chmod(0o755)
    monkeypatch.setenv("PATH", f"{julia.parent}:{os.environ['PATH']}")
    monkeypatch.delenv("TASKQ_JULIA", raising=False)
    return str(julia)


def test_auto_takes_the_executable_where_juliacall_does_not_start_and_says_so(
    ready: Path,
    executable: str,
    stand_in: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = load_settings(home=ready)
    assert isinstance(choose_what_starts(settings, tmp_path / "runners")[0], JuliacallCommand)

    monkeypatch.setattr("taskq_worker.julia.juliacall_command.thread_setting", lambda *_: "1,0")
    chosen, compiled = choose_what_starts(settings, tmp_path / "others")

    assert chosen == compiled
    assert isinstance(chosen, JuliaCommand)
    assert chosen.executable == executable
    assert "tasks run in the julia executable, for juliacall does not start: " in caplog.text
    assert "n and m must be integers" in caplog.text
    # Who has asked for juliacall is not given another.
    wanted = choose_what_starts(replace(settings, runner="juliacall"), tmp_path / "others")
    assert isinstance(wanted[1], JuliacallCommand)


def test_juliacall_is_tried_once_a_day_and_again_after_a_failure(
    ready: Path, executable: str, stand_in: Path, tmp_path: Path
) -> None:
    settings, cache = load_settings(home=ready), tmp_path / "runners"
    cache.mkdir()
    choose_what_starts(settings, cache)
    assert stand_in.exists()
    stand_in.unlink()

    choose_what_starts(settings, cache)
    assert not stand_in.exists(), "it was tried again"

    [known] = cache.glob("starts-*")
    os.utime(known, (0, 0))
    choose_what_starts(settings, cache)
    assert stand_in.exists(), "it was not tried again"


def test_auto_says_why_it_does_not_take_a_juliacall_that_is_not_set_up(
    ready: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (julia_project.project_folder(ready) / julia_project.RECORD).unlink()
    julia = ready / "julia"
    julia.write_text("#!/bin/sh\necho julia version 1.6.7\n")
    julia.chmod(0o755)
    monkeypatch.setenv("PATH", f"{ready}:{os.environ['PATH']}")
    monkeypatch.delenv("TASKQ_JULIA", raising=False)

    with caplog.at_level("INFO"):
        assert isinstance(choose_runner(load_settings(home=ready)), JuliaCommand)

    assert "not in juliacall: juliacall has no Julia yet: run `taskq julia install`" in caplog.text
