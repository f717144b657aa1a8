"""What must be there before a stack is started: told at once, and before anything runs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from taskq_kernel.errors import SetupError
from taskq_kernel.local.checks import Check
from taskq_kernel.local.doctor import check_julia, check_juliacall, check_ports, check_rabbitmq, existing_folder
from taskq_kernel.settings import Settings

#: With less than this on its disk a stack takes no tasks for long: RabbitMQ stops at 50 MB.
LEAST_DISK_BYTES = 100 << 20
#: Each Julia process has a folder among the temporary files.
LEAST_TEMPORARY_BYTES = 10 << 20


def check_first(settings: Settings, roles: Collection[str]) -> None:
    """Look for what the parts that are about to be started need.

    Parameters
    ----------
    settings : Settings
        The stack's.
    roles : collection of str
        The parts: ``broker``, ``service``, ``sink``, ``worker``.

    Raises
    ------
    SetupError
        With everything that is missing, and what to do about each.
    """
    wrong = [check for check in _checks(settings, roles) if not check.ok]
    if not wrong:
        return
    told = [f"{check.name}: {check.detail}" + (f"; {check.mend}" if check.mend else "") for check in wrong]
    raise SetupError("\n  ".join(["the stack cannot be started, and nothing was:", *told]))


def _checks(settings: Settings, roles: Collection[str]) -> Iterator[Check]:
    if not roles:
        return
    yield _space("disk", existing_folder(settings.home), LEAST_DISK_BYTES, "set TASKQ_HOME to a folder on another disk")
    if "broker" in roles:
        yield check_rabbitmq(settings)
        yield check_ports(settings)
    if "worker" in roles:
        yield check_juliacall(settings) if settings.runner == "juliacall" else check_julia(settings)
        yield _check_temporary_folder()


def _check_temporary_folder() -> Check:
    try:
        folder = Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        return Check("temporary folder", False, str(error), "set TMPDIR to a folder that can be written")
    return _space("temporary folder", folder, LEAST_TEMPORARY_BYTES, "set TMPDIR to a folder on another disk")


def _space(name: str, folder: Path, least_bytes: int, otherwise: str) -> Check:
    free = shutil.disk_usage(folder).free
    detail = f"{free >> 20:,} MB free at {folder}, and {least_bytes >> 20:,} MB is the least"
    return Check(name, free >= least_bytes, detail, f"free some there, or {otherwise}")
