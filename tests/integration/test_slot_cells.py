"""Cells of a session: they share the Main of one process, which is kept whatever they leave there."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any
from unittest.mock import ANY

import pytest
from julia_fixtures import Bench, Ran, runner
from stacks import eventually

from taskq_kernel.displays import STREAM, bundle_of
from taskq_kernel.jupyter.completion import completions_of, inspection
from taskq_kernel.jupyter.source import in_mode
from taskq_kernel.messages import ErrorInfo

ENOUGH = ErrorInfo(name="Stopped", message="enough")


class Session:
    """Runs cells in the first slot of a bench."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.pid = bench.slot.pid
        self.count = 0

    def begin(self, code: str, **job: Any) -> Future[Ran]:
        """Begin a cell, as of a service that keeps what it displays."""
        self.count += 1
        job = {"displays": True} | job
        return self.bench.begin(code, cell=f"In[{self.count}]", process=self.pid, **job)

    def run(self, code: str, **job: Any) -> Ran:
        return self.begin(code, **job).result(100)

    def interrupted(self, code: str, says: str = 'println("begun")\n') -> Ran:
        """Run a cell and interrupt it once it has begun."""
        ran = Ran(report=None)  # type: ignore[arg-type]  # set before anyone may look
        running = self.begin(says + code, ran=ran)
        eventually(lambda: "begun" in ran.output(), "the cell has begun")
        self.bench.wait(self.bench.slot.interrupt_task(ENOUGH))
        return running.result(60)


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with Bench(runner("julia")) as made:
        yield Session(made)


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


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("[1, 2]", [" 1", " 2"]),
        ('Dict("a" => 1)', ['  "a" => 1']),
        ("0x1f", ["0x1f"]),
        ("sum", []),
        ('struct Opaque\n a\nend\n"Told." twice(x) = 2x', ["twice"]),
    ],
)
def test_a_cell_shows_what_the_repl_shows_and_does_not_speak_of_data(
    session: Session, code: str, lines: list[str]
) -> None:
    told = session.run(code).info
    shown = told.text.splitlines()
    assert shown[-len(lines) :] == lines if lines else "generic function" in told.text
    assert not told.note


def test_the_modes_of_the_repl_work_in_cells(session: Session) -> None:
    session.run('"What it is *for*."\nasked(x) = x')
    told = session.run(in_mode("?asked"))
    assert told.info.kind == "MIME"
    assert "<em>for</em>" in told.value["text/html"]
    assert session.run(in_mode(";echo 'one (1)' two")).output() == "one (1) two\n"
    assert "Status" in session.run(in_mode("]status")).output()
    # From 1.11 on documentation becomes text with the REPL, which a process has not.
    assert "What it is" in session.run("@doc asked").info.text


def test_what_is_completed_can_stand_there_and_what_is_documented_may_be_a_macro(session: Session) -> None:
    assert not session.run(completions_of("sqrt(")).value["texts"], "methods are no text"
    assert "println" in session.run(completions_of("prin")).value["texts"]
    assert "elapsed" in session.run(inspection("@time")).value
    assert "sine" in session.run(inspection("sin")).value


def test_display_writes_text_as_the_repl_does(session: Session) -> None:
    told = session.run('display([1, 2]); display("text"); println("after")')
    assert told.output("stdout").splitlines()[1:] == [" 1", " 2", '"text"', "after"]
    assert {stream for stream, _text in told.chunks} == {"stdout"}


def displayed(ran: Ran) -> list[dict[str, str]]:
    return [bundle_of(text) for stream, text in ran.chunks if stream == STREAM]


def test_what_is_displayed_keeps_its_place_among_what_is_printed(session: Session) -> None:
    shows = 'struct Dot\n n\nend\nBase.show(io::IO, ::MIME"image/svg+xml", x::Dot) = print(io, "<svg>", x.n, "</svg>")'
    session.run(shows)
    told = session.run(
        "for i in 1:100\n println(i); i % 2 == 0 && print(stderr, i); display(Dot(i)); println(-i)\nend"
    )
    order = "".join(
        bundle_of(text)["image/svg+xml"] if stream == STREAM else text
        for stream, text in told.chunks if stream != "stderr"
    )  # fmt: skip
    assert order == "".join(f"{i}\n<svg>{i}</svg>-{i}\n" for i in range(1, 101))
    assert displayed(told)[0] == {"image/svg+xml": "<svg>1</svg>", "text/plain": "Dot(1)"}
    plain = session.run("println(1); display(Dot(1))", displays=False)
    assert plain.output() == "1\nDot(1)\n", "a service of an earlier release gets text"


@pytest.mark.parametrize(
    ("code", "bundle"),
    [
        ('display("image/svg+xml", "<svg/>")', {"image/svg+xml": "<svg/>", "text/plain": "[image/svg+xml]"}),
        ('display(MIME("text/html"), "<b>é</b>")', {"text/html": "<b>é</b>", "text/plain": "[text/html]"}),
        ('display("text/markdown", "*x*")', {"text/markdown": "*x*", "text/plain": "*x*"}),
        ('display("text/latex", raw"$x^2$")', {"text/latex": "$x^2$", "text/plain": "$x^2$"}),
        ('display("image/png", UInt8[1, 2, 3])', {"image/png": "AQID", "text/plain": "[image/png]"}),
        ('display(MIME("text/html"), HTML("<i>x</i>"))', {"text/html": "<i>x</i>", "text/plain": ANY}),
        ('display(HTML("<i>x</i>"))', {"text/html": "<i>x</i>", "text/plain": ANY}),
    ],
)
def test_a_display_may_name_its_type_and_be_made_already(session: Session, code: str, bundle: dict[str, str]) -> None:
    assert displayed(session.run(code)) == [bundle]


def test_what_no_display_takes_is_an_error_as_in_the_repl(session: Session) -> None:
    assert session.run('display("application/x-none", "x")').error.name == "MethodError"
    assert session.run('display("image/png", sin)').error.name == "MethodError"


def test_a_display_that_is_too_large_is_left_out_and_said(session: Session) -> None:
    session.run('struct Wide end\nBase.show(io::IO, ::MIME"text/html", ::Wide) = print(io, "x"^2_000_000)')
    told = session.run('display(Wide())\ndisplay("text/html", "x"^2_000_000)\nprintln("after")')
    assert told.output() == (
        "Wide()\n(Its form as text/html is larger than 895 KiB and was left out.)\n"
        "(What was displayed as text/html is larger than 895 KiB and was left out: the log of a task holds no more.)\n"
        "after\n"
    )
    # Each fits, and not all of them.
    told = session.run('for i in 1:4\n display("text/markdown", string(i)^300_000)\nend')
    assert [one["text/plain"][0] for one in displayed(told)] == ["1", "2", "3"]
    assert told.output("stdout").endswith(
        "44\n[taskq: a display of 300,020 bytes is left out here: of what a task prints and displays, 1,048,576 bytes "
        "are kept]\n"
    )


@pytest.mark.parametrize("form", ["error(1)", "throw(MethodError(sin, ()))"])
def test_a_form_that_cannot_be_made_is_none(session: Session, form: str) -> None:
    session.run(f'struct Odd end\nBase.show(io::IO, ::MIME"text/html", ::Odd) = {form}')
    assert session.run("display(Odd()); 7").output() == "Odd()\n"


def test_an_interrupt_while_a_cell_displays_leaves_the_session_whole(session: Session) -> None:
    session.run("kept = 43")
    told = session.interrupted('while true\n display("text/html", "x"^100_000)\nend')
    assert told.error.name == "InterruptException"
    assert session.run("kept").value == 43


def test_what_shows_itself_as_latex_alone_is_that(session: Session) -> None:
    session.run(
        'struct Formula end\nBase.show(io::IO, ::MIME"text/latex", ::Formula) = print(io, raw"$x^2$")\n'
        'Base.show(io::IO, ::Formula) = print(io, "x^2")'
    )
    told = session.run("Formula()")
    assert (told.info.kind, told.value) == ("MIME", {"text/latex": "$x^2$", "text/plain": "x^2"})


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
