"""Seeds: what a task's random numbers start from.

A seed is a whole number of 53 bits: every reader of JSON, a browser's and a spreadsheet's too,
and every column of a data frame holds it exactly, where one of 64 bits would lose its last
digits in silence.
"""

from __future__ import annotations

import operator
import secrets

from taskq_kernel.errors import InvalidTask

SEED_BITS = 53
MAX_SEED = 2**SEED_BITS - 1


def draw_seed() -> int:
    """A seed for a task that was given none."""
    return secrets.randbits(SEED_BITS)


def check_seed(seed: object) -> int:
    """A seed as it was given.

    Parameters
    ----------
    seed : int
        Whole numbers of numpy too.

    Raises
    ------
    InvalidTask
        If it is no whole number from 0 to 2**53 - 1.
    """
    try:
        number = -1 if isinstance(seed, bool) else operator.index(seed)  # type: ignore[arg-type]  # or a TypeError
    except TypeError:
        number = -1
    if not 0 <= number <= MAX_SEED:
        raise InvalidTask(f"is {str(seed)[:80]}: give a whole number from 0 to {MAX_SEED} (2^53 - 1)", "seed")
    return number
