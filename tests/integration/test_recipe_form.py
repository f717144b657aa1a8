"""A recipe's form on a real stack, without a browser: what a page sends, and what it is shown."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from stacks import RunningStack, eventually
from taskq_widgets import RecipeBoard, RecipeForm

from taskq_kernel import Client, connect
from taskq_kernel.client import recipe_operations
from taskq_kernel.client.connection import Address
from taskq_kernel.client.recipe_files import add_recipe
from taskq_kernel.domain import Role
from taskq_kernel.errors import NotFound, ServiceUnreachable
from taskq_kernel.local.visitor import visitor_token

pytestmark = pytest.mark.timeout(120)

QUICK = {"temperature": "1.5", "side": "8", "sweeps": "200"}
#: A recipe that no other test runs.
NAPS = '''
parameters = [(name = :naps, default = 2, minimum = 1, maximum = 16)]
shown = (kind = :number, value = :slept)

"""
# Naps
"""
function naps(; naps)
    sleep(0.01naps)
    return (slept = 0.01naps,)
end
'''


@pytest.fixture
def form(q: Client) -> Iterator[RecipeForm]:
    made = RecipeForm("ising", q)
    soon(made, lambda: not made.blocked, "the service is heard of")
    yield made
    made.close()


def send(widget: Any, kind: str, **content: Any) -> None:
    """Send what a page sends."""
    widget._handle_custom_msg({"type": kind, "view": "page", **content}, [])


def soon(widget: Any, probe: Callable[[], object], what: str) -> None:
    """Wait for something on a widget that a page looks at meanwhile."""
    eventually(lambda: (send(widget, "alive"), probe())[1], what)


def number_of_runs(q: Client) -> int:
    return len(list(q.tasks(recipe="ising", is_point=False)))


def test_a_second_press_runs_it_once_and_the_result_is_a_number_with_its_error(q: Client, form: RecipeForm) -> None:
    before = number_of_runs(q)
    for _ in range(3):
        send(form, "run", values=QUICK)
    soon(form, lambda: form.run.get("status") == "FINISHED", "it has run")
    soon(form, lambda: form.result.get("form") == "number", "its result is shown")
    assert number_of_runs(q) == before + 1
    assert "±" in form.result["text"]
    assert form.result["label"] == "Magnetization per spin"
    assert form.code == []
    assert form.task is not None
    assert form.task.arguments == {"temperature": 1.5, "side": 8, "sweeps": 200}
    soon(form, lambda: any(one["own"] and one["id"] == form.run["id"] for one in form.earlier), "it is among one's own")


def test_what_is_typed_while_a_run_is_on_its_way_is_not_what_it_was_given(
    q: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = q.recipe("ising")
    form, submit = RecipeForm(recipe, q), recipe.submit

    def submit_while_somebody_types(arguments: dict[str, Any]) -> Any:
        send(form, "values", values={"temperature": "3"})
        return submit(arguments)

    monkeypatch.setattr(recipe, "submit", submit_while_somebody_types)
    soon(form, lambda: not form.blocked, "the service is heard of")
    send(form, "run", values=QUICK)
    soon(form, lambda: form.run, "it is shown")
    assert form.ran == QUICK
    assert form.values == QUICK | {"temperature": "3"}
    form.close()


def test_a_press_that_submits_nothing_is_answered_too(form: RecipeForm, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(form, "send", lambda content, *_: told.append(content["type"]))
    send(form, "run", values=QUICK | {"temperature": "9"})
    assert told == ["unsent"]
    send(form, "sweep", values=QUICK, parameter="temperature", low="4", high="1", count="3")
    assert told == ["unsent"] * 2


def test_how_long_it_takes_is_asked_again_where_the_service_was_away(
    q: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, answers = q.recipe("ising"), iter((None, 30.0))

    def estimate(_arguments: dict[str, Any]) -> float:
        if (seconds := next(answers)) is None:
            raise ServiceUnreachable(q.url, "it restarts")
        return seconds

    monkeypatch.setattr(recipe, "estimate", estimate)
    form = RecipeForm(recipe, q)
    soon(form, lambda: form.estimate == "Takes about 30 s, as earlier runs did.", "it is asked again")
    form.close()


def test_what_a_field_does_not_take_is_said_beside_it_and_nothing_runs(q: Client, form: RecipeForm) -> None:
    before = number_of_runs(q)
    send(form, "run", values=QUICK | {"temperature": "9", "side": "8,5"})
    assert form.problems["temperature"] == "Temperature is 9 J/k: give a number from 0.5 to 5 J/k."
    assert form.problems["side"].startswith("Side is “8,5”: a point stands before the decimals")
    send(form, "sweep", values=QUICK, parameter="temperature", low="0.1", high="4", count="3")
    assert form.problems == {"low": "From is 0.1 J/k: give a number from 0.5 to 5 J/k."}
    send(form, "reset")
    assert form.problems == {}
    assert form.values == {"temperature": "2.0", "side": "48", "sweeps": "4000"}
    assert number_of_runs(q) == before


def test_a_sweep_of_results_that_are_too_large_to_travel_with_their_tasks_is_a_curve_too(
    q: Client, form: RecipeForm
) -> None:
    form.load(q.recipe("heat_equation"))
    send(form, "sweep", values=form.values, parameter="mode", low="2", high="4", count="3")
    soon(form, lambda: form.curve.get("done"), "all points are there")
    (curve,) = form.curve["chart"]["curves"]
    rates = [rate / curve["points"][0][1] for _, rate, _ in curve["points"]]
    assert rates == pytest.approx([1, 9 / 4, 4], rel=0.02)
    assert form.curve["note"] == ""
    # And: a rod that is cold at once has no rate, which is said.
    long = form.values | {"seconds": "100000.0"}
    send(form, "sweep", values=long, parameter="length", low="0.01", high="5", count="2")
    soon(form, lambda: form.curve.get("done") and form.curve.get("there") == 2, "both points are there")
    assert form.curve["note"] == "1 of 2 results have no number to draw."


def test_a_sweep_is_a_curve_that_fills_in_and_is_found_again_by_its_name(q: Client, form: RecipeForm) -> None:
    send(form, "sweep", values=QUICK, parameter="temperature", low="1", high="4", count="4")
    soon(form, lambda: form.curve.get("done"), "all points are there")
    (curve,) = form.curve["chart"]["curves"]
    assert [x for x, _, _ in curve["points"]] == [1.0, 2.0, 3.0, 4.0]
    assert curve["points"][0][1] > 0.9 > curve["points"][3][1]
    assert all(error is not None for _, _, error in curve["points"])
    assert form.curve["chart"]["x_label"] == "Temperature in J/k"

    again = RecipeForm("ising", q)
    again.show_sweep(form.curve["id"])
    assert again.curve["chart"] == form.curve["chart"]
    assert again.curve["parameter"] == "temperature"
    again.close()


def test_a_sweep_is_among_ones_own_runs_and_is_opened_from_there(
    q: Client, form: RecipeForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(form, "send", lambda content, *_: told.append(content["id"]) if "id" in content else None)
    send(form, "sweep", values=QUICK, parameter="temperature", low="1", high="4", count="3")
    soon(form, lambda: form.curve.get("done"), "all points are there")
    sweep = form.curve["id"]
    assert told == [f"batch:{sweep}"]

    def row(one: Any) -> dict[str, Any]:
        return next((row for row in one.earlier if row["id"] == sweep), {})

    soon(form, lambda: row(form).get("status") == "FINISHED", "the sweep is among the runs that were")
    said = "Sweep of 3 points, Temperature 1 to 4 J/k, Side 8 spins, Sweeps 200"
    assert (row(form)["said"], row(form)["own"]) == (said, True)
    # And: where several people share an owner's name, it is that of the browser that it was submitted in.
    board = RecipeBoard(q, shared=True)
    soon(board.shelf, lambda: row(board.shelf), "everybody sees it")
    assert not row(board.shelf)["own"]
    send(board.shelf, "mine", ids=told)
    soon(board.shelf, lambda: row(board.shelf)["own"], "it is this browser's")
    assert board.shelf.earlier[0]["id"] == sweep
    send(board.shelf, "go", recipe="ising", task="", batch=sweep)
    soon(board.form, lambda: board.form.curve.get("chart") == form.curve["chart"], "its curve is shown")
    board.close()


def test_a_recipe_that_has_never_run_says_how_long_it_takes_after_three_points_that_one_asks_for(
    q: Client, tmp_path: Path
) -> None:
    file = tmp_path / "naps.jl"
    file.write_text(NAPS)
    add_recipe(q, file)
    form = RecipeForm("naps", q)
    soon(form, lambda: form.untried, "nothing tells how long it takes")
    assert form.estimate == ""
    send(form, "sweep", values={}, parameter="naps", low="1", high="16", count="16", pilot="yes")
    soon(form, lambda: form.estimate, "it is known how long it takes")
    assert form.estimate == "Takes about a moment, as earlier runs did."
    assert not form.untried
    assert form.curve["done"]
    assert [x for x, _, _ in form.curve["chart"]["curves"][0]["points"]] == [1.0, 5.0, 9.0]
    form.close()
    recipe_operations.remove(q.transport, "naps")


def test_a_run_is_found_again_by_its_number_on_another_kernel_with_what_it_was_given(
    q: Client, form: RecipeForm
) -> None:
    send(form, "run", values=QUICK)
    soon(form, lambda: form.run.get("status") == "FINISHED", "it has run")
    board = RecipeBoard(q, shared=True)
    send(board.shelf, "go", recipe="", task=str(form.run["number"]), batch="")
    soon(board.shelf, lambda: board.shelf.chosen == "ising", "its recipe is chosen")
    soon(board.form, lambda: board.form.result == form.result, "its result is shown")
    assert board.form.values == {"temperature": "1.5", "side": "8", "sweeps": "200"}
    other = q.submit("1")
    send(board.shelf, "go", recipe="", task=str(other.number), batch="")
    soon(board.shelf, lambda: board.shelf.message, "what was made of no recipe is not shown")
    assert board.shelf.chosen == ""
    send(board.shelf, "go", recipe="none", task="", batch="")
    soon(board.shelf, lambda: board.shelf.message == "There is no recipe “none”.", "what is not there is said")
    board.close()


def test_of_two_recipes_that_are_chosen_at_once_the_later_is_shown(q: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    board, find, found = RecipeBoard(q), q.recipe, threading.Event()

    def find_slowly(name: str) -> Any:
        assert name == "sir" or found.wait(60)
        return find(name)

    monkeypatch.setattr(board.shelf._live.client, "recipe", find_slowly)
    send(board.shelf, "go", recipe="ising")
    send(board.shelf, "go", recipe="sir")
    soon(board.shelf, lambda: board.form.recipe.get("name") == "sir", "the later is found first")
    found.set()
    for thread in threading.enumerate():
        if thread.name == "taskq action":
            thread.join(60)
    assert (board.shelf.chosen, board.form.recipe["name"]) == ("sir", "sir")
    board.close()


def test_a_run_and_a_sweep_are_shared_by_a_link_that_ends_when_it_is_revoked(
    form: RecipeForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(form, "send", lambda content, *_: told.append(content) if content["type"] == "shared" else None)
    send(form, "run", values=QUICK)
    soon(form, lambda: form.run.get("status") == "FINISHED", "it has run")
    run = form.run["id"]
    send(form, "share", of=run)
    soon(form, lambda: told, "there is a link to the run")
    send(form, "sweep", values=QUICK, parameter="temperature", low="1", high="4", count="2")
    soon(form, lambda: form.curve.get("done"), "both points are there")
    send(form, "share", of=form.curve["id"])
    soon(form, lambda: len(told) == 2, "there is a link to the sweep")
    assert [one["of"] for one in told] == [run, form.curve["id"]]
    pages = [urllib3.request("GET", one["url"], retries=False) for one in told]
    assert [page.status for page in pages] == [200, 200]
    assert all("temperature" in page.data.decode() for page in pages)
    send(form, "share", of=form.curve["id"], revoke=told[1]["id"])
    soon(form, lambda: len(told) == 3, "it is revoked")
    assert told[2]["url"] == ""
    assert urllib3.request("GET", told[1]["url"], retries=False).status == 410
    # And: nothing but what is shown is shared.
    send(form, "share", of=run)
    send(form, "share", of=form.curve["id"])
    soon(form, lambda: len(told) == 4, "what is shown is shared again")
    assert told[3]["of"] == form.curve["id"]


def test_whoever_may_only_run_recipes_runs_them_and_is_offered_nothing_else(
    stack: RunningStack, tmp_path: Path
) -> None:
    file = visitor_token(Address(stack.url, stack.token()), tmp_path, "a visitor", Role.RUNNER)
    assert file is not None
    with connect(stack.url, token=file.read_text()) as visitor:
        form = RecipeForm("ising", visitor, values={"side": 8, "sweeps": 200})
        soon(form, lambda: not form.blocked, "the service is heard of")
        send(form, "run", values={})
        soon(form, lambda: form.result.get("form") == "number", "its result is shown")
        assert not form.may_change
        form.close()


def test_a_recipe_that_is_not_there_is_an_error_where_it_is_asked_for(q: Client) -> None:
    with pytest.raises(NotFound):
        RecipeForm("isings", q)
