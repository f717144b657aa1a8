"""What a task may ask of its machine: what is taken, what is refused and why, and how it travels."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from sample_messages import TASK, changed
from taskq_widgets.panels.facts import facts_of

from taskq_kernel.client.options import call_options, parse_env
from taskq_kernel.errors import InvalidTask
from taskq_kernel.messages import TaskMessage, decode
from taskq_kernel.needs import MAX_ENV_BYTES, check_env, check_gpus, check_threads, told_apart_by
from taskq_kernel.seeds import check_seed
from taskq_kernel.store.submission import check
from taskq_kernel.work import Work


@pytest.mark.parametrize("threads", [1, 4, 1024, np.int32(4)])
def test_threads_are_whole_numbers(threads: Any) -> None:
    assert check_threads(threads) == int(threads)


@pytest.mark.parametrize("threads", [0, -1, 1025, 2.0, "2", True])
def test_threads_that_are_anything_else_are_refused(threads: Any) -> None:
    with pytest.raises(InvalidTask, match=r"^threads is .*: give a whole number from 1 to 1024"):
        check_threads(threads)


def test_a_text_in_the_place_of_a_number_is_told_as_a_text() -> None:
    for whole, name in ((check_threads, "threads"), (check_gpus, "gpus"), (check_seed, "seed")):
        given: Any = "4"
        with pytest.raises(InvalidTask, match=rf"^{name} is '4': give a whole number"):
            whole(given)


@pytest.mark.parametrize("gpus", [-1, 65, 2.0, "2", True])
def test_gpus_are_whole_numbers_and_may_be_none(gpus: Any) -> None:
    assert check_gpus(0) == 0
    with pytest.raises(InvalidTask, match=r"^gpus is .*: give a whole number from 0 to 64"):
        check_gpus(gpus)


def test_variables_are_texts_and_whole_numbers_become_one() -> None:
    assert check_env({"OMP_NUM_THREADS": 1, "_x1": "a=b c", "JULIA_DEBUG": ""}) == {
        "OMP_NUM_THREADS": "1", "_x1": "a=b c", "JULIA_DEBUG": "",
    }
    assert check_env({}) is None


@pytest.mark.parametrize(("env", "problem"), [
    ({"": "1"}, "the name ''"), ({"1A": "1"}, "the name '1A'"), ({"A B": "1"}, "the name 'A B'"),
    ({"A=B": "1"}, "the name 'A=B'"), ({"\u00c4": "1"}, "letters, digits"), ({3: "1"}, "the name '3'"),
    ({"A": 1.5}, "A = 1.5: give a text"), ({"A": None}, "give a text"), ({"A": True}, "give a text"),
    ({"A": "\0"}, "NUL character in A"), ({"A": "\ud800"}, "surrogate pair in A"),
    ({"A" * 201: ""}, "201 characters"), ({f"A{one}": "" for one in range(101)}, "101 variables"),
    ({"A": "x" * MAX_ENV_BYTES}, "bytes, more than the 32768"),
    ({"JULIA_NUM_THREADS": "2"}, "JULIA_NUM_THREADS, which the worker sets: give threads instead"),
    ({"JULIA_HEAP_SIZE_HINT": "2G"}, "give memory_limit instead"),
    ({"CUDA_VISIBLE_DEVICES": "0"}, "give gpus instead"),
    ({"LD_PRELOAD": "x.so"}, "LD_PRELOAD, which is the worker's own"), ({"HOME": "/"}, "HOME"),
    ({"PYTHONSTARTUP": "x"}, "PYTHONSTARTUP"), ({"RUNNER_LIMITS": ""}, "RUNNER_LIMITS"),
    ({"JULIA_DEPOT_PATH": ""}, "JULIA_DEPOT_PATH"), ({"TASKQ_TOKEN": ""}, "TASKQ_TOKEN"),
    ([("A", "1")], "env is list: give names and their values"),
])  # fmt: skip
def test_variables_that_cannot_be_used_are_refused_with_the_reason(env: Any, problem: str) -> None:
    with pytest.raises(InvalidTask, match=re.escape(problem)) as caught:
        check_env(env)
    assert caught.value.field == "env"
    # The client says so before anything is sent, and the service to whoever sends it all the same.
    with pytest.raises(InvalidTask, match=re.escape(problem)):
        call_options(env=env)
    with pytest.raises(InvalidTask, match=rf"^inputs\[2\].*{re.escape(problem.removeprefix('env '))}"):
        check({"code": "1", "env": env}, "inputs[2]")


def test_the_command_line_writes_variables_with_an_equals_sign() -> None:
    assert parse_env(["A=1", "B=x=y", "C="]) == {"A": "1", "B": "x=y", "C": ""}
    for wrong, problem in ((["A"], "write it as NAME=VALUE"), (["A=1", "A=2"], "has A twice")):
        with pytest.raises(InvalidTask, match=f"^env .*{problem}"):
            parse_env(wrong)


def test_a_message_of_the_release_before_asks_for_nothing() -> None:
    before = decode(TaskMessage, changed(TASK))
    assert (before.threads, before.env, before.gpus) == (None, None, None)
    now = decode(TaskMessage, changed(TASK, threads=4, env={"A": "1"}, gpus=2))
    assert (now.threads, now.env, now.gpus) == (4, {"A": "1"}, 2)


def test_what_a_task_asks_for_tells_what_it_computes_from_others() -> None:
    def key(**needs: Any) -> str:
        asked = {"threads": None, "env": None, "gpus": None} | needs
        return Work("SCRIPT", "s", None, "{}", told_apart_by(**asked)).key(1)

    plain = Work("SCRIPT", "s", None, "{}").key(1)
    assert key() == key(threads=1) == key(gpus=0) == plain, "as keys were before there was anything to ask for"
    assert len({plain, key(threads=2), key(threads=4), key(env='{"A":"1"}'), key(gpus=1)}) == 5


def test_the_details_show_what_was_asked_for() -> None:
    task = dict.fromkeys(("timeoutSeconds", "memoryLimit")) | {"arguments": {}, "queue": "default", "priority": 1}
    asked = {"threads": 4, "gpus": 1, "env": {"OMP_NUM_THREADS": "1"}}
    assert [fact[1:] for fact in facts_of(task | asked)] == [["Threads", "4"], ["GPUs", "1"], ["OMP_NUM_THREADS", "1"]]
    assert facts_of(task | dict.fromkeys(asked)) == []
