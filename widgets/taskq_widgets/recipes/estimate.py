"""How long a run may take, as earlier ones of its recipe tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taskq_kernel.client.recipe import Recipe


def estimate_of(recipe: Recipe, arguments: Mapping[str, Any]) -> str:
    """A sentence on how long a run with these arguments takes; empty while no run tells.

    Raises
    ------
    TaskqError
        If the service cannot be asked.
    """
    seconds = recipe.estimate(arguments)
    return "" if seconds is None else f"Takes about {roughly(seconds)}, as earlier runs did."


def roughly(seconds: float) -> str:
    """A time that nobody knows exactly."""
    if seconds < 1:
        return "a moment"
    for unit, length in (("s", 60), ("min", 60), ("h", 48)):
        if seconds < length * 0.98:
            return f"{seconds:.2g} {unit}" if seconds < 10 else f"{seconds:.0f} {unit}"
        seconds /= 60 if unit != "h" else 24
    return f"{seconds:.0f} days"
