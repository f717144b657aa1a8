"""The service and files of tasks: what it is asked first, what it refuses, and an upload that outlives a service."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from service_process import ServiceProcess, digest, service_process, token
from taskq_worker.kept import Kept
from taskq_worker.service_api import ServiceApi
from taskq_worker.slots.kept_files import LeftFolder

from taskq_kernel.transport.graphql import GraphQLTransport

LIMIT = 64 << 20
#: How much of an upload is sent when the service dies.
SENT = 10 << 20
CREATE = "mutation($i: TaskInput!) { createTask(input: $i) { id inputFiles outputs } }"
MISSING = "query($sha256: [ID!]!) { missingFiles(sha256: $sha256) }"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    settings = {"max_files_bytes": str(LIMIT), "private_tasks": "true"}
    with service_process(tmp_path_factory.mktemp("files") / "home", **settings) as running:
        yield running


def test_files_are_uploaded_first_and_what_others_have_is_not_told(service: ServiceProcess) -> None:
    ref = digest(b"mesh")
    given = {"code": "1", "inputFiles": {"mesh.vtk": {"ref": ref, "size": 4}}, "outputs": ["*.csv", "*.csv", "./f/"]}
    code, message = service.error(CREATE, i=given)
    assert (code, "'mesh.vtk'" in message, "not there: upload it first" in message) == ("BAD_INPUT", True, True)
    assert service.data(MISSING, sha256=[ref, ref]) == {"missingFiles": [ref]}
    assert service.request("PUT", f"/blobs/{ref}", "ann", body=b"mesh").status == 204
    made = service.data(CREATE, i=given)["createTask"]
    assert (made["inputFiles"], made["outputs"]) == (given["inputFiles"], ["*.csv", "f/"])
    assert service.data(MISSING, sha256=[ref]) == {"missingFiles": []}
    assert service.data(MISSING, "bob", sha256=[ref]) == {"missingFiles": [ref]}
    assert service.data(MISSING, "worker", sha256=[ref]) == {"missingFiles": []}
    assert service.error(MISSING, "runner", sha256=[ref])[0] == "FORBIDDEN"


@pytest.mark.parametrize(("field", "value", "says"), [
    ("outputs", ["../x"], "outputs has '../x'"), ("outputs", ["/etc/*"], "without / before it"),
    ("inputFiles", {"../x": {"ref": "a" * 64, "size": 1}}, "has the name '../x'"),
    ("inputFiles", {"x": {"ref": "no", "size": 1}}, "is no object of names"),
    ("inputFiles", [1], "is no object of names"),
    ("inputFiles", {name: {"ref": "a" * 64, "size": size} for name, size in (("big", LIMIT), ("small", 1))}, "big (67"),
])
def test_what_cannot_be_used_is_refused_with_its_name(
    service: ServiceProcess, field: str, value: Any, says: str
) -> None:
    code, message = service.error(CREATE, i={"code": "1", field: value})
    assert (code, says in message) == ("BAD_INPUT", True), message
    batch = {"name": "b", "definition": "0" * 64, "design": '{"columns": {"n": [1]}}', field: value}
    query = "mutation($i: BatchInput!) { submitBatch(input: $i) { added } }"
    code, message = service.error(query, i=batch)
    assert (code, says in message) == ("BAD_INPUT", True), message


class Dying:
    """The service as a worker asks it; in the middle of the first upload it dies."""

    def __init__(self, api: ServiceApi, die: Callable[[], object]) -> None:
        self._api = api
        self._die = die
        self.uploads = 0

    async def missing(self, refs: Sequence[str]) -> list[str]:
        return await self._api.missing(refs)

    async def upload(self, sha256: str, data: BinaryIO) -> None:
        self.uploads += 1
        read, left = data.read, [SENT if self.uploads == 1 else 0]

        def reading(size: int = -1) -> bytes:
            chunk = read(size)
            if left[0] > 0:
                left[0] -= len(chunk)
                if left[0] <= 0:
                    self._die()
            return chunk

        data.read = reading  # type: ignore[method-assign]
        await self._api.upload(sha256, data)


def test_an_upload_goes_on_when_the_service_is_killed_in_its_middle_and_comes_back(
    service: ServiceProcess, tmp_path: Path
) -> None:
    whole = bytes(range(256)) * (30 << 12)
    (tmp_path / "x.bin").write_bytes(whole)
    back: list[threading.Thread] = []

    def die() -> None:
        service.stop(signal.SIGKILL)
        back.append(threading.Thread(target=service.start_again))
        back[0].start()

    store = Dying(ServiceApi(GraphQLTransport(f"{service.url}/graphql", token("worker")), "w"), die)
    kept = asyncio.run(Kept(store, LIMIT).keep(LeftFolder(tmp_path, os.getuid()), ["*.bin"], {}, lambda: True))
    back[0].join()
    assert kept is not None
    assert [(file.name, file.ref, file.size) for file in kept.files] == [("x.bin", digest(whole), len(whole))]
    assert (store.uploads > 1, kept.note) == (True, "")
    assert service.request("GET", f"/blobs/{digest(whole)}", "admin").data == whole
