"""What is kept of what a task prints: the beginning and the end, with a line between that says what is missing.

The worker keeps to it while a task prints, and the service for whatever a worker sends.
"""

from __future__ import annotations

import re

#: Of the whole, this part is kept for the end.
_TAIL_SHARE = 8
#: Room for the line between, and for the characters at both cuts.
_NOTE_BYTES = 100
#: The line between, without its ends.
LEFT_OUT = re.compile(r"\[taskq: [\d,]+ bytes of output are left out here\]")


def shares(limit_bytes: int) -> tuple[int, int]:
    """How much is kept of the beginning and of the end, in bytes, where not all of it can be."""
    tail = limit_bytes // _TAIL_SHARE
    return max(0, limit_bytes - tail - _NOTE_BYTES), tail


def left_out(missing_bytes: int) -> str:
    """Return the line between."""
    return f"\n[taskq: {missing_bytes:,} bytes of output are left out here]\n"


def display_left_out(size: int, limit_bytes: int) -> str:
    """Return the line below the text of something displayed of which there is no more."""
    return (
        f"[taskq: a display of {size:,} bytes is left out here: of what a task prints and displays, "
        f"{limit_bytes:,} bytes are kept]\n"
    )


def beginning(raw: bytes, size: int) -> bytes:
    """Return the first ``size`` bytes of UTF-8, and what the last character of them needs."""
    while size < len(raw) and _continues(raw[size]):
        size += 1
    return raw[:size]


def end(raw: bytes, size: int) -> bytes:
    """Return the last ``size`` bytes of UTF-8, and what the first character of them needs."""
    start = max(0, len(raw) - size)
    while 0 < start < len(raw) and _continues(raw[start]):
        start -= 1
    return raw[start:]


def _continues(byte: int) -> bool:
    return byte & 0xC0 == 0x80
