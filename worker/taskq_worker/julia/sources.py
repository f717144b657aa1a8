"""The runner's Julia sources, which stand beside this module."""

from __future__ import annotations

from pathlib import Path

#: The folder with ``main.jl`` and ``runner.jl``.
JULIA_SOURCES = Path(__file__).parent / "runner"
