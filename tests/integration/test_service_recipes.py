"""Recipes at the service: who may register, submit and see what, over HTTP, WebSocket and the plain paths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pytest
from service_process import ServiceProcess, receive, service_process, subscribe

CODE = '''parameters = [(name = :n, default = 2, minimum = 1, maximum = 9, unit = "m")]
shown = (kind = :number,)
"""
Twice

As much again.
"""
twice(; n) = 2n
'''
VALUES = {"of a recipe": b'["a value of a recipe"]', "of free code": b'["a value of free code"]'}
FILES = {"of a recipe": b"a file of a recipe", "of free code": b"a file of free code"}
ADD = "mutation($code: String!) { addRecipe(input: {name: \"twice\", code: $code}) { added recipe { version } } }"
SUBMIT = "mutation($input: RecipeInput!) { submitRecipe(input: $input) { id number name recipe arguments owner } }"
SWEEP = "mutation($input: RecipeSweepInput!) { submitRecipeSweep(input: $input) { added batch { id recipe total } } }"
DESIGN = '{"axes": {"n": [1, 2]}}'


def ref(data: bytes) -> str:
    return sha256(data).hexdigest()


@dataclass
class Scene:
    """A service with a task and a batch of a recipe, and a task and a batch of free code, all of ann."""

    service: ServiceProcess
    tasks: dict[str, str]
    batches: dict[str, str]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with service_process(tmp_path_factory.mktemp("recipes") / "home") as running:
        running.data(ADD, "admin", code=CODE)
        made = running.data(SUBMIT, "ann", input={"recipe": "twice"})["submitRecipe"]["id"]
        free = running.data('mutation { createTask(input: {code: "2"}) { id } }')["createTask"]["id"]
        swept = running.data(SWEEP, "ann", input={"recipe": "twice", "name": "swept", "design": DESIGN})
        definition = running.data('{ recipe(name: "twice") { definition } }')["recipe"]["definition"]
        own = running.data(
            "mutation($i: BatchInput!) { submitBatch(input: $i) { batch { id } } }", "ann",
            i={"name": "free", "definition": definition, "design": DESIGN},
        )
        tasks = {"of a recipe": made, "of free code": free}
        _finish(running, tasks)
        yield Scene(running, tasks, {
            "of a recipe": swept["submitRecipeSweep"]["batch"]["id"], "of free code": own["submitBatch"]["batch"]["id"],
        })


def _finish(service: ServiceProcess, tasks: dict[str, str]) -> None:
    """Let a made-up worker run them: each has a value that is a file, a kept file, and something printed."""
    worker = service.data("""mutation { registerWorker(input: {name: "w", host: "h", pid: 1, runner: "julia",
        juliaVersion: "1.10", queues: ["default"], slots: 4}) { id } }""", "worker")["registerWorker"]["id"]
    claim = "mutation($w: ID!, $ids: [ID!]!) { claimTasks(worker: $w, ids: $ids) { id } }"
    service.data(claim, "worker", w=worker, ids=list(tasks.values()))
    outcomes = []
    for which, task in tasks.items():
        for data in (VALUES[which], FILES[which]):
            assert service.request("PUT", f"/blobs/{ref(data)}", "worker", body=data).status == 204
        outcomes.append({
            "id": task, "attempt": 1, "worker": worker, "status": "FINISHED", "startedAt": 0.0, "finishedAt": 0.0,
            "seconds": 0.0, "logs": [{"seq": 1, "stream": "stdout", "text": "printed"}],
            "value": {
                "kind": "JSON", "type": "Vector", "text": "v", "ref": ref(VALUES[which]), "size": len(VALUES[which]),
            },
            "files": [{"name": "kept.txt", "ref": ref(FILES[which]), "size": len(FILES[which])}],
        })
    verdicts = service.data("mutation($o: [OutcomeInput!]!) { recordOutcomes(outcomes: $o) }", "sink", o=outcomes)
    assert verdicts["recordOutcomes"] == ["ACCEPTED", "ACCEPTED"]


# -- what a runner sees ----------------------------------------------------------------------


def test_a_runner_reads_a_task_of_a_recipe_with_all_that_hangs_on_it_and_no_other(scene: Scene) -> None:
    query = """query($id: ID!) { task(id: $id) {
        recipe code logs { text } files { sha256 } history { status } why { kind } } }"""
    found = scene.service.data(query, "runner", id=scene.tasks["of a recipe"])["task"]
    assert (found["recipe"], found["code"], found["logs"]) == ("twice", CODE, [{"text": "printed"}])
    assert found["files"] == [{"sha256": ref(FILES["of a recipe"])}]
    number = scene.service.data(query.replace("recipe", "number", 1), "ann", id=scene.tasks["of free code"])["task"]
    for named in (scene.tasks["of free code"], scene.tasks["of free code"].upper(), str(number["number"])):
        assert scene.service.error(query, "runner", id=named)[0] == "NOT_FOUND"


def test_a_runner_lists_what_recipes_made_and_nothing_else_whatever_it_asks_for(scene: Scene) -> None:
    query = """query($filter: TaskFilter, $last: Int) { tasks(filter: $filter, last: $last) {
        totalCount counts { count } nodes { id } } }"""
    free = scene.tasks["of free code"]
    for given in (None, {"ids": [free]}, {"search": "2"}, {"owner": "ann"}, {"queue": "default"}, {"batch": free}):
        for last in (None, 50):
            found = scene.service.data(query, "runner", filter=given, last=last)["tasks"]
            ids = {node["id"] for node in found["nodes"]}
            assert free not in ids
            assert len(ids) == found["totalCount"] == sum(one["count"] for one in found["counts"])
    everything = scene.service.data(query, "admin")["tasks"]
    assert free in {node["id"] for node in everything["nodes"]}
    assert everything["totalCount"] > scene.service.data(query, "runner")["tasks"]["totalCount"] > 0
    ordered = '{ tasks(orderBy: [{argument: "n"}]) { nodes { id } } }'
    assert free not in {node["id"] for node in scene.service.data(ordered, "runner")["tasks"]["nodes"]}


def test_a_runner_finds_batches_of_recipes_alone(scene: Scene) -> None:
    listed = scene.service.data("{ batches { totalCount nodes { id recipe } } }", "runner")["batches"]
    assert {node["recipe"] for node in listed["nodes"]} == {"twice"}
    assert listed["totalCount"] == len(listed["nodes"])
    query = "query($id: ID, $name: String) { batch(id: $id, name: $name) { id grids { design } failures { name } } }"
    assert scene.service.data(query, "runner", name="swept")["batch"]["id"] == scene.batches["of a recipe"]
    for given in ({"id": scene.batches["of free code"]}, {"name": "free"}):
        assert scene.service.error(query, "runner", **given)[0] == "NOT_FOUND"


def test_a_runner_is_told_of_what_recipes_made_over_a_websocket_the_deleted_ones_included(scene: Scene) -> None:
    service = scene.service
    gone = {
        "recipe": service.data(SUBMIT, "ann", input={"recipe": "twice"})["submitRecipe"]["id"],
        "free": service.data('mutation { createTask(input: {code: "3"}) { id } }')["createTask"]["id"],
    }
    service.data("mutation($ids: [ID!]) { deleteTasks(ids: $ids) { changed } }", ids=list(gone.values()))
    for given in ("", ', filter: {owner: "ann"}'):
        with service.socket("runner") as connection:
            query = f"subscription {{ taskChanges(sinceVersion: 0{given}) {{ tasks {{ id }} deleted }} }}"
            subscribe(connection, query)
            told = receive(connection)["payload"]["data"]["taskChanges"]
        ids = {task["id"] for task in told["tasks"]}
        assert scene.tasks["of a recipe"] in ids
        assert scene.tasks["of free code"] not in ids
        assert (gone["recipe"] in told["deleted"], gone["free"] in told["deleted"]) == (True, False)
    with service.socket("runner") as connection:
        subscribe(connection, 'mutation { createTask(input: {code: "1"}) { id } }')
        assert "only what an administrator has registered" in str(receive(connection)["payload"])


def test_a_runner_that_follows_closely_is_told_of_nothing_else_either(scene: Scene) -> None:
    service = scene.service
    seen: set[str] = set()
    with service.socket("runner") as connection:
        subscribe(connection, "subscription { taskChanges { tasks { id } deleted } }")
        receive(connection)
        service.data('mutation { createTask(input: {code: "4"}) { id } }')
        made = service.data(SUBMIT, "ann", input={"recipe": "twice"})["submitRecipe"]["id"]
        while made not in seen:  # `receive` has a deadline
            seen |= {task["id"] for task in receive(connection)["payload"]["data"]["taskChanges"]["tasks"]}
    assert seen == {made}


@pytest.mark.parametrize("kept", [VALUES, FILES], ids=["a value", "a file"])
def test_a_runner_fetches_what_recipes_made_and_nothing_else(scene: Scene, kept: dict[str, bytes]) -> None:
    def answer(which: str, who: str) -> tuple[int, bytes]:
        answered = scene.service.request("GET", f"/blobs/{ref(kept[which])}", who)
        return answered.status, answered.data if answered.status == 200 else b""

    assert answer("of a recipe", "runner") == (200, kept["of a recipe"])
    assert answer("of free code", "runner") == (404, b"")
    assert answer("of free code", "ann") == (200, kept["of free code"])


def test_a_runner_changes_nothing_not_even_its_own(scene: Scene) -> None:
    own = scene.service.data(SUBMIT, "runner", input={"recipe": "twice", "arguments": {"n": 3}})["submitRecipe"]
    assert (own["owner"], own["name"], own["arguments"]) == ("ron", "twice(n=3)", {"n": 3})
    for verb in ("cancel", "retry", "delete"):
        query = f'mutation {{ {verb}Tasks(ids: ["{own["id"]}"]) {{ changed }} }}'
        assert scene.service.error(query, "runner")[0] == "FORBIDDEN"


def test_a_runner_gives_a_recipe_its_arguments_and_nothing_that_runs(scene: Scene) -> None:
    for field, value in (
        ("code", '"run()"'), ("env", "{}"), ("queue", '"other"'), ("inputFiles", "{}"), ("project", '"0"'),
        ("after", "[]"), ("threads", "64"), ("entry", '"run"'), ("definition", '"0"'), ("priority", "2"),
    ):
        query = f'mutation {{ submitRecipe(input: {{recipe: "twice", {field}: {value}}}) {{ id }} }}'
        said = scene.service.post(query, "runner")["errors"][0]["message"]
        assert f"Field '{field}' is not defined by type 'RecipeInput'" in said
    free = scene.tasks["of free code"]
    for value in ({"$task": free}, {"$ref": ref(VALUES["of free code"])}, {"$symbol": "run"}, [1]):
        field, message = refused(scene, arguments={"n": value})
        assert (field, message.endswith("give a whole number from 1 to 9 m")) == ("arguments.n", True)
    for who in ("runner", "ann"):  # whose it is: a runner may have the same name
        code, message = scene.service.error(SUBMIT, who, input={"recipe": "twice", "id": free})
        assert (code, "which cannot be had for a new task" in message) == ("BAD_INPUT", True)


# -- what the service refuses ----------------------------------------------------------------


def refused(scene: Scene, who: str = "runner", query: str = SUBMIT, **given: Any) -> tuple[str, str]:
    """The field and the message of a refusal."""
    error = scene.service.post(query, who, input={"recipe": "twice", **given})["errors"][0]
    assert error["extensions"]["code"] == "BAD_INPUT"
    return error["extensions"]["field"], error["message"]


def test_each_argument_is_checked_and_a_refusal_names_parameter_value_unit_and_range(scene: Scene) -> None:
    for value, said in ((10, "10 m"), (0, "0 m"), (2.5, "2.5 m"), ("3", "“3”"), (True, "true"), (None, "nothing")):
        field, message = refused(scene, arguments={"n": value})
        assert field == "arguments.n"
        assert message.endswith(f"n is {said}: give a whole number from 1 to 9 m")
    assert refused(scene, arguments={"m": 1})[1].endswith("m is no parameter of Twice: it has n")
    assert "give an object" in refused(scene, arguments=[1])[1]
    for design in ('{"axes": {"n": [1, 10]}}', '{"columns": {"n": [1, 10]}}'):
        field, message = refused(scene, query=SWEEP, name="too far", design=design)
        assert (field, message.endswith("n is 10 m: give a whole number from 1 to 9 m")) == ("arguments.n", True)
    assert scene.service.error(SUBMIT, "runner", input={"recipe": "thrice"})[0] == "NOT_FOUND"


def test_what_is_registered_is_typed_and_a_file_that_is_none_is_refused_with_its_line(scene: Scene) -> None:
    query = """{ recipe(name: "twice") { title help version entry owner code show { kind value x y }
        parameters { name type unit default minimum maximum step choices } } }"""
    assert scene.service.data(query, "runner")["recipe"] == {
        "title": "Twice", "help": "As much again.", "version": 1, "entry": "twice", "owner": "root", "code": CODE,
        "show": {"kind": "NUMBER", "value": "", "x": "", "y": []},
        "parameters": [{
            "name": "n", "type": "WHOLE", "unit": "m", "default": 2, "minimum": 1.0, "maximum": 9.0, "step": None,
            "choices": [],
        }],
    }
    assert scene.service.data(ADD, "admin", code=CODE)["addRecipe"] == {"added": False, "recipe": {"version": 1}}
    code, message = scene.service.error(ADD, "admin", code=CODE.replace("default = 2", "default = two()"))
    assert (code, message) == ("BAD_INPUT", "line 1: a number should stand here")


def test_where_tasks_are_private_a_runner_sees_its_own_runs_of_recipes_alone(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with service_process(tmp_path_factory.mktemp("private") / "home", private_tasks="true") as service:
        service.data(ADD, "admin", code=CODE)
        made = {
            who: service.data(SUBMIT, who, input={"recipe": "twice"})["submitRecipe"]["id"] for who in ("ann", "runner")
        }
        for who, task in made.items():
            nodes = service.data("{ tasks { nodes { id } } }", who)["tasks"]["nodes"]
            assert [node["id"] for node in nodes] == [task]
        assert service.error("query($id: ID!) { task(id: $id) { id } }", "runner", id=made["ann"])[0] == "NOT_FOUND"


def test_a_runner_sees_of_tasks_that_were_run_again_together_what_a_recipe_has_made(scene: Scene) -> None:
    again = scene.service.data(
        "mutation($i: [ID!]!) { retryTasks(ids: $i) { tasks { number batch } } }", "ann",
        i=[scene.tasks["of a recipe"], scene.tasks["of free code"]],
    )["retryTasks"]["tasks"]
    points = f"/r/{again[0]['batch']}/points.csv"
    for who, seen in (("ann", again), ("runner", again[:1])):
        rows = scene.service.request("GET", points, who).data.decode().splitlines()[1:]
        assert [row.split(",")[1] for row in rows] == [str(task["number"]) for task in seen], who
