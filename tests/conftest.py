"""Fixtures that all tests share: one real local stack for the whole session."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from stacks import RunningStack, local_stack

from taskq_kernel import Client, connect

# As images of containers set it: the hundreds of programs that the tests start would each compile taskq anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


@pytest.fixture(scope="session")
def stack() -> Iterator[RunningStack]:
    """A local stack with two slots, shared by all tests that do not break it."""
    with local_stack(workers=2) as running:
        yield running


@pytest.fixture(scope="module")
def q(stack: RunningStack) -> Iterator[Client]:
    """A client of the session's stack."""
    with connect(stack.url, token=stack.token()) as client:
        yield client


@pytest.fixture
def effects() -> Iterator[Path]:
    """A folder that tasks may write to, whoever they run as; pytest's own are closed to them."""
    folder = Path(tempfile.mkdtemp(prefix="taskq-effects-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
