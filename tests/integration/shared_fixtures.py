"""Fixtures of tests of shared pages, one of each for a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from service_process import ServiceProcess, service_process
from shared_results import Results


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service that nobody is locked out of."""
    with service_process(
        tmp_path_factory.mktemp("shared") / "home", auth_failures="1000", log_level="debug", lease="3600",
    ) as running:
        yield running


@pytest.fixture(scope="module")
def results(service: ServiceProcess) -> Results:
    """What a test makes there."""
    return Results(service)
