"""Asking the service for what a task needs, or telling it what is left of one, however long it is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from taskq_kernel.errors import ServiceError, ServiceUnreachable

#: Pauses between attempts while the service is away: the first, and the longest, in seconds.
BACKOFF_S = (0.1, 2.0)

T = TypeVar("T")


class NotWanted(Exception):
    """Nobody waits for it any longer: the service has taken the task away."""


def unreachable(error: ServiceUnreachable | ServiceError) -> bool:
    """Whether the service has not answered at all."""
    return isinstance(error, ServiceUnreachable)


async def patiently(
    ask: Callable[[], Awaitable[T]],
    wanted: Callable[[], bool] = lambda: True,
    is_away: Callable[[ServiceUnreachable | ServiceError], bool] = unreachable,
) -> T:
    """What the service answers, however long it is away.

    Parameters
    ----------
    ask : callable
        Asks it once.
    wanted : callable
        Whether the answer is waited for still.
    is_away : callable
        Whether an error means that it is to be asked again.

    Raises
    ------
    NotWanted
        If the answer is no longer wanted before the service is asked again.
    ServiceError
        If the service refuses.
    """
    pause = BACKOFF_S[0]
    while wanted():
        try:
            return await ask()
        except (ServiceUnreachable, ServiceError) as error:
            if not is_away(error):
                raise
        await asyncio.sleep(pause)
        pause = min(2 * pause, BACKOFF_S[1])
    raise NotWanted
