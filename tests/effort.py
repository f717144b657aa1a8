"""How many examples the property tests try: few in ``make test``, as many as asked for elsewhere."""

from __future__ import annotations

import os


def scaled(examples: int) -> int:
    """``examples`` times ``TASKQ_TEST_EFFORT`` (default 1)."""
    return max(1, round(examples * float(os.environ.get("TASKQ_TEST_EFFORT") or 1)))
