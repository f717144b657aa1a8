"""Seeds: what a task's random numbers start from.

A seed is a whole number of 53 bits: every reader of JSON, a browser's and a spreadsheet's too,
and every column of a data frame holds it exactly, where one of 64 bits would lose its last
digits in silence.
"""

from __future__ import annotations

import operator
import secrets
from hashlib import sha256

from taskq_kernel.errors import InvalidTask

SEED_BITS = 53
MAX_SEED = 2**SEED_BITS - 1


def draw_seed() -> int:
    """A seed for a task that was given none."""
    return secrets.randbits(SEED_BITS)


def point_seed(seed: int, place: int) -> int:
    """The seed of a sweep's point: from the sweep's seed and the point's place alone.

    It is the first `SEED_BITS` bits of the SHA-256 of the text ``"seed:place"``, both numbers in
    decimal digits, places from 0. So the same sweep has the same seeds wherever and in whichever
    order it runs, any language can work them out, and neighbours have nothing in common.
    """
    return seed_from(sha256(f"{seed}:{place}".encode()).digest())


def seed_from(digest: bytes) -> int:
    """The first `SEED_BITS` bits of a hash."""
    return int.from_bytes(digest[:8]) >> (64 - SEED_BITS)


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
        said = repr(seed) if isinstance(seed, str) else str(seed)
        raise InvalidTask(f"is {said[:80]}: give a whole number from 0 to {MAX_SEED} (2^53 - 1)", "seed")
    return number
