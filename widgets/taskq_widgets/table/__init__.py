"""The table of tasks: the data in Python, the visible rows in the browser."""

from __future__ import annotations
