"""Cells of a session: they share the Main of one process, which is kept whatever they leave there."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest
from julia_fixtures import Bench, Ran, runner, eventually

from taskq_kernel.messages import ErrorInfo


class Session:
    """Runs cells in the first slot of a bench."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.pid = bench.slot.pid
        self.count = 0

    def begin(self, code: str, **job: Any) -> Any:
        self.count += 1
        return self.bench.begin(code, cell=f"In[{self.count}]", process=self.pid, **job)

    def run(self, code: str, **job: Any) -> Ran:
        ran: Ran = self.begin(code, **job).result(100)
        return ran


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    made = Bench(runner("julia"))
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture
def session(bench: Bench) -> Iterator[Session]:
    bench.wait(bench.slot.start())
    yield Session(bench)
    bench.wait(bench.slot.renew("the session is over"))


def test_cells_share_what_they_define_and_leave(session: Session) -> None:
    first = session.run('using Statistics\nx = [1, 2, 3.0]\nf(n) = n + 1\nENV["A_CELL"] = "1"; cd(mktempdir())\nmean(x)')
    assert first.value == 2.0
    assert session.run("f(n) = 10n\n(f(median(x)), ENV[\"A_CELL\"], isdir(pwd()), ans)").value == [20.0, "1", True, 2.0]
    # A task that is left behind, a redefined method of Base: an ordinary task's process would be replaced.
    session.run("Base.show(io::IO, ::Type{Val{:mine}}) = print(io, \"mine\")\nwaits = Channel(1)\n@async put!(waits, 7)\n1")
    assert session.run("take!(waits)").value == 7
    assert session.run("for i in 1:3\n x[1] += i\nend\nx[1]").value == 7.0
    assert session.run("struct P\n a\nend\nP(1)").info.text == "P(1)"
    assert session.run("@__MODULE__").info.text == "Main"


def test_an_error_shows_the_cells_that_its_trace_goes_through(session: Session) -> None:
    session.run("function g(x)\n    sqrt(x)\nend")
    error = session.run("y = 1\ng(-1.0)").error
    assert (error.name, error.line) == ("DomainError", 2)
    assert "In[1]:2  g(::Float64)\n      sqrt(x)" in error.stacktrace
    assert "In[2]:2  top-level scope\n      g(-1.0)" in error.stacktrace
    broken = session.run("x = (1,\n").error
    assert broken.name == "ParseError"
    assert session.run("y").value == 1


def test_what_a_cell_seeds_holds_for_those_that_follow(session: Session) -> None:
    session.run("using Random")
    session.run("Random.seed!(3)")
    first = session.run("rand()").value
    session.run("Random.seed!(3)")
    assert session.run("rand()").value == first


@pytest.mark.parametrize(
    "code", ["sleep(60)", "while true\n s = rand(10)\nend", "k = 0\nwhile true\n global k += 1\nend",
             "h() = (n = 0; while n >= 0; n = (n + 1) % 1000; end; n)\nh()"]
)
def test_an_interrupt_ends_a_cell_and_keeps_what_was_defined(session: Session, code: str) -> None:
    session.run("kept = 42")
    ran = Ran(report=None)  # type: ignore[arg-type]
    running = session.begin(f"println(\"begun\")\n{code}", ran=ran)
    eventually(lambda: "begun" in ran.output(), "the cell printed something")
    session.bench.wait(session.bench.slot.interrupt_task(ErrorInfo(name="Stopped", message="enough")))
    assert running.result(60).error.name == "InterruptException"
    assert session.run("kept").value == 42


def test_a_cell_that_does_not_heed_an_interrupt_is_ended_with_its_session(session: Session) -> None:
    ran = Ran(report=None)  # type: ignore[arg-type]
    running = session.begin(
        'println("begun")\nwhile true\n try\n  sleep(60)\n catch\n end\nend', ran=ran
    )
    eventually(lambda: "begun" in ran.output(), "the cell printed something")
    session.bench.wait(session.bench.slot.interrupt_task(ErrorInfo(name="Stopped", message="enough")))
    assert running.result(60).error.name == "Stopped"
    assert session.run("1").error.name == "SessionLost"


def test_a_cell_that_ends_its_process_ends_the_session(session: Session) -> None:
    assert session.run("exit(3)").error.name == "ProcessExited"
    assert session.run("1").error.name == "SessionLost"
