"""The release that runs."""

from __future__ import annotations

from taskq_kernel.machine import release


def service_version() -> str:
    """The version of the installed distribution."""
    return release() or "0+unknown"
