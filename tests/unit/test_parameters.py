"""Parameters that code declares: plain Julia, read without Julia, and values that they take."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from taskq_kernel.client.options import task_input
from taskq_kernel.declarations import declared
from taskq_kernel.errors import InvalidDeclaration, InvalidParameter
from taskq_kernel.parameters import Parameter

CODE = """\
# Something to compute
using Random

parameters = [  # what may be set
    (name = :darts, default = 20_000_000, label = "Darts", minimum = 1_000, maximum = 10^9, step = 1_000,
     help = "More darts, more digits."),
    (name = :v, default = 12.0, label = "Speed", unit = "m/s", minimum = 0),
    (name = :method, default = "Euler", choices = ["Euler", "Heun"]),
    (name = :quick, default = false),
]

darts + 1
"""


def test_what_code_declares_is_read_without_julia() -> None:
    assert declared(CODE) == (
        Parameter("darts", 20_000_000, "Darts", "", 1_000, 10**9, 1_000, "More darts, more digits."),
        Parameter("v", 12.0, "Speed", "m/s", 0),
        Parameter("method", "Euler", choices=("Euler", "Heun")),
        Parameter("quick", False),
    )


def test_comments_of_both_kinds_and_a_dollar_sign_may_stand_within() -> None:
    block = 'parameters = [ #= in dollars\n of today =# (#= its =# name = :price, default = 1.0, # a line = #\n'
    code = block + r'unit = "\\\$"), #==#]'
    assert declared(code) == (Parameter("price", 1.0, unit="\\$"),)


@pytest.mark.parametrize(
    "code",
    [
        "", "x = 1", "# parameters = [", "my.parameters = [1]", "parameters = 3", "f(parameters = [])",
        "parameters = [1.0, 2.0]", "parameters = [(a = 1,)]", "parameters = [",
    ],
)  # fmt: skip
def test_code_that_declares_none_has_none(code: str) -> None:
    assert declared(code) == ()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("rule", ["#" * 80, "# " * 40, "#- " * 30])
def test_a_line_drawn_with_number_signs_is_a_comment_that_is_read_once(rule: str) -> None:
    for block, found in (("1.0, 2.0", ()), ("(name = :a, default = 1)", (Parameter("a", 1),))):
        assert declared(f"parameters = [\n    {rule}\n    {block}\n    {rule}\n]\n") == found


@pytest.mark.parametrize(
    ("block", "line", "said"),
    [
        ("parameters = [(name = :a, default = 1), 3]", 1, "'('"),
        ("parameters = [\n  (name = :a, default = 1)\n  (name = :b, default = 2)]", 2, "',' or ']'"),
        ("parameters = [(name = 1, default = 1)]", 1, "name = :n"),
        ("parameters = [(name = :end, default = 1)]", 1, "end"),
        ("parameters = [(name = :a)]", 1, "default"),
        ("parameters = [\n(name = :a, default = 1),\n(name = :a, default = 1)]", 3, "twice"),
        ("parameters = [(name = :a, default = 1, min = 0)]", 1, "no min; it has name, default"),
        ("parameters = [(name = :a, default = f(1))]", 1, "a number"),
        ("parameters = [(name = :a, default = 1, minimum = 2)]", 1, "the least is 2"),
        ("parameters = [(name = :a, default = \"x\", minimum = 2)]", 1, "is a number"),
        ("parameters = [(name = :a, default = 1, choices = [\"x\"])]", 1, "values like its default"),
        ("parameters = [(name = :a, default = 1, label = 3)]", 1, "label of a is text"),
        ("parameters = [(name = :a, default = 2, minimum = 3, maximum = 1)]", 1, "minimum of a is more than its max"),
        ("parameters = [(name = :a, default = NaN)]", 1, "the default of a is nan: give a number, such as default = 1"),
        ("parameters = [(name = :a, default = \"$b\")]", 1, "a string without $, or with \\$,"),
        (f"parameters = [(name = :a, default = 1{'0' * 5000})]", 1, "a number of a is more than a float holds"),
        (f"parameters = [(name = :a, default = 1, minimum = 1{'0' * 5000})]", 1, "a number of a is more than a float"),
        (f"parameters = [(name = :a, default = 1, choices = [-1{'0' * 400}])]", 1, "a number of a is more"),
    ],
)  # fmt: skip
def test_a_declaration_that_cannot_be_read_is_told_with_its_line(block: str, line: int, said: str) -> None:
    with pytest.raises(InvalidDeclaration) as caught:
        declared(f"{block}\n")
    assert caught.value.line == line
    assert said in caught.value.reason


def test_the_declaration_in_the_documentation_can_be_read() -> None:
    page = (Path(__file__).parents[2] / "docs" / "widgets.md").read_text(encoding="utf-8")
    (code,) = [block for block in re.findall(r"```julia\n(.*?)```", page, re.DOTALL) if block.startswith("parameters")]
    assert [one.name for one in declared(code)] == ["speed", "method"]


def test_what_is_not_given_is_the_default_and_other_code_is_left_alone() -> None:
    given = task_input(CODE, arguments={"darts": 5_000, "other": "x"})["arguments"]
    assert given == {"darts": 5_000, "other": "x", "v": 12.0, "method": "Euler", "quick": False}
    assert "arguments" not in task_input("parameters = [(name = :a, default = f(1))]")


DARTS, SPEED, METHOD, QUICK = declared(CODE)


@pytest.mark.parametrize(
    ("parameter", "text", "value"),
    [
        (DARTS, "5000", 5000), (DARTS, " 1_000_000 ", 1_000_000), (DARTS, "1,000,000", 10**6),
        (DARTS, "1e6", 10**6), (DARTS, "10^6", 10**6), (DARTS, "1 000 000", 10**6), (DARTS, "20\u202f000", 20_000),
        (SPEED, "1.15", 1.15), (SPEED, ".5", 0.5), (SPEED, "3", 3.0), (SPEED, "1//4", 0.25),
        (SPEED, "2π", 6.283185307179586),
        (SPEED, "1,000,000.5", 1_000_000.5),
        (METHOD, "Heun", "Heun"), (QUICK, "true", True),
    ],
)  # fmt: skip
def test_a_typed_text_is_the_value_that_it_means(parameter: Parameter, text: str, value: object) -> None:
    assert parameter.read(text) == value
    assert type(parameter.read(text)) is type(value)


@pytest.mark.parametrize(
    ("parameter", "text", "said"),
    [
        (DARTS, "many", "Darts is “many”: give a whole number, such as 20\u202f000\u202f000."),
        (DARTS, "", "Darts is empty: give a whole number, such as 20\u202f000\u202f000."),
        (DARTS, "2000.5", "Darts is “2000.5”: give a whole number, such as 20\u202f000\u202f000."),
        (DARTS, "5", "Darts is “5”: the least is 1000."),
        (DARTS, "1e10", "Darts is “1e10”: the most is 1\u202f000\u202f000\u202f000."),
        (DARTS, "1,000", "Darts is “1,000”: write 1000 or 1.000, whichever you mean."),
        (DARTS, "true", "Darts is “true”: give a whole number, such as 20\u202f000\u202f000."),
        (SPEED, "1,15", "Speed is “1,15”: a point stands before the decimals: write 1.15."),
        (SPEED, "NaN", "Speed is “NaN”: give a number, such as 12."),
        (SPEED, "fast", "Speed is “fast”: give a number, such as 12."),
        (SPEED, "9" * 100_001, f"Speed is “{'9' * 40}”: give a number, such as 12."),
        (SPEED, "9" * 400, f"Speed is “{'9' * 40}”: it has too many digits."),
        (SPEED, f"{'9' * 400}//2", f"Speed is “{'9' * 40}”: give a number, such as 12."),
        (DARTS, "9" * 400, f"Darts is “{'9' * 40}”: the most is 1\u202f000\u202f000\u202f000."),
        (SPEED, "-1", "Speed is “-1”: the least is 0."),
        (METHOD, "Verlet", "method is “Verlet”: choose one of Euler, Heun."),
        (QUICK, "maybe", "quick is “maybe”: choose true or false."),
    ],
)  # fmt: skip
def test_what_a_parameter_does_not_take_is_refused_with_a_sentence(parameter: Parameter, text: str, said: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        parameter.read(text)
    assert str(caught.value) == said
    assert caught.value.name == parameter.name
