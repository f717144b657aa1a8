"""Recipes on a real stack: shipped ones are there, people register their own, and a runner submits them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import pytest
from stacks import RunningStack

from taskq_kernel import Client, Forbidden, InvalidTask, NotFound, connect
from taskq_kernel.cli import main
from taskq_kernel.client import token_operations
from taskq_kernel.local.recipes import register_shipped
from taskq_kernel.recipe_file import read_recipe
from taskq_kernel.recipes import FOLDER

#: A command; its exit code, and what it wrote to standard output and to standard error.
Run = Callable[..., tuple[int, str, str]]

OWN = '''parameters = [
    (name = :factor, default = 2, minimum = 1, maximum = 9, help = "By what."),
    (name = :seed, default = 0.5, minimum = 0.0, maximum = 1.0),
]
shown = (kind = :number, value = :product)

"""
# Product

Of a number of the project.
"""
product(; factor, seed) = (product = factor * include("number.jl"), drawn = rand(), seed = seed)
'''


@pytest.fixture
def taskq(stack: RunningStack, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """The command line, on the session's stack."""

    def run(*arguments: str, token: str = "") -> tuple[int, str, str]:
        monkeypatch.setenv("TASKQ_URL", stack.url)
        monkeypatch.setenv("TASKQ_TOKEN", token or stack.token())
        capfd.readouterr()
        code = main(["recipe", *arguments])
        return code, *capfd.readouterr()

    return run


@pytest.fixture(scope="module")
def ron(q: Client, stack: RunningStack) -> Iterator[Client]:
    """A client with a runner's token."""
    secret = token_operations.create_token(q.transport, "ron", "runner", None)["secret"]
    with connect(stack.url, token=secret) as client:
        yield client


def test_the_shipped_recipes_are_there_from_the_start_and_run_with_their_defaults(q: Client, ron: Client) -> None:
    recipes = {one.name: one for one in ron.recipes()}
    assert {"heat_equation", "ising", "lotka_volterra", "option_price", "percolation", "sir"} <= recipes.keys()
    tasks = {name: one.submit() for name, one in recipes.items()}
    values = {name: task.result(120) for name, task in tasks.items()}
    for name in ("ising", "option_price", "percolation"):
        show = recipes[name].show
        exact = values[name]["theory" if name == "percolation" else "exact"]
        assert abs(values[name][show.value] - exact) < 6 * values[name][show.error]
    assert values["sir"]["final_size"] == pytest.approx(values["sir"]["theory"], abs=1e-3)
    assert values["lotka_volterra"]["drift"] < 1e-5
    assert values["heat_equation"]["decay_rate"] == pytest.approx(values["heat_equation"]["theory"], rel=1e-3)
    for name, task in tasks.items():
        assert (task.recipe, task.owner, task.arguments) == (name, "ron", recipes[name].defaults)
        # Other tests may have run it on this stack before.
        alike = [one for one in q.tasks(recipe=name, status="FINISHED") if one.arguments == task.arguments]
        assert recipes[name].estimate() == pytest.approx(median(one.seconds or 0.0 for one in alike), rel=1e-6)
        assert task.code == recipes[name].code
        assert recipes[name].parameters == read_recipe(task.code).parameters
        assert [one.type for one in recipes[name].parameters] == [one.kind for one in read_recipe(task.code).parameters]


def test_the_start_of_a_stack_registers_once_and_brings_nothing_back(q: Client, taskq: Run) -> None:
    assert register_shipped(q.transport) == []
    assert taskq("remove", "sir") == (0, "removed: sir, version 1\n", "")
    try:
        assert register_shipped(q.transport) == []
        assert "sir" not in [one.name for one in q.recipes()]
        with pytest.raises(NotFound, match="no recipe is named 'sir'"):
            q.recipe("sir")
    finally:
        assert taskq("add", str(FOLDER / "sir.jl")) == (0, "recipe sir, version 2: SIR epidemic\n", "")


def test_a_sweep_of_a_recipe_fills_in_and_is_extended(ron: Client) -> None:
    recipe = ron.recipe("ising")
    swept = recipe.sweep(temperature=[1.5, 4.0], sweeps=200, side=8, seed=7)
    frame = swept.wait(60).frame()
    assert list(frame["temperature"]) == [1.5, 4.0]
    assert frame["magnetization"][0] > frame["magnetization"][1]
    assert (swept.recipe, swept.name.split()[0]) == ("ising", "ising")
    assert swept.extend(temperature=[2.0], sweeps=200, side=8) == 1
    assert [task.recipe for task in swept] == ["ising"] * 3
    again = recipe.sweep(temperature=[1.5, 4.0], sweeps=200, side=8, seed=7, name="the same")
    assert list(again.wait(60).frame()["magnetization"]) == list(frame["magnetization"])
    with pytest.raises(InvalidTask, match=r"temperature.* is 7 J/k: give a number from 0.5 to 5 J/k"):
        recipe.sweep(temperature=[1.5, 7])
    assert len(ron.tasks(recipe=recipe)) >= 5


def test_a_runner_submits_recipes_and_nothing_else(q: Client, ron: Client) -> None:
    for submit in (lambda: ron.submit("1 + 1"), lambda: ron.define("f() = 1"), lambda: ron.submit_many(["1"])):
        with pytest.raises(Forbidden, match="may submit only what an administrator has registered"):
            submit()
    free = q.submit("1 + 1")
    assert free.result(60) == 2
    with pytest.raises(NotFound):
        ron.task(free.number)
    assert free.number not in [task.number for task in ron.tasks()]


def test_people_register_a_recipe_of_their_own_project(q: Client, ron: Client, taskq: Run, tmp_path: Path) -> None:
    file = tmp_path / "lab" / "recipes" / "product.jl"
    file.parent.mkdir(parents=True)
    (tmp_path / "lab" / "number.jl").write_text("21")
    file.write_text(OWN.replace("default = 2", "default = two"))
    for command in ("check", "add"):
        code, out, said = taskq(command, str(file))
        assert (code, out, f"{file}, line 2: a number should stand here" in said) == (2, "", True)
    file.write_text(OWN)
    checked = taskq("check", str(file))[1]
    assert "product: Product\n" in checked
    assert "factor  a whole number from 1 to 9; 2 by default" in checked
    added = f"recipe product, version 1: Product, with the project {tmp_path / 'lab'}"
    command = ("add", str(file), "--project", str(tmp_path / "lab"))
    assert [taskq(*command)[1] for _ in range(2)] == [f"{added}\n", f"{added}; it was there\n"]
    secret = str(token_operations.create_token(q.transport, "ron", "runner", None)["secret"])
    code, _, said = taskq("add", str(file), token=secret)
    assert (code, "needs a token with the role admin" in said) == (1, True)
    listed = {one["name"]: one for one in json.loads(taskq("list", "--json", token=secret)[1])}
    assert [one["name"] for one in listed["product"]["parameters"]] == ["factor", "seed"]
    assert re.search(r"^product +1 +Product +factor, seed +20", taskq("list")[1], re.MULTILINE)

    recipe = ron.recipe("product")
    first = recipe.submit({"seed": 0.25}, factor=3, seed=11)
    assert first.result(60)["product"] == 63
    assert (first.result()["seed"], first.seed) == (0.25, 11)
    assert recipe.submit({"seed": 0.25}, factor=3, seed=11).result(60) == first.result()
    cached = recipe.submit(factor=3, cache=True)
    assert cached.result(60)["product"] == 63
    assert recipe.submit(factor=3, cache=True).cached_from == cached.number

    file.write_text(OWN.replace('include("number.jl")', "22"))
    assert taskq("add", str(file))[1] == "recipe product, version 2: Product\n"
    second = ron.recipe("product").submit()
    assert (second.result(60)["product"], second.project) == (44, None)
    assert taskq("remove", "product")[0] == 0
    assert (first.refresh().code, first.project is not None) == (OWN, True)
    with pytest.raises(NotFound):
        recipe.submit()
