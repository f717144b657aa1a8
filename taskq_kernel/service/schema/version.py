"""The release that runs."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def service_version() -> str:
    """The version of the installed distribution."""
    try:
        return version("taskq-kernel")
    except PackageNotFoundError:
        return "0+unknown"
