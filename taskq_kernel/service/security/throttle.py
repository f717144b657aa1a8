"""Wrong tokens, slowed down: whoever sends many from one address has to wait.

Each address may send so many wrong tokens at once, and as many more in each minute. Beyond
that it is refused without its token being looked up, so guessing does not go on. Two things
keep the owners of valid tokens out of this: other addresses are not concerned, and a token
that was accepted from this address before goes on being accepted, so that one stale
notebook does not stop the worker beside it.
"""

from __future__ import annotations

import ipaddress
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache

from starlette.requests import HTTPConnection

from taskq_kernel.errors import ServiceError

log = logging.getLogger(__name__)

#: How many addresses, and how many tokens with their addresses, are remembered.
REMEMBERED = 10_000
MINUTE_S = 60.0


class TooManyFailures(ServiceError):
    """Too many wrong tokens came from this address.

    Attributes
    ----------
    retry_after_s : int
        When to try again, in seconds.
    """

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(
            f"too many wrong tokens came from this address: try again in {retry_after_s} s",
            "TOO_MANY_FAILURES", {"retryAfter": retry_after_s},
        )
        self.retry_after_s = retry_after_s


class Throttle:
    """What each address has left.

    Parameters
    ----------
    per_minute : int
        Wrong tokens that an address may send at once, and in each minute.
    clock : callable
        The time, in seconds.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = float(per_minute)
        self._clock = clock
        #: Attempts left, and when that was; an address that is not here has all of them.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._good: OrderedDict[tuple[str, str], None] = OrderedDict()

    def check(self, address: str, digest: str) -> None:
        """Raise `TooManyFailures` if this address has to wait before another token is looked at."""
        if address not in self._left or (address, digest) in self._good:
            return
        left = self._left_now(address)
        if left < 1:
            raise TooManyFailures(math.ceil((1 - left) * MINUTE_S / self._most))

    def failed(self, address: str, digest: str) -> None:
        """Count a wrong token."""
        self._good.pop((address, digest), None)
        left = self._left_now(address)
        if left >= 1 > left - 1:
            log.warning("too many wrong tokens from %s: further ones have to wait", address)
        self._left[address] = (max(0.0, left - 1), self._clock())
        self._left.move_to_end(address)
        _shorten(self._left)

    def succeeded(self, address: str, digest: str) -> None:
        """Remember a token that was accepted."""
        self._good[address, digest] = None
        self._good.move_to_end((address, digest))
        _shorten(self._good)

    def _left_now(self, address: str) -> float:
        left, at = self._left.get(address, (self._most, 0.0))
        return min(self._most, left + (self._clock() - at) * self._most / MINUTE_S)


def address_of(connection: HTTPConnection) -> str:
    """Where a request or a WebSocket comes from.

    Of IPv6 only the first 64 bits count: whoever has one such address has all of its network.
    """
    return _network(connection.client.host) if connection.client else ""


@lru_cache(maxsize=1024)
def _network(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address.packed[:8] + bytes(8), 64)))
    return str(getattr(address, "ipv4_mapped", None) or address)


def _shorten(remembered: OrderedDict[str, tuple[float, float]] | OrderedDict[tuple[str, str], None]) -> None:
    if len(remembered) > REMEMBERED:
        remembered.popitem(last=False)
