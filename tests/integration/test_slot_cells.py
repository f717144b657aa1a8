"""Cells of a session: they share the Main of one process, which is kept whatever they leave there."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest
from julia_fixtures import Bench, Ran, runner
from stacks import eventually

from taskq_kernel.messages import ErrorInfo

ENOUGH = ErrorInfo(name="Stopped", message="enough")


class Session:
    """Runs cells in the first slot of a bench."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.pid = bench.slot.pid
        self.count = 0

    def begin(self, code: str, **job: Any) -> Future[Ran]:
        self.count += 1
        return self.bench.begin(code, cell=f"In[{self.count}]", process=self.pid, **job)

    def run(self, code: str) -> Ran:
        return self.begin(code).result(100)

    def interrupted(self, code: str, says: str = 'println("begun")\n') -> Ran:
        """Run a cell and interrupt it once it has begun."""
        ran = Ran(report=None)  # type: ignore[arg-type]  # set before anyone may look
        running = self.begin(says + code, ran=ran)
        eventually(lambda: "begun" in ran.output(), "the cell has begun")
        self.bench.wait(self.bench.slot.interrupt_task(ENOUGH))
        return running.result(60)


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    made = Bench(runner("julia"))
    try:
        made.start()
        yield Session(made)
    finally:
        made.close()


def test_cells_share_what_they_define_and_leave(session: Session) -> None:
    first = session.run('using Statistics\nx = [1, 2, 3.0]\nf(n) = n + 1\nENV["OF"] = "1"; cd(mktempdir())\nmean(x)')
    assert first.value == 2.0
    assert session.run('f(n) = 10n\n(f(median(x)), ENV["OF"], isdir(pwd()), ans)').value == [20.0, "1", True, 2.0]
    # A Julia task that is left behind, a method of Base: an ordinary task's process would be replaced.
    session.run('Base.show(io::IO, ::Type{Val{:mine}}) = print(io, "mine")')
    session.run("waits = Channel(1)\n@async put!(waits, 7)\n1")
    assert session.run("take!(waits)").value == 7
    assert session.run("for i in 1:3\n x[1] += i\nend\nx[1]").value == 7.0
    assert session.run("struct P\n a\nend\nP(1)").info.text == "P(1)"
    assert session.run("@__MODULE__").info.text == "Main"
    session.run("using Random\nRandom.seed!(3)")
    drawn = session.run("rand()").value
    session.run("Random.seed!(3)")
    assert session.run("rand()").value == drawn, "what a cell seeds holds for those that follow"


def test_an_error_shows_the_cells_that_its_trace_goes_through(session: Session) -> None:
    session.run("function g(x)\n    sqrt(x)\nend")
    first = session.count
    error = session.run("y = 1\ng(-1.0)").error
    assert (error.name, error.line) == ("DomainError", 2)
    assert f"In[{first}]:2  g(::Float64)\n      sqrt(x)" in error.stacktrace
    assert f"In[{first + 1}]:2  top-level scope\n      g(-1.0)" in error.stacktrace
    assert session.run("x = (1,\n").error.name == "ParseError"
    assert session.run("y").value == 1


@pytest.mark.parametrize(
    "code",
    [
        "sleep(60)",
        "while true\n rand(10)\nend",
        # It neither waits nor allocates.
        "h() = (n = 0; while n >= 0; n = (n + 1) % 1000; end; n)\nh()",
    ],
)
def test_an_interrupt_ends_a_cell_and_keeps_what_was_defined(session: Session, code: str) -> None:
    session.run("kept = 42")
    assert session.interrupted(code).error.name == "InterruptException"
    assert session.run("kept").value == 42


def test_a_cell_that_does_not_heed_an_interrupt_is_ended_with_its_session(session: Session) -> None:
    # Wherever an interrupt comes, it is inside of a `try` that is further out.
    session.run("stay(n) = n == 0 ? (println(\"begun\"); sleep(60)) : try stay(n - 1) catch; stay(n) end")
    told = session.interrupted("stay(100)", says="")
    assert told.error.name == "Stopped"
    assert session.run("1").error.name == "SessionLost"
