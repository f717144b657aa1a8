"""What a widget has made is closed with it.

ipywidgets makes a `Layout` for each widget that is given none, a widget of its own in the
kernel and on the page, and closes neither that nor the children of a box.
"""

from __future__ import annotations

from typing import Any

from ipywidgets import Box, DOMWidget, Layout


class ClosesLayout(DOMWidget):
    """A widget that closes its layout with itself, unless it was given a `Layout` that is somebody else's."""

    def __init__(self, *arguments: Any, **traits: Any) -> None:
        super().__init__(*arguments, **traits)
        self._own_layout: Layout | None = None if isinstance(traits.get("layout"), Layout) else self.layout

    def close(self) -> None:
        """Take the widget off every screen."""
        super().close()
        if self._own_layout is not None:
            self._own_layout.close()

    def __repr__(self) -> str:
        # A notebook's file keeps this, and shows it where there is no kernel.
        return f"{type(self).__name__}: run the cell to see it"


class Area(ClosesLayout, Box):
    """A box that closes its children and its layout with itself."""

    def close(self) -> None:
        """Take the box and all in it off every screen."""
        for child in self.children:
            child.close()
        super().close()
