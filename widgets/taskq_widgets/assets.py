"""The style sheets and scripts that travel to the browser with a widget."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def bundle(widget: str) -> str:
    """Return the script of a widget, one ECMAScript module, built from ``widgets/js``."""
    return (_HERE / "bundles" / f"{widget}.js").read_text(encoding="utf-8")


def stylesheet(path: str) -> str:
    """Return the style sheet at ``path``, with the design tokens that all widgets share before it."""
    tokens = (_HERE / "design.css").read_text(encoding="utf-8")
    return tokens + (_HERE / path).read_text(encoding="utf-8")
