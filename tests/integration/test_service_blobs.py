"""Large values: uploaded whole or not at all, read by their hash."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from service_process import ServiceProcess, digest, service_process, token
from stacks import eventually

LIMIT = 3 << 20


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    limits = {
        "max_value_bytes": str(LIMIT // 2), "max_array_bytes": str(LIMIT // 2), "max_files_bytes": str(LIMIT),
    }  # fmt: skip
    with service_process(tmp_path_factory.mktemp("blobs") / "home", **limits) as running:
        yield running


def put(service: ServiceProcess, name: str, value: bytes) -> int:
    return service.request("PUT", f"/blobs/{name}", "worker", body=value).status


def files(service: ServiceProcess) -> set[str]:
    return {path.name for path in (service.home / "blobs").rglob("*") if path.is_file()}


def test_a_value_comes_back_byte_by_byte_as_json(service: ServiceProcess) -> None:
    value = json.dumps(["é", 1.5] * 200_000).encode()
    assert put(service, digest(value), value) == 204
    answer = service.request("GET", f"/blobs/{digest(value)}")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.data == value


def test_uploading_again_does_no_harm(service: ServiceProcess) -> None:
    assert put(service, digest(b"[1]"), b"[1]") == put(service, digest(b"[1]"), b"[1]") == 204


def test_a_value_with_another_hash_is_refused_and_leaves_nothing(service: ServiceProcess) -> None:
    before = files(service)
    answer = service.request("PUT", f"/blobs/{'0' * 64}", "worker", body=b"[1]")
    assert answer.status == 400
    assert f"has the SHA-256 {digest(b'[1]')}" in answer.json()["errors"][0]["message"]
    assert files(service) == before


def test_a_value_that_is_too_large_is_refused_and_leaves_nothing(service: ServiceProcess) -> None:
    before = files(service)
    value = b"x" * (LIMIT + 1)
    assert put(service, digest(value), value) == 413
    assert files(service) == before
    assert put(service, digest(value[1:]), value[1:]) == 204


def test_an_upload_that_breaks_off_leaves_nothing_and_no_traceback(service: ServiceProcess) -> None:
    before = files(service)
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.sendall((
            f"PUT /blobs/{digest(b'whole')} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n"
            f"Authorization: Bearer {token('worker')}\r\n\r\n"
        ).encode() + b"x" * 100_000)
        eventually(lambda: files(service) != before, "the upload has begun")
    eventually(lambda: files(service) == before, "the part is removed")
    assert put(service, digest(b"[3]"), b"[3]") == 204
    assert "Traceback" not in service.log


@pytest.mark.parametrize("name", [
    "..%2f..%2ftasks.db", "%2e%2e", "..", "A" * 64, "g" * 64, "0" * 63, "0" * 65, "0" * 64 + "%00",
    "%2fetc%2fpasswd", "upload-x", "0" * 64 + "%0a",
])
def test_only_a_hash_names_a_value(service: ServiceProcess, name: str) -> None:
    for method in ("GET", "PUT"):
        who = "worker" if method == "PUT" else "ann"
        answer = service.request(method, f"/blobs/{name}", who, body=b"[1]" if method == "PUT" else None)
        assert answer.status in (400, 404, 405)
    assert not (service.home / "upload-x").exists()


def test_an_unknown_value_is_not_found_and_without_a_token_nothing_is_told(service: ServiceProcess) -> None:
    answer = service.request("GET", f"/blobs/{'0' * 64}")
    assert (answer.status, answer.json()["errors"][0]["extensions"]["code"]) == (404, "NOT_FOUND")
    assert service.request("GET", f"/blobs/{'0' * 64}", None).status == 401
    assert service.request("PUT", f"/blobs/{'0' * 64}", None, body=b"1").status == 401


def test_only_the_owner_can_look_into_the_folder(service: ServiceProcess) -> None:
    put(service, digest(b"[2]"), b"[2]")
    folder = service.home / "blobs"
    for path in [folder, *folder.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


def old(path: Path) -> None:
    then = time.time() - 7200
    os.utime(path, (then, then))


def test_values_that_no_task_names_are_removed_after_an_hour(service: ServiceProcess) -> None:
    import asyncio

    from taskq_kernel.service.async_store import AsyncStore
    from taskq_kernel.service.blobs import Blobs
    from taskq_kernel.store import Store

    named, unnamed, fresh = b'["named"]', b'["unnamed"]', b'["fresh"]'
    for value in (named, unnamed, fresh):
        put(service, digest(value), value)
    worker = service.data("""mutation { registerWorker(input: {name: "w", host: "h", pid: 1, runner: "julia",
        juliaVersion: "1.10", queues: ["default"], slots: 1}) { id } }""", "worker")["registerWorker"]["id"]
    task = service.data('mutation { createTask(input: {code: "1"}) { id } }')["createTask"]["id"]
    service.data(f'mutation {{ claimTasks(worker: "{worker}", ids: ["{task}"]) {{ id }} }}', "worker")
    service.data("mutation($o: [OutcomeInput!]!) { recordOutcomes(outcomes: $o) }", "sink", o=[{
        "id": task, "attempt": 1, "worker": worker, "status": "FINISHED", "startedAt": 0.0, "finishedAt": 0.0,
        "seconds": 0.0, "value": {
            "kind": "JSON", "type": "Vector", "text": "named", "ref": digest(named), "size": len(named),
        },
    }])
    shown = service.data(f'{{ task(id: "{task}") {{ value valueRef valueSize }} }}')["task"]
    assert shown == {"value": None, "valueRef": digest(named), "valueSize": len(named)}

    async def sweep() -> None:
        store = AsyncStore(Store(f"sqlite:///{service.home / 'tasks.db'}"))
        try:
            await Blobs(service.home / "blobs", LIMIT).sweep(store)
        finally:
            store.close()

    for value in (named, unnamed):
        old(service.home / "blobs" / digest(value)[:2] / digest(value))
    asyncio.run(sweep())
    assert {digest(named), digest(fresh)} <= files(service)
    assert digest(unnamed) not in files(service)

    service.data(f'mutation {{ deleteTasks(ids: ["{task}"]) {{ changed }} }}')
    asyncio.run(sweep())
    assert digest(named) not in files(service)
