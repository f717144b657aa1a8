"""The style sheets and scripts that travel to the browser with a widget."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def bundle(widget: str) -> str:
    """Return the script of a widget, one ECMAScript module, built from ``widgets/js``."""
    return (_HERE / "bundles" / f"{widget}.js").read_text(encoding="utf-8")


def stylesheet(*names: str) -> str:
    """Return style sheets of these names, after the tokens and the controls that all widgets share."""
    parts = ("tokens", "controls", *names)
    return "".join((_HERE / "styles" / f"{name}.css").read_text(encoding="utf-8") for name in parts)
