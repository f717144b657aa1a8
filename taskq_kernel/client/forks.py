"""What a forked child inherits from its parent, and must not share with it.

A child has its parent's sockets, locks as they stood at that instant, and none of its
threads. Whatever has one of these registers here, and makes itself new in the child: an
answer to one process must not be read by the other.
"""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Inherited(Protocol):
    """An object that can make itself new in a forked child."""

    def _after_fork(self) -> None: ...


_inherited: WeakSet[Inherited] = WeakSet()


def renew_after_fork(one: Inherited) -> None:
    """Have ``one._after_fork()`` called in every child that this process forks."""
    _inherited.add(one)


def _renew_all() -> None:
    for one in list(_inherited):
        one._after_fork()


if hasattr(os, "register_at_fork"):  # where processes can fork
    os.register_at_fork(after_in_child=_renew_all)
