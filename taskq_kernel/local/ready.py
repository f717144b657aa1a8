"""Wait until a local stack takes tasks."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping

from taskq_kernel.errors import ServiceError, ServiceUnreachable, StackError
from taskq_kernel.local.info import StackInfo
from taskq_kernel.local.parts import Parts, Step
from taskq_kernel.local.patience import Patience, spent_s
from taskq_kernel.local.processes import read_from
from taskq_kernel.transport.graphql import GraphQLTransport

#: How long the start may take, in seconds; the worker's Julia may compile longer, while it is at work.
START_TIMEOUT_S = 60.0
#: How long Julia may compile.
COMPILE_TIMEOUT_S = 900.0
#: How often it is asked whether the stack is ready; whether the worker is at work, every tenth time.
POLL_S = 0.05
_LOOK_EVERY = 10
#: How often it is said that Julia still compiles.
_SAY_EVERY_S = 20.0
_READY = "{ statistics { brokerConnected brokerBlocked } workers { name juliaVersion state } }"


def wait_until_ready(parts: Parts, info: StackInfo, log_sizes: Mapping[str, int], on_step: Step) -> None:
    """Wait until the service answers, has the broker, and a worker has started Julia.

    Parameters
    ----------
    log_sizes : mapping
        How long each part's log was when the start began: earlier runs have nothing to do with it.

    Raises
    ------
    StackError
        If a part ends meanwhile, with the end of its log, or it takes too long.
    """
    transport = info.transport(timeout_s=5)
    patience = Patience(START_TIMEOUT_S, COMPILE_TIMEOUT_S)
    say_at_s = _SAY_EVERY_S / 2
    for turn in itertools.count():
        if _ready(transport):
            return
        for role, daemon in parts.daemons.items():
            if daemon.state != "running":
                said = log_end(parts, role, log_sizes.get(role, 0))
                raise StackError(f"the {role} stopped as it started:\n{said}")
        at_work = turn % _LOOK_EVERY == 0 and patience.look(spent_s(parts.daemons["worker"].pid))
        if at_work and patience.waited_s > say_at_s:
            on_step(f"Julia compiles what tasks need at the first start ({patience.waited_s:.0f} s so far)")
            say_at_s = patience.waited_s + _SAY_EVERY_S
        if patience.is_out:
            raise StackError(f"the stack took no tasks within {patience.waited_s:.0f} s; see {parts.home / 'logs'}")
        time.sleep(POLL_S)


def log_end(parts: Parts, role: str, start: int, lines: int = 15) -> str:
    """The end of what a part has said since its log was ``start`` bytes long."""
    said = read_from(parts.log(role), start)
    return "\n".join(said.splitlines()[-lines:]) or f"it said nothing; see {parts.log(role)}"


def log_size(parts: Parts, role: str) -> int:
    """How long a part's log is, in bytes."""
    file = parts.log(role)
    return file.stat().st_size if file.exists() else 0


def _ready(transport: GraphQLTransport) -> bool:
    try:
        answer = transport.execute(_READY, {})
    except (ServiceUnreachable, ServiceError):
        return False
    if answer["statistics"]["brokerBlocked"]:
        raise StackError(f"the stack takes no tasks: {answer['statistics']['brokerBlocked']}")
    workers = [one for one in answer["workers"] if one["state"] == "ONLINE" and one["juliaVersion"]]
    return bool(answer["statistics"]["brokerConnected"] and workers)
