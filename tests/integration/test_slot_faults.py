"""What goes wrong around a slot is that slot's own affair: the attempt ends with a reason, the worker goes on."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from julia_fixtures import Bench, slots
from small_disk import small_disk
from stacks import eventually
from taskq_worker.slots.attempt import Attempt
from taskq_worker.slots.slot import Slot

from taskq_kernel.domain import TaskStatus

__all__ = ["slots"]


def test_a_task_that_locks_the_folder_above_its_own_keeps_its_value(slots: Bench) -> None:
    assert slots.misbehave('chmod(joinpath(pwd(), ".."), 0); 42').value == 42


def test_a_task_that_puts_a_file_in_place_of_its_folder_keeps_its_value(slots: Bench) -> None:
    away = 'folder = dirname(pwd()); mv(folder, folder * "-away"); write(folder, ""); 42'
    try:
        assert slots.misbehave(away, replaced=True).value == 42
    finally:
        for folder in slots.folder.glob("*-away"):
            shutil.rmtree(folder)


def test_a_task_that_fills_the_disk_keeps_its_value_and_the_slot_gets_room_again(slots: Bench) -> None:
    fill = """
    made = 0
    try
        while true
            touch("file-$made")
            global made += 1
        end
    catch problem
        problem isa Union{Base.IOError, SystemError} || rethrow()
    end
    made > 5
    """
    folder = Path(tempfile.mkdtemp(prefix="taskq-small-"))
    warm = slots.slot._warm
    slot = slots.slot
    try:
        with small_disk(folder, "size=64m,nr_inodes=60"):
            elsewhere, warm._folder = warm._folder, folder
            try:
                slots.begin("exit()", slot=slot).result(60)  # the next process is on the small disk
                assert str(folder) in slots.begin("pwd()", slot=slot).result(60).value
                assert slots.begin(fill, slot=slot).result(60).value is True
                assert slots.begin("6 * 7", slot=slot).result(60).value == 42
            finally:
                warm._folder = elsewhere
                slots.begin("exit()", slot=slot).result(60)
                assert slots.begin("6 * 7", slot=slot).result(60).value == 42
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_a_disk_too_full_for_a_new_process_fails_the_attempt_with_the_reason(
    slots: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = slots.slot
    slots.begin("1", slot=slot).result(60)
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/the/depot")

    def no_room(_sandbox: object) -> None:
        raise full

    with monkeypatch.context() as patch:
        patch.setattr(type(slot._sandbox), "make_depot", no_room)
        patch.setattr("taskq_worker.slots.slot._STARTS", 2)  # it waits between them
        slots.begin("exit()", slot=slot).result(60)
        ran = slots.begin("1", slot=slot).result(90)
        assert ran.report.status is TaskStatus.FAILED
        assert "No space left on device" in ran.error.message
    assert slots.begin("6 * 7", slot=slot).result(60).value == 42


def test_a_mistake_of_ours_while_a_task_runs_fails_that_attempt_and_replaces_its_process(
    slots: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot: Slot = slots.slot
    slots.begin("1", slot=slot).result(60)
    pid = slot.pid

    async def fails(_attempt: Attempt, _frame: bytes, _used: int, _ahead: object) -> None:
        raise ZeroDivisionError("a mistake")

    with monkeypatch.context() as patch:
        patch.setattr(Attempt, "run", fails)
        ran = slots.begin("1", slot=slot).result(60)
    assert (ran.error.name, ran.report.retryable) == ("WorkerError", True)
    assert "a mistake" in ran.error.message
    eventually(lambda: slot.pid not in (None, pid), "another process serves", timeout_s=60)
    assert slots.begin("6 * 7", slot=slot).result(60).value == 42
