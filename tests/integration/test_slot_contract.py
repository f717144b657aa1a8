"""What a slot promises, over Julia and over its double: whoever tests with the double relies on this."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from julia_fixtures import Bench, Ran, runner
from taskq_worker.slots.double import DoubleCommand

from taskq_kernel.displays import STREAM
from taskq_kernel.messages import ErrorInfo


@pytest.fixture(scope="module", params=["double", "julia"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with Bench(DoubleCommand() if request.param == "double" else runner(request.param)) as made:
        yield made


@pytest.mark.parametrize(("code", "value"), [("6 * 7", 42), ("[1, 2]", [1, 2]), ('"text"', "text"), ("1.5", 1.5)])
def test_an_expression_becomes_a_value(bench: Bench, code: str, value: object) -> None:
    assert bench.run(code).value == value


def test_progress_and_output_are_handed_on(bench: Bench) -> None:
    ran = bench.run('[progress(0.5, "half"), print("so far"), progress(1.0, "all"), 1][4 - 1]')
    assert ran.progress == [(0.5, "half"), (1.0, "all")]
    assert ran.output("stdout").strip() == "so far"


def test_an_error_has_its_name_and_message_and_keeps_the_process(bench: Bench) -> None:
    pid = bench.slot.pid
    error = bench.run('error("no")').error
    assert (error.name, error.message) == ("ErrorException", "no")
    assert bench.slot.pid == pid


@pytest.mark.parametrize("code", [0, 3])
def test_a_task_that_exits_fails_and_the_next_has_another_process(bench: Bench, code: int) -> None:
    pid = bench.slot.pid
    assert bench.run(f"exit({code})").error.name == "ProcessExited"
    assert bench.run("6 * 7").value == 42
    assert bench.slot.pid not in (pid, None)


def test_a_time_limit_ends_a_task(bench: Bench) -> None:
    assert bench.run("sleep(60)", timeout_s=0.3).error.name == "TimeoutExceeded"


def test_a_word_from_outside_ends_a_task(bench: Bench) -> None:
    running = bench.begin("sleep(60)")
    bench.wait(bench.slot.stop_task(ErrorInfo(name="Stopped", message="enough")))
    ran: Ran = running.result(60)
    assert ran.error.name == "Stopped"


def test_what_a_cell_displays_keeps_its_place_among_what_it_prints(bench: Bench) -> None:
    bench.wait(bench.slot.start_pristine(bench.slot.key_for()))
    code = '[print("a"), display("text/html", "<b>x</b>"), print("b"), 1][4 - 1]'
    asked = {"cell": "In[1]", "process": bench.slot.pid, "displays": True}
    chunks = [(stream, text.strip()) for stream, text in bench.run(code, **asked).chunks if text.strip()]
    assert chunks == [("stdout", "a"), (STREAM, '{"text/html":"<b>x</b>"}'), ("stdout", "b")]
    bench.wait(bench.slot.renew("a session has ended"))
