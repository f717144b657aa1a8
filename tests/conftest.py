"""Fixtures that all tests share: one real local stack for the whole session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from stacks import RunningStack, local_stack


@pytest.fixture(scope="session")
def stack() -> Iterator[RunningStack]:
    """A local stack with two slots, shared by all tests that do not break it."""
    with local_stack(workers=2) as running:
        yield running
