"""How the open task was made, in its panel: facts, a repetition with its verdict, and exports."""

from __future__ import annotations

import json
import zipfile
from decimal import Decimal
from io import BytesIO
from typing import Any

import nbformat
from client_fixtures import q, service
from client_lab import FakeService
from stacks import eventually
from taskq_widgets.detail import TaskDetail
from taskq_widgets.panels.provenance import file_of, made_of

from taskq_kernel.client import operations
from taskq_kernel.client.client import Client
from taskq_kernel.domain import ValueKind
from taskq_kernel.passed_values import PassedValue

__all__ = ["q", "service"]

AROUND = {"cpu": "AMD EPYC 7763", "julia_version": "1.10.4"}


def test_the_panel_has_the_facts_and_runs_the_task_again_with_its_verdict(service: FakeService, q: Client) -> None:
    task = q.submit("rand()", name="draw", seed=7)
    service.finish(task.id, 0.5, surroundings=AROUND)
    detail = TaskDetail(q, task)
    try:
        detail._refresh()
        assert ["Where", "Processor", "AMD EPYC 7763"] in detail.made["facts"]
        assert detail.made["reproducible"]
        detail._on_message(None, {"type": "reproduce", "view": "a"}, [])
        repeated = eventually(lambda: next((one for one in service.tasks.values() if one["repeats"]), None), "it runs")
        assert (repeated["avoid"], detail.again["state"]) == ("w1", "running")
        service.finish(repeated["id"], 0.25, surroundings=AROUND | {"cpu": "Intel Xeon"})
        eventually(lambda: detail.again["state"] == "different", "the verdict is there")
        assert "different: first in the value itself: 0.5, then 0.25" in detail.again["text"]
        assert "Processor: AMD EPYC 7763, then Intel Xeon" in detail.again["text"]
        detail.show(q.submit("2"))
        assert detail.again == {}  # it is another task's
    finally:
        detail.close()


def test_a_task_is_saved_as_one_file_but_with_a_large_argument_whatever_its_arguments_say() -> None:
    def ending(**arguments: Any) -> str:
        made = made_of({"kind": "CALL", "status": "FINISHED", "arguments": arguments})
        return str(made["endings"]["script"])

    assert ending(x=Decimal("1.00000000000000000000001")) == "jl"
    assert ending(x='"$value"') == "jl"
    assert ending(x=PassedValue("a" * 64, ValueKind.ARRAY, 800).as_argument()) == "zip"


def test_the_panel_saves_a_task_in_every_form(service: FakeService, q: Client) -> None:
    task = q.submit("x + rand()", name="draw", seed=7, arguments={"x": 1.5})
    service.finish(task.id, 2.0, surroundings=AROUND, files=[])
    data = operations.get(service.transport, task.id, operations.ALL)
    assert made_of(data)["endings"] == {"script": "jl", "notebook": "ipynb", "crate": "crate.zip", "cite": "bib"}
    assert b"seed_task(7)" in file_of(q, data, "script")
    assert json.loads(file_of(q, data, "notebook"))["cells"]
    nbformat.validate(nbformat.reads(file_of(q, data, "notebook").decode(), as_version=4))
    assert file_of(q, data, "cite").startswith(b"@misc{taskq-")
    with zipfile.ZipFile(BytesIO(file_of(q, data, "crate"))) as crate:
        assert "ro-crate-metadata.json" in crate.namelist()
