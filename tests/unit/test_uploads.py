"""What the service lacks is sent to it."""

from __future__ import annotations

import threading
import time
from functools import partial
from io import BytesIO
from typing import Any, BinaryIO

import pytest
from client_fixtures import q, service
from client_lab import FakeService

from taskq_kernel.client.client import Client
from taskq_kernel.client.uploads import Source, send_missing
from taskq_kernel.errors import InvalidTask, ServiceError, ServiceUnreachable

__all__ = ["q", "service"]


def sources(*names: str) -> dict[str, Source]:
    return {name: Source(f"the {name}", partial(BytesIO, name.encode())) for name in names}


def test_only_what_is_missing_is_sent(service: FakeService, q: Client) -> None:
    service.blobs["a"] = b"there"
    send_missing(q.transport, sources("a", "b", "c"), "files")
    assert service.blobs == {"a": b"there", "b": b"b", "c": b"c"}
    service.calls.clear()
    send_missing(q.transport, sources("a", "b", "c"), "files")
    assert service.calls == ["Missing"]


def test_what_is_refused_is_named_and_what_is_away_is_not_blamed(
    service: FakeService, q: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors: list[Exception] = [ServiceUnreachable("no taskq service"), ServiceError("too large", "BAD_INPUT")]

    def put(_ref: str, _data: BinaryIO) -> None:
        raise errors.pop()

    monkeypatch.setattr(service.transport, "put_blob", put)
    with pytest.raises(InvalidTask, match=r"^files has 'the a', which the service does not take: too large"):
        send_missing(q.transport, sources("a"), "files")
    with pytest.raises(ServiceUnreachable):
        send_missing(q.transport, sources("a"), "files")


def test_whoever_gives_up_does_not_wait_for_what_is_on_its_way(
    service: FakeService, q: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended_early = threading.Event(), threading.Event()

    def put(ref: str, data: Any) -> None:
        if ref == "quick":
            assert begun.wait(30)
            raise KeyboardInterrupt
        begun.set()
        deadline = time.monotonic() + 30
        try:
            while time.monotonic() < deadline:
                data.read(1)
        except ValueError:  # it is closed
            ended_early.set()
            raise

    monkeypatch.setattr(service.transport, "put_blob", put)
    with pytest.raises(KeyboardInterrupt):
        send_missing(q.transport, sources("quick", "slow"), "files")
    assert ended_early.is_set()
