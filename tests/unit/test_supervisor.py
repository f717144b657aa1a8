"""A whole worker over the doubles of RabbitMQ and of Julia."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from stacks import until
from supervisor_lab import QUEUE, Lab, Play, outcomes, play, task_id, until_there
from taskq_worker import membership
from taskq_worker import slot_loop as loop_module
from taskq_worker.claims.claim import Claim, ClaimState
from taskq_worker.claims.claim_ahead import ClaimAhead
from taskq_worker.claims.claims import Claims
from taskq_worker.slots import ahead
from taskq_worker.slots.job import Report
from taskq_worker.slots.slot import Slot

from taskq_kernel.domain import TaskStatus

__all__ = ["play"]


def test_tasks_run_and_their_outcomes_are_published_and_settled(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await lab.submit(*((n, f"{n} * 2") for n in range(20)), (20, 'error("no")'))
        await until(lambda: len(lab.outcomes()) == 21, "all have ended")
        await until(lambda: lab.service.held == [], "all are settled")
        statuses = [lab.outcomes()[task_id(n)].status for n in range(21)]
        assert statuses == [TaskStatus.FINISHED] * 20 + [TaskStatus.FAILED]
        assert lab.service.joined[-1]["juliaVersion"] == "0.0.0"

    play(scene)


@pytest.fixture
def followed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks that have followed another in its slot, by the ids; they are short however slow the machine is."""
    monkeypatch.setattr(ahead, "BEHIND_S", 60.0)
    monkeypatch.setattr(ClaimAhead, "_note", lambda claim_ahead, _seconds: setattr(claim_ahead, "_estimate_s", 0.001))
    follow, found = Claims.follow, []

    def noted(claims: Claims, done: Claim, following: Claim) -> bool:
        found.append(following.task.id)
        return follow(claims, done, following)

    monkeypatch.setattr(Claims, "follow", noted)
    return found


async def run_short_tasks(lab: Lab, count: int = 60) -> None:
    """Have the worker learn that tasks are short."""
    await lab.submit(*((n, f"{n} * 2") for n in range(count)))
    await until(lambda: len(lab.outcomes()) == count, "all have ended")


def test_short_tasks_follow_one_another_and_each_has_its_own_outcome_once(play: Play, followed: list[str]) -> None:
    async def scene(lab: Lab) -> None:
        await run_short_tasks(lab)
        await lab.submit(*((n, f'[print("<{n}>"), {n}][1]' if n % 50 == 0 else f"{n}") for n in range(100, 300)))
        await until(lambda: len(lab.outcomes()) == 260, "all have ended")
        await until(lambda: lab.service.held == [], "all are settled")
        assert len(outcomes(lab.rabbit)) == 260, "each once"
        for n in range(100, 300):
            one = lab.outcomes()[task_id(n)]
            assert one.value is not None
            assert (one.value.text, lab.printed(n)) == (str(n), f"<{n}>\n" if n % 50 == 0 else "")
        assert followed

    play(scene)


def test_a_task_that_is_taken_away_while_it_waits_behind_another_never_starts(
    play: Play, followed: list[str], tmp_path: Path
) -> None:
    gate, made = tmp_path / "gate", tmp_path / "made"

    async def scene(lab: Lab) -> None:
        await run_short_tasks(lab)
        claims = lab.supervisor._claims
        await lab.submit((100, until_there(gate)), (101, f"open({str(made)!r}, 'w').close()"), (102, "6 * 7"))
        await until(lambda: claims.count(ClaimState.AHEAD) > 0, "they wait behind the first")
        await until(lambda: task_id(101) in lab.service.held, "the service knows that the worker holds it")
        lab.service.cancelled.add(task_id(101))
        await until(lambda: task_id(101) not in lab.service.held, "the worker holds it no longer")
        assert claims.count(ClaimState.AHEAD) == 0, "what waited behind it waits for any slot"
        gate.touch()
        await until(lambda: {task_id(100), task_id(102)} <= lab.outcomes().keys(), "the others have ended")
        assert not made.exists()
        assert task_id(101) not in [*lab.outcomes(), *followed]

    play(scene, slots=1)


def test_what_waits_behind_a_long_task_is_run_by_another_slot(
    play: Play, followed: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"

    async def scene(lab: Lab) -> None:
        await run_short_tasks(lab)
        monkeypatch.setattr(ahead, "BEHIND_S", 0.05)
        await lab.submit((100, until_there(gate)), *((n, f"{n}") for n in range(101, 141)))
        others = {task_id(n) for n in range(101, 141)}
        await until(lambda: others <= lab.outcomes().keys(), "all others have ended")
        assert task_id(100) not in lab.outcomes()
        gate.touch()
        await until(lambda: task_id(100) in lab.outcomes(), "it ends")
        assert len(outcomes(lab.rabbit)) == 101, "each once"

    play(scene)


def test_a_running_task_reports_its_progress_and_is_stopped_on_the_services_word(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await lab.submit((1, '[progress(0.5, "half"), sleep(60)]'))
        await until(lambda: lab.service.progress == {task_id(1): 0.5}, "its progress is told")
        lab.service.cancelled.add(task_id(1))
        await lab.submit((2, "1"), (3, "1"))
        await until(lambda: set(lab.outcomes()) == {task_id(2), task_id(3)}, "the slot is free")

    play(scene, slots=1)


def test_a_task_that_is_cancelled_before_it_has_all_that_it_needs_never_begins(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        lab.service.code = '[progress(0.5, "half"), sleep(60)]'
        lab.service.sends_code.clear()
        await lab.submit((1, ""), source="a" * 64)
        await until(lambda: lab.service.asked_for_code and lab.service.held == [task_id(1)], "its code is asked for")
        lab.service.cancelled.add(task_id(1))
        await until(lambda: lab.service.held == [], "the worker has heard that")
        lab.service.sends_code.set()
        await lab.submit((2, "1"))
        await until(lambda: set(lab.outcomes()) == {task_id(2)}, "the slot is free")
        assert lab.service.progress == {}

    play(scene, slots=1)


def test_a_file_whose_name_is_no_text_is_no_harm_to_the_worker(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await lab.submit((1, 'open(b"\\xff.csv", "w").write("1")'), outputs=["*.csv"])
        await until(lambda: task_id(1) in lab.outcomes(), "it ends")
        assert lab.printed(1).endswith("it is not UTF-8\n")
        await lab.submit((2, "1"))
        await until(lambda: task_id(2) in lab.outcomes(), "the next one runs")

    play(scene)


def test_while_the_service_is_away_what_runs_goes_on_and_the_worker_stays(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await lab.submit((1, '[progress(0.5), sleep(0.5)]'))
        await until(lambda: task_id(1) in lab.service.progress, "it runs")
        lab.service.away = True
        await until(lambda: set(lab.outcomes()) == {task_id(1)}, "it ends")
        await lab.submit((2, "1"))
        lab.service.away = False
        await until(lambda: task_id(2) in lab.outcomes(), "the next is claimed when the service is back")

    play(scene)


def test_a_worker_that_the_service_does_not_know_joins_again(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await until(lambda: lab.service.takes_tasks, "it has joined, and told its Julia")
        lab.service.unknown = True
        await until(lambda: not lab.service.unknown, "it joins again")

    play(scene)


def test_a_worker_reports_as_often_as_its_last_heartbeat_was_told(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await until(lambda: lab.service.beats > 2, "it reports")
        lab.service.heartbeat_s = 60.0
        slower_from = lab.service.beats + 1
        await until(lambda: lab.service.beats >= slower_from, "it is told")
        await asyncio.sleep(0.5)  # as long as ten of the earlier pauses
        assert lab.service.beats <= slower_from + 1

    play(scene)


def test_outcomes_wait_for_a_broker_that_is_away(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await lab.submit((1, '[progress(0.5), sleep(0.3)]'))
        await until(lambda: task_id(1) in lab.service.progress, "it runs")
        lab.rabbit.go_away()
        await until(lambda: lab.supervisor._outcomes.unpublished == 1, "its outcome waits")
        lab.rabbit.come_back()
        await until(lambda: task_id(1) in lab.outcomes(), "it is published")

    play(scene)


def test_a_service_that_is_away_at_the_start_is_waited_for(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "BACKOFF_S", (0.01, 0.01))

    async def scene(lab: Lab) -> None:
        lab.service.away = True
        await until(lambda: lab.service.asked_in_vain > 1, "it asks again and again")
        lab.service.away = False
        await until(lambda: lab.service.beats > 0, "it has joined")

    play(scene)


def test_a_worker_that_is_asked_to_drain_ends_what_runs_and_releases_the_rest(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await lab.submit((1, '[progress(0.5), sleep(0.5)]'), (2, '[progress(0.5), sleep(0.5)]'), (3, "1"))
        await until(lambda: len(lab.service.progress) == 2, "both slots are busy")
        lab.service.drain = True
        await until(lambda: lab.service.left, "it leaves")
        assert set(lab.outcomes()) == {task_id(1), task_id(2)}
        assert len(lab.rabbit.messages(QUEUE)) == 1

    play(scene)


def test_what_outlasts_the_grace_is_stopped(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await lab.submit((1, '[progress(0.5), sleep(60)]'))
        await until(lambda: bool(lab.service.progress), "it runs")

    assert play(scene, grace=0.2).outcomes() == {}


def test_a_slot_that_fails_in_a_way_nobody_thought_of_ends_its_attempt_and_not_the_worker(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(lab: Lab) -> None:
        await until(lambda: lab.service.takes_tasks, "it takes tasks")
        with monkeypatch.context() as patch:
            patch.setattr(Slot, "run", fails)
            await lab.submit((1, "1"), (2, "1"))
            await until(lambda: len(lab.outcomes()) == 2, "both have ended")
        for outcome in lab.outcomes().values():
            assert outcome.error is not None
            assert outcome.error.name == "WorkerError"
            assert "a mistake" in outcome.error.message
        await lab.submit((3, "6 * 7"))
        await until(lambda: task_id(3) in lab.outcomes(), "it goes on")

    play(scene)


def test_an_outcome_that_cannot_be_made_is_left_to_the_service_and_does_not_end_the_worker(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(lab: Lab) -> None:
        await until(lambda: lab.service.takes_tasks, "it takes tasks")
        with monkeypatch.context() as patch:
            patch.setattr(loop_module.SlotLoop, "_end", fails_at_once)
            await lab.submit((1, "1"))
            await until(lambda: not lab.rabbit.messages(QUEUE), "it is claimed")
            beats = lab.service.beats
            await until(lambda: lab.service.beats > beats + 1 and lab.service.held == [], "its claim is given up")
        await lab.submit((2, "6 * 7"))
        await until(lambda: task_id(2) in lab.outcomes(), "it goes on")
        assert task_id(1) not in lab.outcomes()

    play(scene)


def test_an_outcome_that_cannot_be_made_is_no_harm_to_the_tasks_that_follow(
    play: Play, followed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    end = loop_module.SlotLoop._end
    unlucky = {task_id(n) for n in range(110, 120)}

    def end_most(loop: loop_module.SlotLoop, claim: Claim, report: Report) -> None:
        if claim.task.id in unlucky:
            raise ZeroDivisionError("a mistake")
        end(loop, claim, report)

    async def scene(lab: Lab) -> None:
        await run_short_tasks(lab)
        monkeypatch.setattr(loop_module.SlotLoop, "_end", end_most)
        await lab.submit(*((n, f"{n}") for n in range(100, 160)))
        await until(lambda: len(lab.outcomes()) == 60 + 60 - len(unlucky), "all others have ended")
        await until(lambda: lab.service.held == [], "and those are given up")
        assert unlucky & set(followed)
        assert not unlucky & set(lab.outcomes())

    play(scene)


async def fails(*_: object, **__: object) -> None:
    raise ZeroDivisionError("a mistake")


def fails_at_once(*_: object, **__: object) -> None:
    raise ZeroDivisionError("a mistake")


def test_tasks_of_two_kinds_that_alternate_are_run_by_a_handful_of_processes(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        for n in range(40):
            await lab.submit((n, "__import__('os').getpid()"), env={"KIND": f"{n % 2}"})
        await until(lambda: len(lab.outcomes()) == 40, "all have ended", timeout_s=90)
        values = [one.value for one in lab.outcomes().values()]
        processes = {value.text for value in values if value is not None}
        assert len(processes) <= 8

    play(scene, slots=1)
