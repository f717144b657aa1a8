"""Recipes' files: plain Julia, whose head is read without Julia; and the values that their parameters take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from taskq_kernel.cli import main
from taskq_kernel.client.recipe_estimate import estimated
from taskq_kernel.client.recipe_files import project_folder, read_file
from taskq_kernel.errors import InvalidDeclaration, InvalidParameter, InvalidTask
from taskq_kernel.grid import Grid
from taskq_kernel.parameters import Parameter, complete
from taskq_kernel.recipe_file import RecipeFile, Show, check_name, read_new_recipe, read_recipe
from taskq_kernel.recipes import shipped
from taskq_kernel.service.recipes import complete_design, definition_of

PARAMETERS = """\
const parameters = [
    (name = :speed, default = 2.5, unit = "m/s", minimum = 0.0, maximum = 1e3, step = 0.5, help = "Of what flies."),
    (name = :shots, default = 1_000, minimum = 1),  # a comment
    (name = :method, default = "Euler", choices = ["Euler", "Heun"]),
    (name = :quick, default = false),
]
"""
SHOWN = "shown = (kind = :line, x = :t, y = [:height, :range], x_label = \"s\")\n"
DOCSTRING = '''"""
    # A throw

How far \\$ it `flies`.

Two paragraphs.
"""
'''
FUNCTION = "function throw_it(; speed::Float64, shots = 3, method, quick::Bool = true)\n    speed\nend\n"
FILE = PARAMETERS + SHOWN + DOCSTRING + FUNCTION


def test_what_a_file_declares_is_read_without_julia() -> None:
    assert read_recipe(FILE) == RecipeFile(
        title="A throw", help="How far $ it `flies`.\n\nTwo paragraphs.",
        parameters=(
            Parameter("speed", 2.5, unit="m/s", minimum=0.0, maximum=1e3, step=0.5, help="Of what flies."),
            Parameter("shots", 1000, minimum=1), Parameter("method", "Euler", choices=("Euler", "Heun")),
            Parameter("quick", False),
        ),
        show=Show("line", x="t", y=("height", "range"), x_label="s"), entry="throw_it", code=FILE,
    )


@pytest.mark.parametrize("function", [
    "throw_it(; speed, shots, method, quick) = 1\n", "function throw_it(; settings...)\nend\n",
    "throw_it(; speed, colour = \"#ff0000, (\", shots, method = \"a)\", sign = ')', quote = '\\'', quick) = 1\n",
    "function throw_it(a = (1, 2); speed, shots,  # (many\n    method, quick, other = [1, 2])\nend\n",
    "throw_it(; speed, #= (how fast =# shots, method = \"\"\"a \" (\"\"\", quick #= at\nlast =#) = 1\n",
])  # fmt: skip
def test_the_function_takes_what_is_declared_by_keyword(function: str) -> None:
    assert read_recipe(PARAMETERS + SHOWN + DOCSTRING + function).entry == "throw_it"


@pytest.mark.parametrize(
    ("code", "line", "says"),
    [
        (SHOWN + DOCSTRING + FUNCTION, 1, "a line that begins with parameters = ["),
        (PARAMETERS + DOCSTRING + FUNCTION, 1, "a line that begins with shown = ("),
        (PARAMETERS + SHOWN + FUNCTION, 1, "a recipe has a docstring"),
        (PARAMETERS + PARAMETERS + SHOWN + DOCSTRING + FUNCTION, 7, "parameters stands here a second time"),
        ("parameters = rand(3)\n" + SHOWN + DOCSTRING + FUNCTION, 1, "[(name = :n, default = 10), ...] should stand"),
        (FILE.replace("minimum = 1)", "minimum = one)"), 3, "a number should stand here"),
        (FILE.replace("default = 2.5", "default = sqrt(2)"), 2, "a number should stand here"),
        (FILE.replace("maximum = 1e3", "max = 1e3"), 2, "has no max; it has name, default"),
        (FILE.replace("default = 2.5", "default = -2.5"), 2, "the least is 0"),
        (FILE.replace("maximum = 1e3", f"maximum = 1{'0' * 400}"), 2, "a number of speed is more than a float holds"),
        (FILE.replace("(kind = :line,", "(kind = rand(),"), 7, "a number should stand here"),
        (FILE.replace("(kind = :line,", "(kind = :pie,"), 7, "kind = one of :number, :table, :line"),
        (FILE.replace(SHOWN, "shown = (kind = :number)\n"), 7, "',' after the only entry should stand here"),
        (FILE.replace("x = :t", "color = :t"), 7, "no color where its kind is :line; it may have x, y"),
        (FILE.replace("x = :t", "x = 3"), 7, "x of shown is the name of a field, such as :x"),
        (FILE.replace("y = [:height, :range], ", ""), 7, "shown has y where its kind is :line"),
        (FILE.replace("# A throw", "# A $(throw)"), 9, "without $"),
        (FILE.replace("# A throw", "#"), 8, "first line is the recipe's title"),
        (FILE.replace("function throw_it", "x = 1\nfunction throw_it"), 15, "function name(; ...), should stand right"),
        (FILE.replace("shots = 3, ", ""), 15, "throw_it has no keyword shots, which is declared: write function throw"),
        (FILE.replace("shots = 3, ", "shots = 3, wind, "), 15, "throw_it needs wind, which is not declared"),
        (FILE.replace("(; speed", "(place; speed"), 15, "throw_it needs place, which is not declared"),
    ],
)
def test_what_is_no_recipe_is_told_with_its_line_and_what_should_stand_there(code: str, line: int, says: str) -> None:
    with pytest.raises(InvalidDeclaration) as refused:
        read_recipe(code)
    assert (refused.value.line, says in refused.value.reason) == (line, True), refused.value


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ("default = 1.0, step = 0.0", "step of n is 0: give a number above 0"),
        ("default = 1, step = -1", "step of n is -1: give a number above 0"),
        ("default = 1.0, step = NaN", "step of n is nan: give a number, or leave it out"),
        ("default = 1.0, maximum = Inf", "maximum of n is inf: give a number, or leave it out"),
        ("default = 1.0, minimum = NaN", "minimum of n is nan"),
        ("default = 1, choices = [1, 20], maximum = 10", "20, a choice of n, can never be taken"),
    ],
)
def test_a_range_that_cannot_be_meant_is_refused_when_a_recipe_is_registered(entries: str, says: str) -> None:
    head = f"# A comment.\nparameters = [(name = :n, {entries})]\nshown = (kind = :number,)\n\n"
    code = f'{head}"""\nA\n"""\nf(; n) = n\n'
    with pytest.raises(InvalidDeclaration, match=says) as refused:
        read_new_recipe(code)
    assert refused.value.line == 2
    with pytest.raises(InvalidDeclaration, match=says):
        definition_of({"name": "f", "code": code})
    assert read_recipe(code).entry == "f", "what is registered already stays what it was"


def test_a_file_is_told_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "throw.jl"
    file.write_text(FILE)
    assert read_file(file) == ("throw", read_recipe(FILE))
    file.write_text(PARAMETERS)
    with pytest.raises(InvalidTask, match=rf"^{file}, line 1: a recipe has a line that begins with shown"):
        read_file(file)
    with pytest.raises(InvalidTask, match="name is 'two words': give a letter, then letters"):
        check_name("two words")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("speed", 1001, "speed is 1001 m/s: give a number from 0 to 1000 m/s"),
        ("speed", -0.5, "speed is -0.5 m/s: give a number from 0 to 1000 m/s"),
        ("speed", "fast", "speed is “fast”: give a number from 0 to 1000 m/s"),
        ("speed", True, "speed is true: give a number from 0 to 1000 m/s"),
        ("speed", {"$float": "NaN"}, "speed is NaN: give a number from 0 to 1000 m/s"),
        ("speed", {"$task": "x", "a": 1}, "speed is an object: give a number from 0 to 1000 m/s"),
        ("speed", None, "speed is nothing: give a number from 0 to 1000 m/s"),
        ("shots", 0, "shots is 0: give a whole number of at least 1"),
        ("shots", 1.5, "shots is 1.5: give a whole number of at least 1"),
        ("shots", 2**63, "give a whole number of at least 1"),
        ("method", "RK4", "method is “RK4”: give one of Euler, Heun"),
        ("quick", 1, "quick is 1: give true or false"),
        ("method", "x" * 10_001, "method has 10\u202f001 characters: give 10\u202f000 at most"),
        ("wind", 1, "wind is no parameter of A throw: it has speed, shots, method, quick"),
    ],
)
def test_what_a_recipe_does_not_take_is_refused_in_a_sentence(name: str, value: Any, says: str) -> None:
    recipe = read_recipe(FILE)
    with pytest.raises(InvalidParameter) as refused:
        complete(recipe.title, recipe.parameters, {name: value})
    assert says in str(refused.value)
    assert refused.value.field == f"arguments.{name}"
    with pytest.raises(InvalidParameter):
        complete_design(recipe, design_of({name: [value]}))


def design_of(axes: dict[str, list[Any]]) -> str:
    return json.dumps({"axes": axes})


def test_what_is_not_given_has_its_default_and_numbers_are_of_their_kind() -> None:
    recipe = read_recipe(FILE)
    made = complete(recipe.title, recipe.parameters, {"speed": 3, "shots": 1e3})
    assert made == {"speed": 3.0, "shots": 1000, "method": "Euler", "quick": False}
    assert (type(made["speed"]), type(made["shots"])) == (float, int)
    grid = Grid(complete_design(recipe, design_of({"quick": [True, False], "speed": [1, 2]})))
    assert [grid[place] for place in (0, 1)] == [
        f'{{"method":"Euler","quick":true,"shots":1000,"speed":{speed}}}' for speed in ("1.0", "2.0")
    ]
    rows = Grid(complete_design(recipe, '{"columns": {"speed": [1, 2, 3], "shots": [7, 8, 9]}}'))
    assert (len(rows), rows[2]) == (3, '{"method":"Euler","quick":false,"shots":9,"speed":3.0}')


def test_the_shipped_recipes_are_recipes_that_are_named_as_their_functions() -> None:
    read = {file.stem: read_recipe(file.read_text("utf-8")) for file in shipped()}
    assert set(read) == {"heat_equation", "ising", "lotka_volterra", "option_price", "percolation", "sir"}
    for name, recipe in read.items():
        assert recipe.entry == name
        assert recipe.help
        assert all(one.help and one.label for one in recipe.parameters)


@pytest.mark.parametrize(("lies", "project"), [
    ("lab/fit.jl", "lab"), ("lab/recipes/fit.jl", "lab"), ("lab/recipes/deep/fit.jl", None), ("fit.jl", None),
    ("lab/src/fit.jl", None), ("own/recipes/fit.jl", "own/recipes"),
])  # fmt: skip
def test_the_project_of_a_recipe_is_the_folder_that_it_lies_in(tmp_path: Path, lies: str, project: str | None) -> None:
    for folder in ("lab", "own", "own/recipes"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "Project.toml").touch()
    assert project_folder(tmp_path / lies) == (None if project is None else tmp_path / project)


def test_the_page_on_recipes_shows_one_and_what_check_says_of_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text("utf-8")
    file = tmp_path / "pendulum.jl"
    file.write_text(page.partition("```julia\n")[2].partition("```")[0], "utf-8")
    assert main(["recipe", "check", str(file)]) == 0
    assert page.partition("recipe check pendulum.jl\n")[2].startswith(capfd.readouterr().out)


def test_a_run_is_estimated_from_earlier_ones() -> None:
    parameters = (Parameter("side", 10), Parameter("sweeps", 100), Parameter("method", "a", choices=("a", "b")))

    def run(side: int, sweeps: int, method: str = "a", slow: float = 1.0) -> tuple[dict[str, Any], float]:
        return {"side": side, "sweeps": sweeps, "method": method}, slow * 1e-5 * side**2 * sweeps

    runs = [run(10, 100), run(20, 100), run(40, 100), run(40, 800), run(10, 1600), run(40, 800, "b", 100.0)]
    assert estimated(parameters, [], run(10, 100)[0]) is None
    assert estimated(parameters, runs, run(20, 100)[0]) == pytest.approx(0.4)
    for side, sweeps in ((80, 100), (20, 6400), (5, 50)):
        wanted, seconds = run(side, sweeps)
        assert estimated(parameters, runs, wanted) == pytest.approx(seconds, rel=0.35)
    assert estimated(parameters, runs, run(40, 801, "b")[0]) == pytest.approx(1280, rel=0.1)
    assert estimated(parameters, runs[:1], run(99, 100)[0]) == pytest.approx(0.1)


@pytest.mark.parametrize("file", shipped(), ids=lambda file: file.stem)
def test_no_parameter_of_a_shipped_recipe_is_called_as_its_unit_is(file: Path) -> None:
    parameters = read_recipe(file.read_text(encoding="utf-8")).parameters
    assert [one.name for one in parameters if one.title.casefold() == one.unit.casefold()] == []
