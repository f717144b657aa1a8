"""What the widgets of the board share in Python."""

from __future__ import annotations
