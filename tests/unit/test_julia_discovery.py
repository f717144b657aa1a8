"""Which Julia is taken, with stand-ins that only answer ``--version``."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from taskq_kernel.errors import SetupError
from taskq_kernel.local.julia import find_julia
from taskq_kernel.settings import Settings

MakeJulia = Callable[[str, str], Path]


@pytest.fixture
def julia(tmp_path: Path) -> MakeJulia:
    """Makes a program, at a path below the test's folder, that gives an answer."""

    def make(place: str, answer: str) -> Path:
        program = tmp_path / place
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/bin/sh\necho '{answer}'\n")
        program.chmod(0o755)
        return program

    return make


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings on a machine where nothing of Julia is."""
    (tmp_path / "path").mkdir()
    for tool in ("sh",):
        (tmp_path / "path" / tool).symlink_to(f"/bin/{tool}")
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setenv("TASKQ_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("TASKQ_JULIA", raising=False)
    monkeypatch.setattr("sys.prefix", str(tmp_path / "venv"))
    return Settings(home=tmp_path / "home")


def test_the_setting_wins_over_everything(settings: Settings, julia: MakeJulia) -> None:
    julia("path/julia", "julia version 1.10.0")
    mine = julia("mine/julia-dev", "julia version 1.12.0-DEV.12")
    found = find_julia(replace(settings, julia=str(mine)))
    assert (found.path, found.version, found.release, found.source) == (
        mine,
        "1.12.0-DEV.12",
        (1, 12),
        "TASKQ_JULIA",
    )


def test_the_setting_may_be_a_name_on_path(settings: Settings, julia: MakeJulia) -> None:
    named = julia("path/julia-1.9", "julia version 1.9.4")
    assert find_julia(replace(settings, julia="julia-1.9")).path == named


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("GNU julia 3.1", "is not Julia; asked for its version, it said 'GNU julia 3.1'"),
        ("julia version 1.4.2", "is Julia 1.4.2, which is older than 1.5"),
    ],
)
def test_a_setting_that_is_of_no_use_is_an_error_even_if_there_is_another_julia(
    settings: Settings, julia: MakeJulia, answer: str, said: str
) -> None:
    julia("path/julia", "julia version 1.10.0")
    wrong = julia("wrong", answer)
    with pytest.raises(SetupError) as caught:
        find_julia(replace(settings, julia=str(wrong)))
    assert str(wrong) in str(caught.value)
    assert said in str(caught.value)


def test_a_setting_that_is_not_there_is_named(settings: Settings) -> None:
    with pytest.raises(SetupError, match="TASKQ_JULIA is '/nowhere/julia': not there"):
        find_julia(replace(settings, julia="/nowhere/julia"))


def test_julia_on_path_comes_before_what_set_up_installed(settings: Settings, julia: MakeJulia) -> None:
    julia("home/julia/bin/julia", "julia version 1.5.3")
    on_path = julia("path/julia", "julia version 1.5.0")
    found = find_julia(settings)
    assert (found.path, found.source) == (on_path, "PATH")


def test_a_julia_on_path_that_is_too_old_is_passed_over(settings: Settings, julia: MakeJulia) -> None:
    julia("path/julia", "julia version 1.4.2")
    fetched = julia("home/julia/bin/julia", "julia version 1.5.3")
    found = find_julia(settings)
    assert (found.path, found.version, found.source) == (fetched, "1.5.3", "set-up")


def test_juliapkgs_julia_comes_before_the_fetched_one(settings: Settings, julia: MakeJulia) -> None:
    julia("home/julia/bin/julia", "julia version 1.5.3")
    official = julia("venv/julia_env/pyjuliapkg/install/bin/julia", "julia version 1.11.2")
    assert find_julia(settings).path == official
    other = julia("elsewhere/julia", "julia version 1.11.5")
    meta = official.parents[2] / "meta.json"
    meta.write_text(json.dumps({"executable": str(other)}))
    found = find_julia(settings)
    assert (found.path, found.source) == (other, "juliapkg")


def test_the_fetched_julia_is_found_from_a_data_folder_of_another_name(
    settings: Settings, julia: MakeJulia, tmp_path: Path
) -> None:
    fetched = julia("usual home/julia/bin/julia", "julia version 1.5.3")
    pointer = tmp_path / "venv" / "share" / "taskq" / "julia"
    pointer.parent.mkdir(parents=True)
    pointer.write_text(f"{fetched}\n")
    assert find_julia(settings).path == fetched


def test_the_users_fetched_julia_is_found_from_any_data_folder(settings: Settings, julia: MakeJulia) -> None:
    fetched = julia("data/taskq/julia/bin/julia", "julia version 1.5.3")
    found = find_julia(settings)
    assert (found.path, found.source) == (fetched, "set-up")


def test_without_any_julia_the_error_names_every_place_and_what_to_do(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(SetupError) as caught:
        find_julia(settings)
    said = str(caught.value)
    assert "julia: not on PATH" in said
    assert f"{tmp_path}/venv/julia_env/pyjuliapkg/install/bin/julia: not there" in said
    assert f"{tmp_path}/home/julia/bin/julia: not there" in said
    assert "scripts/setup" in said
    assert "TASKQ_JULIA" in said
