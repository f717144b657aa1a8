"""What the parts of a local stack find in their environment.

Secrets are passed as files: neither the process list nor the environment has them. Of the
user's own settings a part gets those that are meant for it, and no others.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from taskq_kernel.local.info import StackInfo
from taskq_kernel.local.python import safe_environment

#: Settings that a user sets for the whole stack; every other is the stack's own to choose.
_FOR_ALL = (
    "JULIA", "RUNNER", "MEMORY_LIMIT", "TASK_USER", "TASK_PROCESSES", "TASK_OPEN_FILES", "TASK_FILE_SIZE",
    "GRACE", "HEARTBEAT", "LEASE", "MAX_LOST", "MAX_LOG_BYTES", "MAX_VALUE_BYTES", "MAX_ARRAY_BYTES", "MAX_FILES_BYTES",
    "LOG_LEVEL", "RABBITMQ", "QUEUES", "RETENTION", "RETENTION_KEEP_RESULTS", "PROJECT_SIZE", "PROJECT_FILES",
    "PROJECT_CACHE_SIZE", "PROJECT_TIMEOUT", "SESSION_IDLE",
)  # fmt: skip
#: Settings of one part alone: a database's URL may have a password in it.
_FOR_ONE = {
    "service": ("DATABASE", "PRIVATE_TASKS", "GRAPHIQL", "INTROSPECTION", "AUTH_FAILURES", "PUBLIC_URL"),
    "sink": ("RESULTS_DATABASE",),
    "worker": ("CORES", "MEMORY", "DEVICES", "DEVICE_VARIABLE", "PASS_ENV", "OTHER_JULIAS"),
}


def part_environment(home: Path, role: str, info: StackInfo) -> dict[str, str]:
    """The whole environment of the service, the sink or the worker."""
    tokens = home / "tokens"
    environment = _base(home, _FOR_ONE.get(role, ())) | {
        "TASKQ_BROKER_FILE": str(tokens / "broker.url"),
        "TASKQ_QUEUE_TYPE": "classic",
    }
    if role == "service":
        environment |= {"TASKQ_PORT": str(info.port), "TASKQ_TOKENS_FILE": str(tokens / "accepted.json")}
    else:
        environment |= {"TASKQ_URL": info.graphql, "TASKQ_TOKEN_FILE": str(tokens / f"{role}.token")}
    if role == "worker":
        environment |= {"TASKQ_SLOTS": str(info.slots)}
    return environment


def keeper_environment(home: Path) -> dict[str, str]:
    """The whole environment of the keeper: what the environments of all parts are made from."""
    return _base(home, [name for names in _FOR_ONE.values() for name in names])


def _base(home: Path, more: Iterable[str]) -> dict[str, str]:
    names = {f"TASKQ_{name}" for name in (*_FOR_ALL, *more)}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TASKQ_") or name in names}
    return safe_environment(kept) | {"TASKQ_HOME": str(home)}
