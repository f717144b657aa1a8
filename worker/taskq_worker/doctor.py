"""What ``taskq doctor`` says of the worker."""

from __future__ import annotations

import tempfile
from pathlib import Path

from taskq_kernel.errors import SetupError
from taskq_kernel.local.checks import Check
from taskq_kernel.settings import Settings
from taskq_worker.julia.command import choose_runner
from taskq_worker.sandbox.sandboxes import make_sandboxes


def check_task_user(settings: Settings) -> Check:
    """As whom a worker that this user starts would run tasks, and why not as another."""
    try:
        runner = choose_runner(settings)
    except SetupError:
        return Check("task user", True, "not looked at, for want of a Julia")
    with tempfile.TemporaryDirectory(prefix="taskq-doctor-") as folder:
        sandboxes = make_sandboxes(settings, runner, Path(folder), 1)
        sandboxes.close()
    return Check("task user", True, sandboxes.note)
