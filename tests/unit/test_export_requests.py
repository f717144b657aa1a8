"""What is asked of the service for an export, and how often."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest
from client_fixtures import q, service
from client_lab import FakeService

from taskq_kernel.client.client import Client
from taskq_kernel.errors import InvalidTask

__all__ = ["q", "service"]


def test_what_all_tasks_of_a_batch_have_is_fetched_once_for_a_crate(
    service: FakeService, q: Client, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "a.jl").write_text("f() = 1")
    (folder / "b.jl").write_text("g() = 1")
    batch = q.submit_many(["f()", "g()", "f() + g()"], project=q.project(folder), files={"data.csv": b"1"})
    for task in batch:
        service.finish(task.id, 1)
    service.calls.clear()
    with pytest.raises(InvalidTask, match=r"^path is 'batch\.tar': give a file that ends in \.zip"):
        batch.export_crate("batch.tar")
    assert "blob" not in service.calls
    with zipfile.ZipFile(batch.export_crate(tmp_path / "new" / "batch.zip")) as archive:
        kept = [name for name in archive.namelist() if name.startswith(("project/", "inputs/"))]
    assert sorted(kept) == [*(f"inputs/{task.number}/data.csv" for task in batch), "project/a.jl", "project/b.jl"]
    assert service.calls.count("blob") == 4  # the manifest of the project, its files, and what all were given


def test_a_citation_asks_for_no_value(service: FakeService, q: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = q.submit_many(["1", "2"])
    for task in batch:
        service.finish(task.id, 1)
    asked: list[str] = []
    execute = service.transport.execute

    def listening(query: str, variables: dict[str, Any], *, repeatable: bool | None = None) -> Any:
        asked.append(query)
        return execute(query, variables, repeatable=repeatable)

    monkeypatch.setattr(service.transport, "execute", listening)
    assert "values of 2 tasks" in batch.cite().text
    assert f"value of task {batch[0].number}" in batch[0].cite().text
    assert len(asked) == 2
    assert not any(word in query for query in asked for word in (" value ", " manifest "))
