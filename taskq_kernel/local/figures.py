"""How much there is to do and to do it with: what ``taskq status`` adds to the list of processes."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from taskq_kernel.errors import ServiceError, ServiceUnreachable
from taskq_kernel.transport.graphql import GraphQLTransport

_FIGURES = "{ statistics { counts { status count } slots busy } workers { queues } }"


def figures(transport: GraphQLTransport, unserved_queues: Iterable[str] = ()) -> dict[str, Any]:
    """Tasks by status, slots in use, and how many tasks wait in each queue.

    Empty where the service does not answer: the list of processes says more then.

    Parameters
    ----------
    unserved_queues : iterable of str
        Queues in which tasks wait and that no worker serves: the fleet does not name them.
    """
    try:
        found = transport.execute(_FIGURES)
        queues = sorted({queue for worker in found["workers"] for queue in worker["queues"]} | set(unserved_queues))
        waiting = _waiting(transport, queues)
    except (ServiceUnreachable, ServiceError):
        return {}
    statistics = found["statistics"]
    return {
        "tasks": {one["status"]: one["count"] for one in statistics["counts"]},
        "slots_online": statistics["slots"],
        "slots_busy": statistics["busy"],
        "queues": [{"name": name, "waiting": count} for name, count in zip(queues, waiting, strict=True)],
    }


def _waiting(transport: GraphQLTransport, queues: list[str]) -> list[int]:
    """How many tasks wait in each of these queues, in one request."""
    if not queues:
        return []
    declared = ", ".join(f"$q{place}: String" for place in range(len(queues)))
    fields = " ".join(
        f"n{place}: tasks(filter: {{queue: $q{place}, status: [QUEUEING]}}, first: 0) {{ totalCount }}"
        for place in range(len(queues))
    )
    found = transport.execute(
        f"query Waiting({declared}) {{ {fields} }}", {f"q{place}": queue for place, queue in enumerate(queues)}
    )
    return [int(found[f"n{place}"]["totalCount"]) for place in range(len(queues))]


def disk_free_bytes(home: Path) -> int | None:
    """How much room there is on the data folder's disk; None where the folder is not there."""
    try:
        return shutil.disk_usage(home).free
    except OSError:
        return None
