"""What the widgets of the board have in common: messages in, changes out.

A browser that displays a panel says ``alive`` every 5 s while that is so, with the ``view``
that it displays, which is answered with ``here`` (``in_cell``: a cell runs beside that), and ``close`` when a display
ends. As long as one of them is fresh a thread of the panel calls `Panel._refresh`, which puts into traits what has
changed: those that did not change send nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import traitlets

from taskq_widgets.guarded import GuardedWidget
from taskq_widgets.heartbeat import CellClock, is_fresh

log = logging.getLogger(__name__)

#: At most so often a panel is refreshed; and changes that come together go together.
FLUSH_S = 0.1
GATHER_S = 0.01
#: A display not heard of for so long is forgotten.
FORGET_S = 3600.0

_cells = CellClock()
_cells.follow_ipython()


class Panel(GuardedWidget):
    """A widget that is kept current while somebody looks at it.

    Attributes
    ----------
    theme : {"auto", "light", "dark"}
        ``auto`` follows the page.
    """

    theme = traitlets.Enum(["auto", "light", "dark"], "auto").tag(sync=True)

    #: The messages that a browser may send, besides ``alive`` and ``close``, and what handles each.
    _handlers: ClassVar[dict[str, str]] = {}
    def __init__(self, **traits: Any) -> None:
        self._beats: dict[str, float] = {}
        self._guard = threading.RLock()
        self._wake = threading.Event()
        self._refresher: threading.Thread | None = None
        self._closed = False
        super().__init__(**traits)
        self.on_msg(self._on_message)

    @property
    def watched(self) -> bool:
        """Whether any browser shows it now."""
        return bool(self._fresh_views())

    def _fresh_views(self) -> list[str]:
        """Return the displays that are looked at now."""
        now = time.monotonic()
        with self._guard:
            return [view for view, beat in self._beats.items() if is_fresh(beat, now, _cells)]

    def close(self) -> None:
        """Take the widget off every screen, and stop its thread."""
        self._closed = True
        self._wake.set()
        super().close()

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take over what a browser says, while no other thread changes anything."""
        with self._guard:
            super().set_state(sync_data)

    # -- for subclasses

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Send all changes that are made in this block as one message.

        ipywidgets can lose a change that another thread makes at its end, so one at a time.
        """
        with self._guard, self.hold_sync():
            yield

    @property
    def _pause_s(self) -> float:
        """How long at most between two refreshes while somebody looks, in seconds."""
        return 5.0

    def _refresh(self) -> None:
        """Bring the traits up to date; called on the panel's thread while somebody looks."""

    def _on_alive(self, content: dict[str, Any]) -> None:
        """Hear a heartbeat, which has been answered."""

    def _forget(self, view: str) -> None:
        """Forget a display that has ended, or was not heard of for long."""
        self._beats.pop(view, None)

    def _refresh_soon(self) -> None:
        """Have `_refresh` called, now or when somebody looks again."""
        self._wake.set()
        with self._guard:
            if self._refresher is None and not self._closed and self.watched:
                self._refresher = threading.Thread(target=self._run, name="taskq panel", daemon=True)
                self._refresher.start()

    # -- messages

    def _on_message(self, _widget: Any, content: Any, _buffers: Any) -> None:
        self._take(self._receive, content)
        self._refresh_soon()

    def _receive(self, content: dict[str, Any]) -> None:
        view = str(content.get("view", ""))
        with self._guard:
            if content.get("type") == "close":
                self._forget(view)
                return
            self._beats[view] = time.monotonic()
        if content.get("type") in self._handlers:
            getattr(self, self._handlers[content["type"]])(content)
        elif content.get("type") == "alive":
            self.send({"type": "here", "view": view, "in_cell": _cells.running})
            self._on_alive(content)
        else:
            log.warning("%s: message of unknown type %r left aside", type(self).__name__, content.get("type"))

    def _run(self) -> None:
        while self._goes_on():
            if self._wake.wait(self._pause_s):
                time.sleep(GATHER_S)
            self._wake.clear()
            began = time.monotonic()
            try:
                self._refresh()
            except Exception:
                log.exception("%s could not be refreshed", type(self).__name__)
            time.sleep(max(0.0, FLUSH_S - (time.monotonic() - began)))

    def _goes_on(self) -> bool:
        long_ago = time.monotonic() - FORGET_S
        with self._guard:
            for view in [view for view, beat in self._beats.items() if beat < long_ago]:
                self._forget(view)
            if self.watched and not self._closed:
                return True
            self._refresher = None
            return False
