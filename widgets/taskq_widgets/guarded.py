"""What a browser sends a widget is taken over whole, or refused in one line.

A page can send anything: an old script after an update, a forged message, a trait with a
value that it cannot have. ipywidgets shows each of these as a traceback in the notebook.
Here it changes nothing, the log says what was wrong, and the page is told how things stand.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

import anywidget
from traitlets import TraitError

from taskq_kernel.errors import TaskqError
from taskq_widgets.closing import ClosesLayout

log = logging.getLogger(__name__)

#: What reading a message raises that is not what it should be.
_UNUSABLE = (TraitError, LookupError, TypeError, ValueError, ArithmeticError, AttributeError)
#: Of a reason, which quotes the value, the log keeps this much.
_REASON_CHARACTERS = 300


class HandlerFailed(TaskqError):
    """A handler that somebody gave to a widget has raised an error, which is the cause."""


class GuardedWidget(ClosesLayout, anywidget.AnyWidget):
    """A widget that takes from a browser only what it can use."""

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take over all values of a browser's message, or none of them where one cannot be."""
        try:
            super().set_state(sync_data)
        except TraitError as error:
            self._refuse(sync_data, error)
            self.send_state([name for name in sync_data if name in self.keys])

    def _take(self, receive: Callable[[Any], object], content: Any) -> None:
        """Give a browser's message to what reads it; where that cannot use it, refuse it."""
        try:
            receive(content)
        except _UNUSABLE as error:
            self._refuse(content, error)

    def _refuse(self, content: Any, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"[:_REASON_CHARACTERS]
        log.warning("%s: a message from the browser is refused: %s", type(self).__name__, reason)
        log.debug("the message was %r", content, exc_info=error)

    @staticmethod
    def _tell(handlers: Iterable[Callable[..., object]], *what: Any) -> None:
        """Call handlers of whoever uses the widget: an error there is theirs to see, and no refusal."""
        for handler in list(handlers):
            try:
                handler(*what)
            except _UNUSABLE as error:
                raise HandlerFailed(f"a handler of the widget failed: {handler!r}") from error
