"""A check for ``taskq doctor``: tasks wait in no queue that nobody serves."""

from __future__ import annotations

from taskq_kernel.client import operations
from taskq_kernel.client.connection import existing, stack_address
from taskq_kernel.errors import Forbidden, ServiceError, Unreachable, listed
from taskq_kernel.local.checks import Check
from taskq_kernel.local.info import info_file
from taskq_kernel.settings import Settings


def check_queues(settings: Settings) -> Check:
    """Some worker serves each queue in which tasks wait."""
    try:
        there = info_file(settings.home).is_file()
        address = existing() if settings.url is not None else stack_address(settings.home) if there else None
        if address is None:
            return Check("queues", True, "no stack runs here, and no service is set")
        unserved = operations.statistics(address.transport())["unservedQueues"]
    except Forbidden:
        return Check("queues", True, "not looked at: this token may not see the tasks")
    except (Unreachable, ServiceError) as error:
        return Check("queues", False, str(error), "start the service, or the stack with: taskq up")
    if not unserved:
        return Check("queues", True, "some worker serves each queue in which tasks wait")
    return Check(
        "queues", False, f"tasks wait, and no worker serves {listed([repr(queue) for queue in unserved])}",
        f"start a worker that does, with TASKQ_QUEUES={','.join(['default', *unserved[:3]])}, or cancel them",
    )
