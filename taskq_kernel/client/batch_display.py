"""How batches are put into words, in the terminal and on the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from taskq_kernel.printable import one_line


def counts_text(figures: Mapping[str, Any]) -> str:
    """How many points have each status: ``3 FINISHED, 1 FAILED``."""
    return ", ".join(f"{one['count']} {one['status']}" for one in figures["counts"] if one["count"])


def cause_of(group: Mapping[str, Any]) -> str:
    """Why some points failed: ``DomainError in line 3: with -1.0``."""
    where = "" if group["line"] is None else f" in line {group['line']}"
    first = next(iter(group["message"].splitlines()), "")
    return one_line(f"{group['name']}{where}: {first}")


def cause_text(group: Mapping[str, Any]) -> str:
    """How many points failed, and why: ``12 x DomainError in line 3: with -1.0``."""
    return f"{group['count']} x {cause_of(group)}"
