"""The cache on a real stack: what an equal task has computed is there at once, and everything else runs."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from stacks import RunningStack

from taskq_kernel import InvalidTask
from taskq_kernel.client.client import Client

CODE = """
# {unique}
function noisy(n; beta = 0.5, xs = [])
    return (drawn = rand(UInt32), n = n, beta = beta, at = time_ns())
end
"""


@pytest.fixture
def code() -> str:
    """Code that no task has run."""
    return CODE.replace("{unique}", str(uuid4()))


def taskq(stack: RunningStack, *arguments: str, code: str = "") -> str:
    command = [sys.executable, "-m", "taskq_kernel.cli", *arguments]
    return subprocess.run(
        command, env=stack.env, input=code, stdout=subprocess.PIPE, encoding="utf-8", timeout=60, check=True
    ).stdout


def test_a_call_hits_what_a_call_or_a_point_has_computed_and_says_why_not(q: Client, code: str) -> None:
    f = q.define(code)
    first = f(1, beta=0.25, cache=True)
    value = first.result(60)
    hit = f(1, beta=0.25, cache=True)
    assert (hit.status, hit.cached_from, hit.result(5)) == ("FINISHED", first.number, value)
    assert (hit.cache, hit.worker, hit.seed, hit.environment) == (True, None, first.seed, first.environment)
    assert first.cached_from is None
    assert str(first.environment).startswith("Julia 1.")
    assert f(1, beta=0.25).result(60)["at"] != value["at"]  # off by default
    assert (f.explain_cache(1, beta=0.25).hit, bool(hit.explain_cache())) == (first.number, True)
    missed = f.explain_cache(2, beta=0.25)
    assert (missed.hit, missed.nearest, missed.reasons) == (None, hit.number, ("argument 1: 1 there, 2 here",))
    edited = q.define(f"{code} # edited")
    assert "its code has changed" in str(edited.explain_cache(1, beta=0.25))
    with pytest.raises(InvalidTask, match="give True or False"):
        f(1, cache="an argument of Julia's")


def test_points_of_sweeps_hit_and_the_frame_says_which(q: Client, code: str) -> None:
    f = q.define(code)
    small = f.map([1, 2, 3], cache=True).wait(60, progress=False)
    large = f.map([0, 3, 2, 1], cache=True, xs=[]).wait(60, progress=False)
    assert large.frame()["cached_from"].isna().all()  # an argument more is another call
    again = f.map([3, 0, 1], cache=True).wait(60, progress=False)
    assert (small.seed, again.seeds()[0]) == (None, small.seeds()[2])
    ours, theirs = again.frame(), small.frame()
    assert ours["cached_from"].fillna(0).tolist() == [theirs["number"][2], 0, theirs["number"][0]]
    assert ours["drawn"][[0, 2]].tolist() == theirs["drawn"][[2, 0]].tolist()
    assert ours["seed"].tolist() == again.seeds()
    assert (ours["status"] == "FINISHED").all()
    samples = [f.sample(4, {"1": (0, 1)}, method="random", cache=True).wait(60, progress=False) for _ in range(2)]
    assert samples[1].frame()["cached_from"].tolist() == samples[0].frame()["number"].tolist()


def test_a_large_array_is_shared_and_stays_while_one_of_its_tasks_does(q: Client) -> None:
    code = f"[1.0:200_000;] # {uuid4()}"
    first = q.submit(code, cache=True)
    array = first.result(60)
    hit = q.submit(code, cache=True)
    assert hit.cached_from == first.number
    first.delete()
    assert np.array_equal(q.task(hit.id).result(30), array)
    third = q.submit(code, cache=True)
    assert np.array_equal(third.result(30), array)
    assert third.cached_from == first.number


def test_what_needs_another_task_hits_when_that_one_is_done(q: Client, code: str) -> None:
    f = q.define(code)
    g = q.define(f"twice(x) = (2x[\"n\"], time_ns()) # {uuid4()}")
    first = g(f(4, cache=True), cache=True)
    value = first.result(60)
    second = g(f(4, cache=True), cache=True)
    assert (second.result(60), second.cached_from) == (value, first.number)


def test_the_command_line_submits_with_a_cache_and_shows_who_computed_it(stack: RunningStack, code: str) -> None:
    script = f"time_ns() # {uuid4()}"
    value = taskq(stack, "submit", "-", "--cache", "--wait", code=script)
    again: dict[str, Any] = json.loads(taskq(stack, "submit", "-", "--cache", "--wait", "--json", code=script))
    assert (again["value"], again["cache"], again["seconds"]) == (json.loads(value), True, None)
    shown = taskq(stack, "show", str(again["number"]))
    assert f"cached from   task {again['cachedFrom']}, which computed its value" in shown
    assert "environment   Julia 1." in shown
