"""What a worker's slots run, and as whom."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from taskq_worker import main
from taskq_worker.julia.command import JuliaCommand
from taskq_worker.sandbox.sandbox import OWN_USER
from taskq_worker.sandbox.sandboxes import Sandboxes

from taskq_kernel.errors import SettingsError
from taskq_kernel.settings import load_settings

PLAIN = JuliaCommand("julia")
COMPILED = replace(PLAIN, sources=Path("/home/ada/runners/one"))


def apart(reason: str = "") -> Sandboxes:
    return Sandboxes([OWN_USER], "a note", reason)


@pytest.fixture(autouse=True)
def compiled_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "choose_what_starts", lambda *_: (PLAIN, COMPILED))


def test_slots_run_the_compiled_runner_where_task_users_reach_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(main, "make_sandboxes", lambda *_: apart())

    assert main._prepare(load_settings(home=tmp_path), tmp_path)[0] == COMPILED


@pytest.mark.parametrize("refusal", ["a reason", SettingsError("task_user cannot reach it")])
def test_slots_run_the_sources_where_task_users_reach_only_those(
    refusal: str | SettingsError, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def make_sandboxes(_: object, runner: JuliaCommand, *__: object) -> Sandboxes:
        if runner == PLAIN:
            return apart()
        if isinstance(refusal, SettingsError):
            raise refusal
        return apart(refusal)

    monkeypatch.setattr(main, "make_sandboxes", make_sandboxes)
    runner, _, sandboxes, _ = main._prepare(load_settings(home=tmp_path), tmp_path)

    assert runner == PLAIN
    assert not sandboxes.reason


def test_slots_run_the_compiled_runner_where_tasks_cannot_be_apart_anyway(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(main, "make_sandboxes", lambda *_: apart("users cannot be changed here"))

    runner, _, sandboxes, _ = main._prepare(load_settings(home=tmp_path), tmp_path)

    assert runner == COMPILED
    assert sandboxes.reason == "users cannot be changed here"
