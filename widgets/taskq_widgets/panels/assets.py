"""The scripts of the panels."""

from __future__ import annotations

from taskq_widgets.assets import script


def panel_script(*names: str) -> str:
    """Return the script of a panel with the parts before it that all panels use.

    A script travels with each widget as one module and can import nothing.
    """
    return "".join(script(f"panels/{part}") for part in ("saving.js", "link.js", "keep.js", "parts.js", *names))


def linked_script(path: str) -> str:
    """Return the script at ``path`` with what tells whether the kernel answers before it."""
    return script("panels/link.js") + script(path)
