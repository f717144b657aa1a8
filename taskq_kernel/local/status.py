"""What ``taskq status`` says of a local stack."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from taskq_kernel.errors import ServiceError, ServiceUnreachable
from taskq_kernel.local.figures import disk_free_bytes, figures
from taskq_kernel.local.info import StackInfo, read_info
from taskq_kernel.local.parts import Parts
from taskq_kernel.local.processes import Daemon
from taskq_kernel.local.restarts import Restarts, read_restarts
from taskq_kernel.paths import from_text, shown

#: How long the service is waited for, in seconds.
ASK_TIMEOUT_S = 3.0
_TROUBLE = "{ statistics { brokerBlocked unservedQueues } }"


def status(parts: Parts, keeper: Daemon) -> dict[str, Any]:
    """The stack as ``taskq status --json`` prints it; nothing in it is secret."""
    info = read_info(parts.home)
    trouble = _trouble(info) if info else {}
    processes = parts.listed()
    restarts = read_restarts(parts.home)
    return {
        "running": info is not None and all(one["state"] == "running" for one in processes),
        "home": shown(parts.home),
        "graphql": info.graphql if info else None,
        "token_file": shown(from_text(info.token_file)) if info else None,
        "broker": parts.broker.redacted_url if parts.broker.alive else None,
        "slots": info.slots if info else None,
        "broker_blocked": trouble.get("brokerBlocked"),
        "unserved_queues": trouble.get("unservedQueues", []),
        "logs": shown(parts.home / "logs"),
        "processes": [one | asdict(restarts.get(one["role"], Restarts())) for one in processes],
        "keeper": {"pid": keeper.pid, "state": keeper.state},
        "disk_free_bytes": disk_free_bytes(parts.home),
    } | _figures(parts, info, trouble.get("unservedQueues", []))


def _figures(parts: Parts, info: StackInfo | None, unserved_queues: list[str]) -> dict[str, Any]:
    if info is None or parts.state("service") != "running":
        return {}
    try:
        return figures(info.transport(ASK_TIMEOUT_S), unserved_queues)
    except OSError:  # the file with the token
        return {}


def _trouble(info: StackInfo) -> dict[str, Any]:
    """What the service knows to be wrong, though everything runs; nothing while it does not answer."""
    try:
        found: dict[str, Any] = info.transport(ASK_TIMEOUT_S).execute(_TROUBLE)["statistics"]
    except (ServiceUnreachable, ServiceError, OSError):
        return {}
    return found
