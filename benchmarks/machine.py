"""The state of the machine that figures were made on."""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
import time
from pathlib import Path


def state() -> str:
    """Load, and what a small synchronous write takes where temporary folders are."""
    return f"load {os.getloadavg()[0]:.1f}, fdatasync {fdatasync_ms():.2f} ms"


def fdatasync_ms(writes: int = 100) -> float:
    """The median of so many writes of 4 KiB that are forced to the disk, in milliseconds."""
    times = []
    with tempfile.TemporaryFile() as file:
        for _ in range(writes):
            file.write(bytes(4096))
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e3


def description() -> str:
    """Processor, cores, system and Python."""
    model = platform.processor() or platform.machine()
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    return f"{len(names)} × {names[0] if names else model}, {system}, Python {platform.python_version()}"
