"""Cursors of pages as they travel: what they are made of is the business of the ordering."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

import msgspec

from taskq_kernel.errors import InvalidTask
from taskq_kernel.store.rows import Cell


def encode(place: Sequence[Cell]) -> str:
    """Write a place in an ordering."""
    return base64.urlsafe_b64encode(msgspec.json.encode(list(place))).decode().rstrip("=")


def decode(cursor: str) -> list[Cell]:
    """Read a place in an ordering; empty where it is none."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place: list[Cell] = list(msgspec.json.decode(raw))
    except (ValueError, TypeError, binascii.Error, msgspec.MsgspecError):
        return []
    return place


def refusal(cursor: str, name: str) -> InvalidTask:
    """The error for a cursor of another list or of none; ``name`` is what it was given as."""
    return InvalidTask(f"is {cursor[:80]!r}: give a cursor of the same list in the same order", name)
