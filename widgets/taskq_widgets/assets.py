"""The style sheets and scripts that travel to the browser with a widget."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def script(path: str) -> str:
    """Return the ECMAScript module at ``path``, relative to this package."""
    return (_HERE / path).read_text(encoding="utf-8")


def stylesheet(path: str) -> str:
    """Return the style sheet at ``path``, with the design tokens that all widgets share before it."""
    tokens = (_HERE / "design.css").read_text(encoding="utf-8")
    return tokens + (_HERE / path).read_text(encoding="utf-8")
