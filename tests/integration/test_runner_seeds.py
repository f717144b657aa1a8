"""The same seed gives the same bits: in any slot, in any order, whatever ran there before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from julia_fixtures import RUNNER_KINDS, Bench, runner

from taskq_kernel.domain import TaskKind

#: The largest seed: the largest integer that every reader of JSON holds.
LARGEST = 2**53 - 1

#: Everything that Julia draws by default, from the task itself and from one that it starts.
DRAWS = """
using Random
inner = fetch(@async (rand(UInt64), randn()))
Any[rand(UInt64), randn(), rand(1:10^6, 3), shuffle(1:20), randstring(8), inner..., Libc.rand()]
"""

#: A definition that draws when it is evaluated, and when it is called.
DEFINITION = "const NOISE = rand(3)\ndraw(; n = 2) = (NOISE, rand(n))"


@pytest.fixture(scope="module", params=RUNNER_KINDS)
def pair(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Two warm slots."""
    with Bench(runner(request.param), count=2) as made:
        yield made


def test_a_seed_gives_the_same_bits_in_any_slot_and_in_any_order(pair: Bench) -> None:
    # Given: what some seeds draw in the first slot, one after the other.
    seeds = [0, 1, 12345, LARGEST]
    first = {seed: pair.begin(DRAWS, slot=pair.slots[0], seed=seed).result(100).value for seed in seeds}
    # When: other tasks draw, and the same seeds come in another order, in another slot.
    pair.begin("rand(1000); nothing", slot=pair.slots[1], seed=7).result(100)
    second = {seed: pair.begin(DRAWS, slot=pair.slots[1], seed=seed).result(100).value for seed in reversed(seeds)}
    # Then: each draws what it drew, and no two the same.
    assert second == first
    assert len({str(drawn) for drawn in first.values()}) == len(seeds)


def test_a_seed_is_the_one_that_julia_itself_would_take(pair: Bench) -> None:
    drawn = pair.run("rand(UInt64, 3)", seed=42).value
    assert pair.run("using Random; Random.seed!(42); rand(UInt64, 3)", seed=1).value == drawn


def test_a_definition_and_its_calls_draw_the_same_in_every_process(pair: Bench) -> None:
    called = {"kind": TaskKind.CALL, "entry": "draw"}
    # Given: the definition is evaluated for one seed here, for another one there.
    here = [pair.begin(DEFINITION, slot=pair.slots[0], seed=seed, **called).result(100).value for seed in (1, 2)]
    there = [pair.begin(DEFINITION, slot=pair.slots[1], seed=seed, **called).result(100).value for seed in (2, 1)]
    # Then: what it drew itself is one, and each call draws its own.
    assert there == list(reversed(here))
    assert here[0][0] == here[1][0]
    assert here[0][1] != here[1][1]


def test_deep_brackets_and_errors_before_change_no_draw(pair: Bench) -> None:
    plain = pair.run("rand(UInt64)", seed=3).value
    assert pair.run("error(rand())", seed=3).error.message == pair.run("error(rand())", seed=3).error.message
    assert pair.run("x = " + "(" * 150 + "rand(UInt64)" + ")" * 150, seed=3).value == plain
