"""The error boundary around a slot.

A full disk, a folder that a task has locked, a mistake of ours: whatever goes wrong around one
slot is the end of its process and of the attempt in it, and of nothing else. `error_boundary` is
the only place of a slot where errors that nobody thought of are caught. What goes wrong in a
callback of the event loop, where no caller would hear of it, is carried there by `relayed`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from taskq_kernel.errors import SetupError

log = logging.getLogger(__name__)


@contextmanager
def error_boundary(slot: int, doing: str, on_error: Callable[[Exception], None]) -> Iterator[None]:
    """Let no error out of this block.

    Parameters
    ----------
    slot : int
        Its number, for the log.
    doing : str
        What is being done, for the log.
    on_error : callable
        Takes the error, and says what that means.
    """
    try:
        yield
    except Exception as error:
        said_all = isinstance(error, SetupError | OSError)
        log.error("slot %d: %s failed: %s", slot, doing, error, exc_info=not said_all)
        on_error(error)


@contextmanager
def relayed(to: asyncio.Future[Any]) -> Iterator[None]:
    """Have an error of this block raised where the future is awaited, unless it is done."""
    try:
        yield
    except Exception as error:
        if to.done():
            log.exception("after a task had ended")
        else:
            to.set_exception(error)
