"""The checks of ``taskq doctor``, each on a machine that lacks what it looks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from taskq_kernel.errors import SetupError
from taskq_kernel.local import doctor
from taskq_kernel.local.restarts import Restarts, write_restarts
from taskq_kernel.settings import Settings


def test_every_check_of_the_list_is_made_and_more_can_be_added(tmp_path: Path) -> None:
    def check_tea(_: Settings) -> doctor.Check:
        raise SetupError("there is no tea")

    found = list(doctor.examine(Settings(home=tmp_path), [check_tea]))
    assert [check.name for check in found] == [
        "Python", "RabbitMQ", "Julia", "juliacall", "ports", "data folder", "disk", "temporary folder",
        "parts", "broker", "dead letters", "queues", "tea",
    ]  # fmt: skip
    assert not found[-1].ok
    assert found[-1].detail == "there is no tea"


def test_a_check_that_breaks_is_a_failed_check(tmp_path: Path) -> None:
    def check_nothing(_: Settings) -> doctor.Check:
        raise ZeroDivisionError("division by zero")

    last = list(doctor.examine(Settings(home=tmp_path), [check_nothing]))[-1]
    assert (last.name, last.ok, last.detail) == ("nothing", False, "ZeroDivisionError: division by zero")


def test_whatever_is_wrong_comes_with_a_way_to_mend_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASKQ_RABBITMQ", "/nowhere/rabbitmq-server")
    monkeypatch.setattr(doctor, "DISK_NEEDED_BYTES", 1 << 60)
    (tmp_path / "file").write_text("")
    settings = Settings(home=tmp_path / "file" / "home", julia="/nowhere/julia")
    wrong = {check.name: check for check in doctor.examine(settings) if not check.ok}
    assert set(wrong) == {"RabbitMQ", "Julia", "data folder", "disk"}
    assert all(check.detail and check.mend for check in wrong.values())


def test_a_data_folder_that_others_can_write_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    check = doctor.check_data_folder(Settings(home=tmp_path))
    assert not check.ok
    assert check.mend == f"chmod go-w {tmp_path}"


def test_a_part_that_was_given_up_is_told_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    write_restarts(tmp_path, {"sink": Restarts(6, "2026-01-01T00:00:00+00:00", "exit status 1", given_up=True)})
    check = doctor.check_parts(Settings(home=tmp_path))
    assert (check.ok, check.mend) == (False, "mend that, then: taskq up")
    assert "the sink (exit status 1)" in check.detail
    write_restarts(tmp_path, {"sink": Restarts(6, "2026-01-01T00:00:00+00:00", "exit status 1")})
    assert doctor.check_parts(Settings(home=tmp_path)).ok


def test_looking_makes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "not" / "yet"
    assert all(check.ok for check in (doctor.check_data_folder(Settings(home=home)),))
    assert list(tmp_path.iterdir()) == []


def test_juliacall_is_asked_for_only_where_workers_are_to_use_it(tmp_path: Path) -> None:
    not_used = doctor.check_juliacall(Settings(home=tmp_path))
    wanted = doctor.check_juliacall(Settings(home=tmp_path, runner="juliacall"))
    assert not_used.ok
    assert not_used.detail.startswith("not in use: ")
    assert not wanted.ok
    assert "taskq julia install" in wanted.mend


def test_a_machine_without_a_julia_executable_is_in_order_where_juliacall_is_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_julia(_: Settings) -> None:
        raise SetupError("no Julia was found")

    monkeypatch.setattr(doctor, "find_julia", find_julia)
    about = "juliacall 0.9.37 with Julia 1.11.3 at /its/julia"
    monkeypatch.setattr(doctor, "describe_juliacall", lambda _: (True, about))

    check = doctor.check_julia(Settings(home=tmp_path))
    assert (check.ok, check.detail) == (True, f"no executable, and none is needed: {about}")
    # Workers that are to take the executable find none.
    assert not doctor.check_julia(Settings(home=tmp_path, runner="julia")).ok
    assert not doctor.check_julia(Settings(home=tmp_path, julia="/nowhere/julia")).ok

    monkeypatch.setattr(doctor, "describe_juliacall", lambda _: (False, "juliacall is not installed"))
    assert not doctor.check_julia(Settings(home=tmp_path)).ok
