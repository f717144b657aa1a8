"""Fixtures of the client's tests: a service in memory, and a client of it that hears its changes."""

from __future__ import annotations

import pytest
from client_lab import FakeService

from taskq_kernel.client.client import Client


@pytest.fixture
def service() -> FakeService:
    """A service in memory."""
    return FakeService()


@pytest.fixture
def q(service: FakeService) -> Client:
    """A client whose feed is connected."""
    client = service.client()
    service.connect_feed()
    return client
