"""What the widgets of the board share in Python; their scripts and style sheet."""

from __future__ import annotations
