"""What ``taskq doctor`` says of the worker."""

from __future__ import annotations

import tempfile
from pathlib import Path

from taskq_kernel.errors import SetupError
from taskq_kernel.local.checks import Check
from taskq_kernel.settings import Settings
from taskq_worker.isolation import isolate
from taskq_worker.runner import choose_runner


def check_task_user(settings: Settings) -> Check:
    """As whom a worker that this user starts would run tasks, and why not as another."""
    try:
        runner = choose_runner(settings)
    except SetupError:
        return Check("task user", True, "not looked at, for want of a Julia")
    with tempfile.TemporaryDirectory(prefix="taskq-doctor-") as folder:
        isolation = isolate(settings, runner, Path(folder), 1)
        isolation.close()
    return Check("task user", True, isolation.note)
