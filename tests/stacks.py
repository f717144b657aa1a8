"""Real local stacks for tests, and how to wait for what they do."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from taskq_kernel.errors import SetupError
from taskq_kernel.local.stack import LocalStack
from taskq_kernel.settings import Settings, load_settings

T = TypeVar("T")


@dataclass(frozen=True)
class RunningStack:
    """The session's stack, and how other programs reach it."""

    home: Path
    local: LocalStack
    settings: Settings

    @property
    def env(self) -> dict[str, str]:
        """An environment in which every taskq program uses this stack."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TASKQ_URL")}
        return clean | {"TASKQ_HOME": str(self.home), "TASKQ_RESTART": str(self.settings.restart)}

    @property
    def url(self) -> str:
        """The service's GraphQL URL."""
        info = self.local.info()
        assert info is not None
        return info.graphql

    def token(self, role: str = "admin") -> str:
        """The stack's own token for a role: admin, worker or sink."""
        return (self.home / "tokens" / f"{role}.token").read_text()

    @property
    def broker_url(self) -> str:
        """The broker's AMQP URL, password included."""
        return (self.home / "tokens" / "broker.url").read_text()


class local_stack:  # noqa: N801  (used like a function)
    """A local stack in a data folder of its own, gone without a trace at the end."""

    def __init__(self, workers: int, **flags: object) -> None:
        self._workers = workers
        self._flags = flags

    def __enter__(self) -> RunningStack:
        # A short path: it holds sockets, whose names may have about a hundred characters.
        self._home = Path(tempfile.mkdtemp(prefix="taskq-test-"))
        self._local = LocalStack(load_settings(home=self._home, **self._flags))
        try:
            self._local.up(workers=self._workers)
        except SetupError as error:
            shutil.rmtree(self._home, ignore_errors=True)
            missing(str(error))
        except BaseException:
            self._local.down()
            raise
        return RunningStack(self._home, self._local, load_settings(home=self._home, **self._flags))

    def __exit__(self, *_: object) -> None:
        self._local.down()
        shutil.rmtree(self._home, ignore_errors=True)


def missing(what: str) -> None:
    """A real service that is missing: a failure under CI, a skip with its reason elsewhere."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


def eventually(probe: Callable[[], T], what: str, timeout_s: float = 30.0) -> T:
    """The first true value of ``probe``, or a failure that says ``what`` did not happen."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            pytest.fail(f"not within {timeout_s:g} s: {what}; last seen: {value!r}")
        time.sleep(0.02)


async def until(condition: Callable[[], object], what: str, timeout_s: float = 30.0) -> None:
    """Let a loop run until ``condition`` holds, or fail with what did not happen."""
    try:
        async with asyncio.timeout(timeout_s):
            while not condition():
                await asyncio.sleep(0.005)
    except TimeoutError:
        pytest.fail(f"not within {timeout_s:g} s: {what}")
