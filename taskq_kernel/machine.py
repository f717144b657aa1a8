"""What a machine is, for whoever wants to know later where something was computed. Read once a process."""

from __future__ import annotations

import functools
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


@functools.lru_cache(maxsize=1)
def processor() -> str:
    """The processor's model, as the operating system calls it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return model or platform.processor() or platform.machine()


@functools.lru_cache(maxsize=1)
def system() -> str:
    """The operating system with its release, and the machine's architecture."""
    return f"{platform.system()} {platform.release()} {platform.machine()}"


@functools.lru_cache(maxsize=1)
def release() -> str:
    """The version of taskq that is installed; empty where it is not."""
    try:
        return version("taskq-kernel")
    except PackageNotFoundError:
        return ""
