"""A worker's cores and devices: none is taken twice, and a large task is not passed for ever."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sample_messages import TASK
from stacks import until
from taskq_worker.claims.capacity import Capacity, Fitting
from taskq_worker.claims.claim import Claim
from taskq_worker.claims.claim_ahead import ClaimAhead
from taskq_worker.claims.claims import Claims
from taskq_worker.claims.offer import capacity_of
from taskq_worker.claims.share import UNCOUNTED, Share
from taskq_worker.julia.passed_on import passed_on

from taskq_kernel.errors import SettingsError
from taskq_kernel.local.machine import memory_bytes
from taskq_kernel.messages import TaskMessage
from taskq_kernel.settings import load_settings


def task(
    name: str = "t", threads: int | None = None, gpus: int | None = None, memory: int | None = None,
    julia: Sequence[str] = (),
) -> TaskMessage:
    return msgspec.structs.replace(
        TASK, id=name, name=name, threads=threads, gpus=gpus, memory_limit_bytes=memory, julia=list(julia)
    )


def claim(name: str = "t", **asked: int) -> Claim:
    return Claim(task(name, **asked), 1)


# -- what is taken of what waits -------------------------------------------------------------


def taken(free: Share, room: int, *tasks: TaskMessage) -> list[str]:
    fitting = Fitting(free, room)
    return [one.name for one in tasks if not fitting.over and fitting.takes(one)]


def test_a_task_of_four_threads_takes_the_room_of_four() -> None:
    assert taken(Share(4), 4, task("a", threads=3), task("b"), task("c")) == ["a", "b"]


def test_nothing_passes_a_task_that_waits_for_cores() -> None:
    assert taken(Share(3), 3, task("large", threads=4), task("b")) == []
    assert taken(Share(4), 4, task("a"), task("large", threads=4), task("b")) == ["a"]


def test_a_task_that_waits_for_a_device_is_passed_by_those_that_leave_it_its_cores() -> None:
    waiting = (task("device", threads=2, gpus=1), task("b"), task("other", gpus=1), task("c"), task("d"))
    assert taken(Share(4, 0), 4, *waiting) == ["b", "c"]


def test_short_tasks_of_one_core_are_taken_ahead_and_large_ones_only_where_they_fit() -> None:
    assert taken(Share(0), 3, task("a"), task("b")) == ["a", "b"]
    assert taken(Share(0), 3, task("a"), task("large", threads=2), task("b")) == ["a"]


def test_a_memory_limit_is_taken_of_what_there_is_and_what_has_none_takes_nothing() -> None:
    waiting = (task("a", memory=6), task("large", memory=5), task("b"), task("c", memory=1))
    assert taken(Share(4, 0, 10), 4, *waiting) == ["a", "b"]
    assert taken(Share(4, 0, 11), 4, *waiting) == ["a", "large", "b"]


def test_a_worker_never_runs_what_needs_more_memory_or_another_julia_than_it_has() -> None:
    capacity = Capacity(4, memory=10, julias=[(1, 10, 4), (1, 12, 1)])
    assert capacity.can_ever(task(memory=10, julia=["1.12.0"]))
    assert capacity.can_ever(task(julia=["1.11", "1.10.9"]))
    assert not capacity.can_ever(task(memory=11))
    assert not capacity.can_ever(task(julia=["1.11.3"]))
    assert Capacity(4).can_ever(task(memory=1 << 50))


# -- what slots start -------------------------------------------------------------------------


def test_slots_never_start_more_than_there_is_and_a_large_task_gets_its_turn() -> None:
    async def scene() -> None:
        capacity = Capacity(4, ("g0", "g1"), memory=10)
        claims = Claims(capacity)
        rng = random.Random(7)
        started: list[str] = []
        devices: dict[str, str] = {}

        async def serve() -> None:
            while True:
                one = await claims.next_ready()
                assert capacity.free.holds(Share())
                for device in capacity.grant(one):
                    assert device not in devices, f"{device} is granted twice"
                    devices[device] = one.task.id
                started.append(one.task.id)
                for _ in range(rng.randrange(1, 9)):
                    await asyncio.sleep(0)
                for device in [device for device, holder in devices.items() if holder == one.task.id]:
                    del devices[device]
                claims.leave_slot(one)

        loops = [asyncio.ensure_future(serve()) for _ in range(6)]
        names = []
        for number in range(200):
            asked = rng.choice((
                {}, {}, {}, {"threads": 4}, {"threads": 3, "gpus": 1}, {"gpus": 1}, {"gpus": 2}, {"memory": 7},
                {"memory": 3, "gpus": 1},
            ))
            names.append(f"{number}")
            claims.add(claim(names[-1], **asked))
        await until(lambda: len(started) == 200 or any(loop.done() for loop in loops), "all have started")
        for loop in loops:
            loop.cancel()
        ended = await asyncio.gather(*loops, return_exceptions=True)
        assert [one for one in ended if not isinstance(one, asyncio.CancelledError)] == []
        assert sorted(started, key=int) == names
        late = {name: started.index(name) - int(name) for name in names}
        assert max(late.values()) <= 64, "no more pass it than are looked at"

    asyncio.run(scene())


def test_a_large_task_keeps_cores_free_once_it_is_the_first() -> None:
    async def scene() -> None:
        claims = Claims(Capacity(4))
        for number in range(3):
            claims.add(claim(f"small-{number}"))
        running = [await claims.next_ready() for _ in range(3)]
        claims.add(claim("large", threads=4))
        claims.add(claim("later"))
        next_one = asyncio.ensure_future(claims.next_ready())
        await asyncio.sleep(0)
        assert not next_one.done(), "a core is free, and is kept"
        for one in running:
            claims.leave_slot(one)
        assert (await next_one).task.id == "large"
        assert claims.capacity.free == Share(0, 0, UNCOUNTED)
        claims.leave_slot(await next_one)
        assert (await claims.next_ready()).task.id == "later"

    asyncio.run(scene())


def test_a_slot_gets_the_devices_again_that_its_process_was_started_with() -> None:
    capacity = Capacity(4, ("g0", "g1"), "THE_DEVICES")
    first, second = claim("a", gpus=1), claim("b", gpus=1)
    for one in (first, second):
        capacity.take(one)
    assert capacity.grant(first, ("g1",)) == ("g1",)
    assert capacity.grant(second, ("g1",)) == ("g0",)
    assert capacity.variables_for(second) == {"THE_DEVICES": "g0"}
    assert capacity.variables == {"THE_DEVICES": "-1"}, "who asks for none sees none"
    capacity.give_back(first)
    assert capacity.variables_for(claim("c", gpus=1)) == {"THE_DEVICES": "g1"}
    assert Capacity(4).variables == {}


def test_tasks_that_hold_the_cores_for_long_let_nothing_be_claimed_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    ahead = ClaimAhead(4, 4)
    for _ in range(20):
        ahead.started("short")
        now[0] += 0.001
        ahead.ended("short")
    assert ahead.ahead > 0
    ahead.started("large", 4)
    now[0] += 1
    assert ahead.ahead == 0


# -- what a worker offers ---------------------------------------------------------------------

LISTING = """GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-11111111-2222-3333-4444-555555555555)
  MIG 3g.40gb     Device  0: (UUID: MIG-aaaaaaaa-0000-0000-0000-000000000000)
  MIG 3g.40gb     Device  1: (UUID: MIG-bbbbbbbb-0000-0000-0000-000000000000)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-66666666-2222-3333-4444-555555555555)
"""


def with_nvidia_smi(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_devices_are_those_that_nvidia_smi_lists_and_instances_take_the_place_of_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "list").write_text(LISTING)
    with_nvidia_smi(tmp_path, monkeypatch, f'[ "$1" = -L ] && cat {tmp_path}/list')
    capacity = capacity_of(load_settings(home=tmp_path, slots=8))
    assert capacity.total == Share(8, 3, memory_bytes() * 9 // 10)
    one = claim(gpus=3)
    assert capacity.variables_for(one)["CUDA_VISIBLE_DEVICES"].split(",") == [
        "MIG-aaaaaaaa-0000-0000-0000-000000000000", "MIG-bbbbbbbb-0000-0000-0000-000000000000",
        "GPU-66666666-2222-3333-4444-555555555555",
    ]


@pytest.mark.parametrize("script", ["echo broken; exit 9", "echo No devices found"])
def test_a_driver_that_does_not_work_offers_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    with_nvidia_smi(tmp_path, monkeypatch, script)
    assert capacity_of(load_settings(home=tmp_path, slots=2)).total == Share(2, 0, memory_bytes() * 9 // 10)


def test_the_settings_say_what_the_machine_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_nvidia_smi(tmp_path, monkeypatch, f"cat {tmp_path}/list")
    monkeypatch.setenv("TASKQ_DEVICES", "0,1")
    monkeypatch.setenv("TASKQ_DEVICE_VARIABLE", "ROCR_VISIBLE_DEVICES")
    capacity = capacity_of(load_settings(home=tmp_path, slots=2, cores=16, memory=1 << 30))
    assert capacity.total == Share(16, 2, 1 << 30)
    assert capacity.variables_for(claim(gpus=1)) == {"ROCR_VISIBLE_DEVICES": "0"}
    monkeypatch.setenv("TASKQ_DEVICES", "")
    assert capacity_of(load_settings(home=tmp_path)).total.gpus == 0


def test_an_operator_passes_variables_on_but_none_of_taskqs_own() -> None:
    environment = {"SLURM_JOB_ID": "7", "CUDA_HOME": "/cuda", "TASKQ_TOKEN": "secret", "AWS_SECRET": "secret"}
    assert passed_on(["SLURM_JOB_ID", "CUDA_HOME", "NOT_SET"], environment) == {
        "SLURM_JOB_ID": "7", "CUDA_HOME": "/cuda",
    }
    wrong: list[Any] = ["TASKQ_TOKEN", "TASKQ_BROKER", "HOME", "RUNNER_LIMITS", "A B", ""]
    for name in wrong:
        with pytest.raises(SettingsError, match="pass_env"):
            passed_on([name], environment)
