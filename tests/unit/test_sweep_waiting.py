"""Waiting for a sweep; the service is in memory."""

from __future__ import annotations

from typing import Any

import pytest
from client_fixtures import q, service
from client_lab import FakeService

from taskq_kernel.client import progress
from taskq_kernel.client.client import Client
from taskq_kernel.client.feed import Changes
from taskq_kernel.client.sweep import Sweep

__all__ = ["q", "service"]

ROW = {"id": "b", "name": "gaps", "owner": "ann", "definition": "d", "seed": 1, "total": 2}


def test_waiting_counts_the_points_and_reads_none_of_them(
    service: FakeService, q: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = iter([1, 2])

    def batch(_query: str, _variables: dict[str, Any]) -> dict[str, Any]:
        count = next(done)
        service.feed.arrive(Changes(count, anew=True))
        counts = [{"status": "FINISHED", "count": count}, {"status": "RUNNING", "count": 2 - count}]
        return {"batch": ROW | {"figures": {"done": count, "counts": counts, "version": count}}}

    made: list[tuple[int, int]] = []
    bar = progress.ProgressBar
    monkeypatch.setattr(service.transport, "_batch", batch, raising=False)
    monkeypatch.setattr(progress, "ProgressBar", lambda *counts: made.append(counts) or bar(*counts))
    b = Sweep(q, ROW)
    assert b.wait(5) is b
    assert made == [(2, 1)], "one point was done before, and says nothing about the pace"
    assert service.calls == ["Batch", "Batch"]
