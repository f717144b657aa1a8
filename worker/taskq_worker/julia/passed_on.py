"""Variables of the worker's environment that its operator shows to tasks, too."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from taskq_kernel.errors import SettingsError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: The stack's own, secrets among them, and what says where a task's process lives.
_NEVER = re.compile(r"TASKQ_.*|RUNNER_.*|HOME|TMPDIR|JULIA_NUM_THREADS|JULIA_DEPOT_PATH")


def passed_on(names: Sequence[str], environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of these names, as far as they are set.

    Raises
    ------
    SettingsError
        If one has a name that no variable has, or is never passed on.
    """
    for name in names:
        if _NAME.fullmatch(name) is None:
            raise SettingsError(f"the setting 'pass_env' (TASKQ_PASS_ENV) has {name!r}: give names of variables")
        if _NEVER.fullmatch(name):
            raise SettingsError(
                f"the setting 'pass_env' (TASKQ_PASS_ENV) has {name}, which is taskq's own: leave it out"
            )
    return {name: environment[name] for name in names if name in environment}
