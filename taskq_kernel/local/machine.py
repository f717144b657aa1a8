"""What this machine has, or the container that this process is in."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil


def memory_bytes() -> int:
    """How much memory there is, in bytes."""
    sizes = [int(psutil.virtual_memory().total)]
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):  # "max": there is no limit
            sizes.append(int(Path(file).read_text("utf-8")))
    return min(sizes)
