"""Designs that fill a space of arguments evenly with few points, from scipy's ``qmc``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from operator import index
from typing import Any

from taskq_kernel.client import designs
from taskq_kernel.columns import cells
from taskq_kernel.errors import InvalidTask, SetupError
from taskq_kernel.grid import MAX_POINTS

METHODS = ("sobol", "halton", "lhs", "random")


def sampled(count: int, ranges: Mapping[str, Any], method: str, seed: int) -> str:
    """A design of ``count`` points, drawn with ``seed``.

    Parameters
    ----------
    ranges : dict
        For each argument a tuple of two numbers, between which it lies, a list, range, array or column, of
        which it is an item, or one value for all points.
    method : str
        ``sobol``, ``halton``, ``lhs`` (a Latin hypercube) or ``random``.

    Raises
    ------
    InvalidTask
        If one of these cannot be used.
    SetupError
        If scipy is not installed.
    """
    if isinstance(count, bool) or not hasattr(count, "__index__") or not 0 < count <= MAX_POINTS:
        raise InvalidTask(f"is {count!r}: give 1 to {MAX_POINTS:,}", "count")
    count = index(count)
    ranges = {name: cells(given) if designs.is_column(given) else given for name, given in ranges.items()}
    drawn = [name for name, given in ranges.items() if isinstance(given, tuple | list | range)]
    units = iter(_units(count, len(drawn), method, seed).T.tolist() if drawn else [])
    return designs.columns({
        name: _scaled(name, given, next(units)) if name in drawn else [given] * count
        for name, given in ranges.items()
    })


def _units(count: int, dimensions: int, method: str, seed: int) -> Any:
    """Points of the unit cube, one a row."""
    try:
        # late: few have it, and it takes long to load
        import numpy as np
        from scipy.stats import qmc
    except ImportError:
        raise SetupError("samples need scipy: pip install 'taskq-kernel[sweep]'") from None

    random = np.random.default_rng(seed)
    if method == "sobol":
        # Its points are even as a power of two; more of them, of which the first are taken.
        points = qmc.Sobol(dimensions, rng=random).random_base2(math.ceil(math.log2(count)) if count > 1 else 0)
        return points[:count]
    if method == "halton":
        return qmc.Halton(dimensions, rng=random).random(count)
    if method == "lhs":
        return qmc.LatinHypercube(dimensions, rng=random).random(count)
    if method == "random":
        return random.random((count, dimensions))
    raise InvalidTask(f"is {method!r}: give one of {', '.join(METHODS)}", "method")


def _scaled(name: str, given: Any, units: list[float]) -> list[Any]:
    if isinstance(given, tuple):
        try:
            low, high = (float(bound) for bound in given)
        except (TypeError, ValueError):
            low = high = math.nan
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise InvalidTask(
                f"is {given!r}: give the lower and the upper bound, or a list to choose from", f"arguments.{name}"
            )
        return [low + (high - low) * unit for unit in units]
    if not len(given):
        raise InvalidTask("is empty: give something to choose from", f"arguments.{name}")
    return [given[min(int(unit * len(given)), len(given) - 1)] for unit in units]
