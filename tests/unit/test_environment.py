"""Packages by their names: what may be named, and what is sent of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from client_fixtures import service
from client_lab import FakeService

from taskq_kernel.errors import InvalidTask
from taskq_kernel.julia_environment import ENVIRONMENT_FILE, encode_packages, packages_in
from taskq_kernel.project_manifest import decode_manifest

__all__ = ["service"]


def test_the_same_packages_are_the_same_environment_and_are_sent_once(service: FakeService) -> None:
    q = service.client()
    first = q.environment(["Optim@1.9", "DataFrames"]).send()
    assert q.environment(("DataFrames", "Optim@1.9", "DataFrames")).send() == first
    assert q.environment(["DataFrames"]).send() != first
    [file] = decode_manifest(service.blobs[first.id]).files
    assert (file.path, service.blobs[file.sha256]) == (ENVIRONMENT_FILE, b"DataFrames\nOptim@1.9\n")
    assert first.commit is None
    assert repr(q.environment("Optim")) == "<environment Optim>"


@pytest.mark.parametrize(("packages", "problem"), [
    (["Data Frames"], "'Data Frames', which is no name of a Julia package: give Name or Name@1.2"),
    (["Optim@latest"], "'Optim@latest', which is no name"),
    ([3], "'3', which is no name"),
    (["Optim@1", "Optim@2"], "Optim in two versions"),
    ([], "0 packages: give 1 to 500"),
])
def test_what_is_no_package_is_refused_before_anything_is_sent(
    service: FakeService, packages: Any, problem: str
) -> None:
    with pytest.raises(InvalidTask, match=f"^environment has {problem}"):
        service.client().environment(packages)


def test_each_task_of_a_batch_has_its_own_or_that_of_all(service: FakeService) -> None:
    q = service.client()
    e = q.environment(["Optim"])
    batch = q.submit_many(["1", {"code": "2", "project": q.environment(["DataFrames"])}], project=e)
    assert [task.project for task in batch] == [e.send().id, q.environment(["DataFrames"]).send().id]


def test_a_worker_reads_what_was_sent_and_nothing_else(tmp_path: Path) -> None:
    assert packages_in(tmp_path) == []
    (tmp_path / ENVIRONMENT_FILE).write_bytes(encode_packages(["A", "B@1.2"]) + b'"; run(`x`)\n')
    assert packages_in(tmp_path) == ["A", "B@1.2"]
