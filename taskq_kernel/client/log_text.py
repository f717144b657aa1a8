"""What a task printed, as a text that shows itself with its colours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from taskq_kernel.terminal.levels import least
from taskq_kernel.terminal.log import coloured, plain, shown


class LogText(str):
    """A log as a terminal would show it. It is text without colours, and a notebook shows it with them.

    Attributes
    ----------
    coloured : str
        The text with its colours, for `print` on a terminal; nothing else in it is obeyed there.
    """

    coloured: str

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": self.coloured}


def log_text(chunks: Iterable[Mapping[str, Any]], level: str | None = None) -> LogText:
    """Return the text of a log's pieces; with ``level`` the records from that level on, each line of which ends.

    Raises
    ------
    InvalidTask
        If there is no such level.
    """
    from_here = least(level)
    lines = shown(chunks, from_here)
    end = "\n" if lines and from_here is not None else ""
    text = LogText(plain(lines) + end)
    text.coloured = coloured(lines) + end
    return text
