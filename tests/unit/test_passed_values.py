"""Values that are too long for a message: found among arguments, and fetched into files before a task starts."""

from __future__ import annotations

import asyncio
import io
import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import pytest
from client_stubs import http_stub
from taskq_worker.claims.claim import Claim
from taskq_worker.claims.passed import Passed, ValueMissing
from taskq_worker.slots.folder import WorkFolder
from taskq_worker.slots.passed_files import by_name, names_of

from taskq_kernel.domain import TaskKind, ValueKind
from taskq_kernel.errors import NotFound, ServiceError, ServiceUnreachable
from taskq_kernel.messages import SCHEMA, TaskMessage
from taskq_kernel.passed_values import PassedValue, passed_values
from taskq_kernel.transport.graphql import GraphQLTransport

DATA = b"a large value" * 1000
REF = sha256(DATA).hexdigest()
VALUE = PassedValue(REF, ValueKind.ARRAY, len(DATA), "Vector{UInt8}")


def claim(**arguments: Any) -> Claim:
    raw = msgspec.Raw(json.dumps(arguments).encode())
    task_id = "0b6f0c57-1c5e-4d53-8d3c-9a1f4f6f0d11"
    return Claim(TaskMessage(
        schema=SCHEMA, id=task_id, number=1, name="x", kind=TaskKind.SCRIPT, code="1", arguments=raw
    ), 1)  # fmt: skip


def test_values_are_found_wherever_they_stand_and_what_only_looks_like_one_is_none() -> None:
    named = VALUE.as_argument()
    odd = [{"$value": "no"}, {"$value": {"ref": "short", "kind": "ARRAY", "size": 1}}, named | {"more": 1},
           {"$value": {"ref": "a" * 64, "kind": "MIME", "size": 1}}, {"$value": {"ref": "a" * 64, "size": -1}}]
    assert passed_values(json.dumps({"a": odd})) == {}
    text = json.dumps({"a": [1, {"b": named}], "c": {"$value": named}, "d": {"$dict": [["k", named]]}})
    assert passed_values(text) == {REF: VALUE}


class Service:
    """Has one value; is away at first."""

    def __init__(self, away: int = 0) -> None:
        self.away = away

    async def fetch(self, ref: str, file: BinaryIO, limit_bytes: int) -> int:
        assert os.fstat(file.fileno()).st_mode & 0o200, "whoever is not root writes it a second time, too"
        if self.away:
            self.away -= 1
            file.write(b"some of it")
            raise ServiceUnreachable("it broke off")
        if ref != REF:
            raise NotFound("no such value", "NOT_FOUND")
        return file.write(DATA[:limit_bytes])


def files(service: Service, given: Claim, folder: Path, wanted: bool = True) -> Any:
    return asyncio.run(Passed(service.fetch, folder).files(given, lambda: wanted))


def test_each_value_is_fetched_once_into_a_file_however_often_the_service_is_away(tmp_path: Path) -> None:
    given = claim(x=[VALUE.as_argument()], y=VALUE.as_argument(), z=1)
    found = files(Service(away=2), given, tmp_path)
    assert {ref: path.read_bytes() for ref, path in found.paths.items()} == {REF: DATA}
    work = tmp_path / "work"
    folder = WorkFolder(work)
    folder.make()
    folder.put(by_name(found.paths))
    asyncio.run(found.remove())
    (name,) = names_of(found.paths).values()
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [name], "only the task's own link is left"
    assert (work / name).read_bytes() == DATA


def test_a_value_that_is_gone_is_told_and_what_is_no_longer_wanted_leaves_nothing(tmp_path: Path) -> None:
    gone = PassedValue("e" * 64, ValueKind.JSON, 70_000)
    with pytest.raises(ValueMissing, match="70000 bytes that the task is given .* no longer kept"):
        files(Service(), claim(x=VALUE.as_argument(), y=gone.as_argument()), tmp_path)
    assert files(Service(), claim(x=VALUE.as_argument()), tmp_path, wanted=False) is None
    assert list(tmp_path.iterdir()) == []
    assert files(Service(), claim(x=1), tmp_path).paths == {}


def test_what_comes_is_checked_and_streamed() -> None:
    with http_stub((200, DATA)) as stub:
        transport = GraphQLTransport(stub.url, "token")
        file = io.BytesIO()
        assert transport.save_blob(REF, file, len(DATA)) == len(DATA)
        assert file.getvalue() == DATA
        with pytest.raises(ServiceError, match="more than the 10 bytes"):
            transport.save_blob(REF, io.BytesIO(), 10)
        with pytest.raises(ServiceError, match="its file is damaged"):
            transport.save_blob("e" * 64, io.BytesIO(), len(DATA))
