"""The scripts of the panels."""

from __future__ import annotations

from taskq_widgets.assets import script


def panel_script(name: str) -> str:
    """Return the script of a panel with the parts before it that all panels use.

    A script travels with each widget as one module and can import nothing.
    """
    return script("panels/parts.js") + script(f"panels/{name}")
