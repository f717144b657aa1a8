"""What a forked child inherits from its parent, and must not share with it.

A child has its parent's sockets, locks as they stood at that instant, and none of its
threads. Whatever has one of these registers here, and makes itself new in the child: an
answer to one process must not be read by the other.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from weakref import WeakMethod

_renewals: set[WeakMethod[Callable[[], None]]] = set()


def renew_after_fork(renew: Callable[[], None]) -> None:
    """Have the method ``renew`` called in every child that this process forks, while its object lives."""
    _renewals.add(WeakMethod(renew, _renewals.discard))


def _renew_all() -> None:
    for reference in list(_renewals):
        renew = reference()
        if renew is not None:
            renew()


if hasattr(os, "register_at_fork"):  # where processes can fork
    os.register_at_fork(after_in_child=_renew_all)
