"""Pruning a running service: what goes is gone for everybody, who still holds it is told so, the rest goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from hashlib import sha256
from uuid import uuid4

import pytest
from service_process import ServiceProcess, service_process, token
from stacks import eventually

from taskq_kernel.cli import main
from taskq_kernel.client.client import Client
from taskq_kernel.errors import Forbidden, NotFound, TaskDeleted


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with service_process(tmp_path_factory.mktemp("pruning")) as running:
        yield running


@pytest.fixture
def ann(service: ServiceProcess) -> Iterator[Client]:
    with Client(f"{service.url}/graphql", token("ann")) as client:
        yield client


def test_what_was_pruned_is_gone_for_whoever_holds_it(
    service: ServiceProcess, ann: Client, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("URL", f"{service.url}/graphql"), ("TOKEN", token("admin")), ("HOME", str(service.home))):
        monkeypatch.setenv(f"TASKQ_{name}", value)
    held = ann.submit("1")
    waiting = ann.submit("2")
    f = ann.define("f(; n) = n")
    done, open_ = f.sweep(n=[1, 2, 3], name="done"), f.sweep(n=[1, 2], name="open")
    eventually(lambda: len(ann.frame(batch=done.id)) == 3 and len(ann.frame(batch=open_.id)) == 2, "tasks are made")
    held.cancel()
    done.cancel()
    open_[0].cancel()

    with pytest.raises(Forbidden):
        ann.transport.execute("mutation { pruneTasks(olderThanSeconds: 0) { tasks } }")

    def pruned(*flags: str) -> dict[str, int]:
        assert main(["prune", "--older-than", "0.001s", "--json", *flags]) == 0
        found: dict[str, int] = json.loads(capfd.readouterr().out)
        return found

    trial = pruned("--dry-run")
    assert (trial["tasks"], trial["batches"], trial["kept"]) == (4, 1, 1)
    assert len(ann.tasks()) == 7
    assert pruned("--keep-results")["tasks"] == 5
    assert held.refresh().status == "CANCELLED"
    assert pruned("--keep-results")["tasks"] == 0
    gone = pruned()
    assert (gone["tasks"], gone["batches"], gone["kept"]) == (4, 1, 1)
    assert gone["fileBytes"] > 0
    assert pruned()["tasks"] == 0

    with pytest.raises(TaskDeleted, match="was deleted or pruned"):
        held.refresh()
    with pytest.raises(NotFound, match=f"no task has the id {held.number}: .* deleted or pruned"):
        ann.task(held.number)
    with pytest.raises(NotFound, match="deleted or pruned"):
        done.frame()
    with pytest.raises(NotFound, match="no batch is named 'done'"):
        ann.batch("done")
    assert waiting.refresh().status == "QUEUEING"
    assert open_[0].refresh().status == "CANCELLED"
    # The same sweep again is the same batch: a point that had its task is not made anew.
    again = f.sweep(n=[1, 2], name="open")
    assert [task.id for task in again] == [task.id for task in open_]


def test_a_value_that_nobody_names_any_longer_goes_with_its_task(service: ServiceProcess) -> None:
    body = json.dumps("x" * 1000).encode()
    digest = sha256(body).hexdigest()
    assert service.request("PUT", f"/blobs/{digest}", "worker", body=body).status == 204
    [task] = service.data(
        "mutation($t: [TaskInput!]!) { createTasks(inputs: $t) { id } }", t=[{"id": str(uuid4()), "code": "1"}]
    )["createTasks"]
    worker = service.data(
        'mutation { registerWorker(input: {name: "w", host: "h", pid: 1, runner: "julia", juliaVersion: "1.10",'
        ' queues: ["default"], slots: 1}) { id } }', "worker",
    )["registerWorker"]["id"]
    service.data("mutation($w: ID!, $i: [ID!]!) { claimTasks(worker: $w, ids: $i) { id } }", "worker", w=worker,
                 i=[task["id"]])
    outcome = {
        "id": task["id"], "attempt": 1, "worker": worker, "status": "FINISHED", "startedAt": 1.0, "finishedAt": 2.0,
        "seconds": 1.0,
        "value": {"kind": "JSON", "type": "String", "text": "x", "ref": digest, "size": len(body)},
    }
    told = service.data(
        "mutation($o: [OutcomeInput!]!) { recordOutcomes(outcomes: $o) }", "sink", o=[outcome]
    )["recordOutcomes"]
    assert told == ["ACCEPTED"]
    assert service.request("GET", f"/blobs/{digest}", "ann").status == 200
    file = service.home / "blobs" / digest[:2] / digest
    os.utime(file, (0, 0))  # a young one is left alone: somebody may be about to name it
    query = "mutation { pruneTasks(olderThanSeconds: 0, status: [FINISHED]) { tasks sizeBytes cursor } }"
    found = service.data(query, "admin")["pruneTasks"]
    assert (found["tasks"], found["cursor"]) == (1, None)
    assert int(found["sizeBytes"]) > len(body)
    assert service.request("GET", f"/blobs/{digest}", "ann").status == 404
    assert not file.exists()
