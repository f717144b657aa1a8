"""The recipes that taskq brings: Julia files beside this one, each of which runs with plain ``julia`` too."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def shipped() -> list[Path]:
    """The files, by name."""
    return sorted(FOLDER.glob("*.jl"))
