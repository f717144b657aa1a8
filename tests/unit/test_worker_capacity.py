"""A whole worker whose tasks ask for threads and devices, over the doubles of RabbitMQ and of Julia."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from stacks import until
from supervisor_lab import QUEUE, Lab, Play, play, some_heartbeats, task_id, until_there
from taskq_worker.claims import claimer as claimer_module

from taskq_kernel.broker.delivery import Delivery
from taskq_kernel.domain import TaskStatus
from taskq_kernel.messages import OutcomeMessage

__all__ = ["play"]


def together(outcomes: list[OutcomeMessage], cores: dict[str, int]) -> int:
    """How many cores were taken at once at the most."""
    starts = [one.started_at for one in outcomes]
    return max(
        sum(cores[one.id] for one in outcomes if one.started_at <= at < one.finished_at) for at in starts
    )


def test_cores_are_not_taken_twice_and_a_large_task_is_not_passed_by_what_came_later(
    play: Play, tmp_path: Path
) -> None:
    async def scene(lab: Lab) -> None:
        await lab.submit(*((n, f"[progress(0.5), {until_there(tmp_path / 'go')}]") for n in (1, 2, 3)))
        await until(lambda: len(lab.service.progress) == 3, "three cores are taken")
        large_code = 'ENV["JULIA_NUM_THREADS"] + ENV.get("A", "") + str(sleep(0.1))'
        await lab.submit((4, large_code), threads=4, env={"A": "x"})
        await lab.submit(*((n, "sleep(0.05)") for n in range(5, 12)))
        await some_heartbeats(lab)
        assert lab.outcomes() == {}, "a core is free, and is kept"
        (tmp_path / "go").touch()
        await until(lambda: len(lab.outcomes()) == 11, "all have ended")

        found = lab.outcomes()
        large = found[task_id(4)]
        assert large.value is not None
        assert json.loads(bytes(large.value.data)) == "4xNone"
        assert all(large.finished_at <= found[task_id(n)].started_at for n in range(5, 12)), "cores were kept for it"
        cores = {task_id(n): 4 if n == 4 else 1 for n in range(1, 12)}
        assert together(list(found.values()), cores) <= 4
        assert lab.service.joined[-1]["cores"] == 4

    play(scene, slots=4)


def test_what_a_large_task_holds_up_goes_back_for_others_and_so_does_it_after_a_while(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(lab: Lab) -> None:
        await lab.submit((1, "[progress(0.5), sleep(60)]"))
        await until(lambda: len(lab.service.progress) == 1, "a core is taken")
        await lab.submit((2, "1"), threads=2)
        await lab.submit((3, "1"))
        other = lab.client.consumer(QUEUE, 1, taken.append)
        other.resume()
        await until(lambda: len(taken) == 1, "another worker gets one of them")
        taken.pop().ack()
        monkeypatch.setattr(claimer_module, "HELD_S", 0.3)
        await until(lambda: len(taken) == 1, "and the other one")
        taken.pop().ack()
        await other.close()
        lab.service.cancelled.add(task_id(1))
        await lab.submit((4, "6 * 7"))
        await until(lambda: task_id(4) in lab.outcomes(), "it goes on")

    taken: list[Delivery] = []
    play(scene, slots=2)


def test_what_a_worker_can_never_run_is_declined_and_holds_up_nothing(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await until(lambda: lab.service.takes_tasks, "it takes tasks")
        await lab.submit((1, "1"), threads=3)
        await lab.submit((2, "1"), gpus=1)
        await lab.submit((3, "6 * 7"))
        await until(lambda: task_id(3) in lab.outcomes(), "what it can run it runs")
        await until(lambda: sorted(lab.service.declined) == [task_id(1), task_id(2)], "it declines the others")
        await until(lambda: not lab.rabbit.messages(QUEUE), "their messages are gone")

    play(scene, slots=2)


def test_a_device_is_granted_to_one_task_at_a_time_and_hidden_from_those_that_ask_for_none(
    play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nfor n in 0 1; do echo \"GPU $n: a device (UUID: GPU-$n)\"; done\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setenv("CUDA_HOME", "/cuda")

    async def scene(lab: Lab) -> None:
        seen = '[sleep(0.1), ENV["CUDA_VISIBLE_DEVICES"], ENV.get("CUDA_HOME")][1:]'
        await lab.submit(*((n, seen) for n in range(6)), gpus=1)
        await lab.submit(*((n, seen) for n in range(6, 9)))
        await lab.submit((9, seen), gpus=2)
        await until(lambda: len(lab.outcomes()) == 10, "all have ended")

        found = lab.outcomes()
        assert {one.status for one in found.values()} == {TaskStatus.FINISHED}
        devices = {one.id: json.loads(bytes(one.value.data)) for one in found.values() if one.value is not None}
        assert all(cuda == "/cuda" for _, cuda in devices.values())
        granted = {name: shown.split(",") for name, (shown, _) in devices.items()}
        assert granted[task_id(9)] == ["GPU-0", "GPU-1"]
        assert all(granted[task_id(n)] == ["-1"] for n in range(6, 9))
        for device in ("GPU-0", "GPU-1"):
            holders = sorted(
                ((found[name].started_at, found[name].finished_at) for name, had in granted.items() if device in had)
            )
            assert len(holders) >= 2
            assert all(ended <= began for (_, ended), (began, _) in pairwise(holders))
        assert lab.service.joined[-1]["gpus"] == 2

    play(scene, slots=4, pass_env=["CUDA_HOME"])
