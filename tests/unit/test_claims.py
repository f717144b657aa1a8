"""What a worker holds, and what of it a heartbeat brings."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from sample_messages import OUTCOME
from taskq_worker.claims import claims as module
from taskq_worker.claims.capacity import Capacity
from taskq_worker.claims.claim import CHUNK_CHARACTERS, CHUNKS_PER_HEARTBEAT, Claim, ClaimState
from taskq_worker.claims.claims import Claims

from taskq_kernel.displays import STREAM
from taskq_kernel.domain import TaskKind
from taskq_kernel.messages import SCHEMA, OutcomeMessage, TaskMessage


def claim(task_id: str = "a", attempt: int = 1) -> Claim:
    task = TaskMessage(schema=SCHEMA, id=task_id, number=1, name="n", kind=TaskKind.SCRIPT, code="1")
    return Claim(task, attempt)


def test_progress_is_reported_once_and_again_only_when_it_changed() -> None:
    task = claim()
    task.set_progress(0.5, "half")
    entry, logs = task.report()
    assert (entry["progress"], entry["progressMessage"]) == (0.5, "half")
    task.reported(entry, logs)
    assert "progress" not in task.report()[0]
    task.set_progress(0.6, "more")
    assert task.report()[0]["progress"] == 0.6


def test_series_are_reported_until_the_service_has_the_latest() -> None:
    task = claim()
    first, second = msgspec.Raw(b'{"x":1}'), msgspec.Raw(b'{"x":2}')
    task.set_series(first)
    entry, logs = task.report()
    assert entry["series"] is first
    task.set_series(second)  # while the first is on its way
    task.reported(entry, logs)
    entry, logs = task.report()
    assert entry["series"] is second
    task.reported(entry, logs)
    assert "series" not in task.report()[0]


def test_output_that_a_failed_heartbeat_carried_is_carried_again_with_the_same_numbers() -> None:
    task = claim()
    task.add_output("stdout", "one\n")
    _, first = task.report()
    task.add_output("stdout", "two\n")
    entry, second = task.report()
    assert first[0] == second[0]
    assert [chunk["text"] for chunk in second] == ["one\n", "two\n"]
    task.reported(entry, second)
    assert task.report()[1] == []


def test_small_pieces_of_output_gather_in_one_chunk_and_large_ones_are_split() -> None:
    task = claim()
    for _ in range(100):
        task.add_output("stdout", "x")
    assert len(task.logs) == 1
    task.add_output("stderr", "y" * (2 * CHUNK_CHARACTERS + 1))
    assert [len(chunk.text) for chunk in task.logs] == [100, CHUNK_CHARACTERS, CHUNK_CHARACTERS, 1]
    assert [chunk.seq for chunk in task.logs] == [1, 2, 3, 4]


def test_a_heartbeat_carries_a_bounded_amount_of_output() -> None:
    task = claim()
    task.add_output("stdout", "z" * CHUNK_CHARACTERS * (CHUNKS_PER_HEARTBEAT + 5))
    entry, logs = task.report()
    assert len(logs) == CHUNKS_PER_HEARTBEAT
    task.reported(entry, logs)
    assert len(task.report()[1]) == 5


def test_what_is_displayed_is_one_chunk_however_long_and_fills_a_heartbeat_as_so_many_would() -> None:
    task = claim()
    task.add_output("stdout", "before")
    whole = "d" * (CHUNKS_PER_HEARTBEAT * CHUNK_CHARACTERS - 6)
    for _ in range(2):
        task.add_output(STREAM, whole)
    task.add_output("stdout", "after")
    carried = []
    while task.logs:
        entry, logs = task.report()
        carried.append([(chunk["stream"], len(chunk["text"])) for chunk in logs])
        task.reported(entry, logs)
    assert carried == [[("stdout", 6), (STREAM, len(whole))], [(STREAM, len(whole)), ("stdout", 5)]]


def test_forgetting_an_older_attempt_leaves_the_newer_one_held() -> None:
    claims = Claims()
    old, new = claim(attempt=1), claim(attempt=2)
    claims.add(old)
    claims.forget(old)
    claims.add(new)
    claims.forget(old)
    assert claims.holds(new)
    assert list(claims.ready) == [new]


def test_the_counts_by_state_follow_every_claim() -> None:
    async def scene() -> None:
        claims = Claims()
        made = [claim(str(number)) for number in range(4)]
        for one in made:
            claims.add(one)
        first = await claims.next_ready()
        second = await claims.next_ready()
        claims.set_outcome(first, OUTCOME)
        claims.set_outcome(first, OUTCOME)  # it has become a shorter one
        assert [claims.count(state) for state in ClaimState] == [2, 0, 1, 1]
        claims.forget(second)
        claims.set_outcome(second, OUTCOME)  # it was taken away, and ended all the same
        claims.forget(made[3])
        claims.forget(made[3])
        assert [claims.count(state) for state in ClaimState] == [1, 0, 0, 1]
        assert list(claims.ready) == [made[2]]

    asyncio.run(scene())


def test_a_task_that_is_done_reports_that_and_nothing_else() -> None:
    task = claim()
    task.set_progress(1.0, "")
    task.state = ClaimState.DONE
    assert task.report() == ({"id": "a", "attempt": 1, "done": True}, [])


def outcome(text: str) -> OutcomeMessage:
    value = msgspec.structs.replace(OUTCOME.value, data=msgspec.Raw(f'"{text}"'.encode()))
    return msgspec.structs.replace(OUTCOME, value=value, logs=[])


def test_what_is_held_is_bounded_by_its_size_and_room_is_made_as_it_is_settled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 1000)
    claims = Claims()
    first, second = claim("a"), claim("b")
    first.message_bytes = second.message_bytes = 300
    for one in (first, second):
        claims.add(one)
    assert not claims.full
    # An outcome adds its value, and messages alone keep nothing from being started.
    claims.set_outcome(first, outcome("x" * 500))
    assert (claims.full, claims.outcomes_full) == (True, False)
    claims.set_outcome(second, outcome("x" * 600))
    assert claims.outcomes_full
    # Uploaded, its value is a reference: what it takes is less.
    claims.set_outcome(second, msgspec.structs.replace(outcome(""), value=None))
    assert (claims.full, claims.outcomes_full) == (True, False)
    for one in (first, second):
        claims.forget(one)
    assert not claims.full
    # An outcome of an attempt that is held no longer counts for nothing.
    claims.set_outcome(first, outcome("x" * 5000))
    assert not claims.full


def held(*definitions: str) -> tuple[Claims, list[Claim]]:
    """Claims that wait for a slot, each of a call of one of these definitions."""
    claims, made = Claims(), []
    for place, definition in enumerate(definitions):
        made.append(claim(f"{place}"))
        made[-1].task = msgspec.structs.replace(made[-1].task, kind=TaskKind.CALL, code=definition)
        claims.add(made[-1])
    return claims, made


def taken(claims: Claims, compiled: str, count: int) -> list[str]:
    """The ids of what a slot takes that has compiled a definition."""
    async def take() -> list[str]:
        return [(await claims.next_ready(lambda one: int(one.task.code != compiled))).task.id for _ in range(count)]

    return asyncio.run(take())


def test_a_slot_prefers_what_its_process_has_compiled() -> None:
    claims, _ = held("f", "g", "f", "g")
    assert taken(claims, "g", 3) == ["1", "3", "0"]


def test_what_is_next_is_passed_over_for_a_moment_only() -> None:
    claims, made = held("f", "g", "g")
    made[0].claimed_at -= module.PASSED_OVER_S
    assert taken(claims, "g", 3) == ["0", "1", "2"]


def test_what_is_taken_ahead_waits_no_longer_and_comes_back_before_all_others() -> None:
    claims = Claims()
    made = [claim(str(number)) for number in range(5)]
    for one in made:
        claims.add(one)
    taken = claims.take_ahead(lambda one: one is not made[1], 2)
    assert taken == [made[0], made[2]], "in their order, past what cannot follow"
    assert list(claims.ready) == [made[1], made[3], made[4]]
    assert claims.count(ClaimState.AHEAD) == 2
    claims.forget(made[2])
    claims.put_back(taken)
    assert list(claims.ready) == [made[0], made[1], made[3], made[4]], "without the one that was taken away"
    assert [claims.count(state) for state in ClaimState] == [4, 0, 0, 0]


def test_nothing_that_has_been_passed_over_for_long_is_passed_over_again() -> None:
    claims = Claims()
    late, others = claim("late"), [claim(str(number)) for number in range(3)]
    late.claimed_at -= 1
    for one in (late, *others):
        claims.add(one)
    assert claims.take_ahead(lambda one: one is not late, 3) == []


def test_what_follows_has_what_the_one_before_it_had() -> None:
    async def scene() -> None:
        claims = Claims(Capacity(1))
        made = [claim(str(number)) for number in range(2)]
        for one in made:
            claims.add(one)
        await claims.next_ready()
        [following] = claims.take_ahead(lambda _: True, 1)
        assert claims.follow(made[0], following)
        assert (claims.capacity.free.cores, claims.count(ClaimState.AHEAD)) == (0, 0)
        claims.leave_slot(following)
        assert claims.capacity.free.cores == 1

    asyncio.run(scene())


def test_what_was_taken_away_while_it_waited_ahead_may_not_go_on() -> None:
    async def scene() -> None:
        claims = Claims(Capacity(1))
        made = [claim(str(number)) for number in range(2)]
        for one in made:
            claims.add(one)
        await claims.next_ready()
        [following] = claims.take_ahead(lambda _: True, 1)
        claims.forget(following)
        assert not claims.follow(made[0], following)
        claims.leave_slot(following)
        assert claims.capacity.free.cores == 1

    asyncio.run(scene())
