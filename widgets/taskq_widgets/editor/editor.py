"""A Julia editor as a widget; its browser's side is in ``widgets/js/editor``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import traitlets

from taskq_widgets.assets import bundle, stylesheet
from taskq_widgets.guarded import GuardedWidget


class JuliaEditor(GuardedWidget):
    """Julia code, to write or, with ``read_only``, to read.

    ``\\alpha`` and Tab gives α, as in Julia's prompt; Tab also takes the first of the names that are offered
    while one is typed: Julia's own, the libraries', the code's and the arguments'. Elsewhere Tab indents;
    Escape, then Tab, leaves the editor. Ctrl-Enter (Cmd-Enter) submits.

    Parameters
    ----------
    **traits
        Any of the traits below.

    Attributes
    ----------
    value : str
        The code. A change in the browser arrives here once the typing pauses.
    diagnostics : list of dict
        Remarks shown at their lines: ``line`` from 1, ``message``, and if wanted ``column`` from 1 and
        ``severity`` (``error``, ``warning``, ``info`` or ``hint``). Marks move along with the text.
    syntax_error : dict or None
        Where the code does not parse: ``line``, ``column``, ``message``; kept by the browser. The grammar
        is not Julia's own: it refuses a few rare forms that Julia takes, so leave the user a way past it.
    read_only : bool
        Shows highlighted code that cannot be changed.
    placeholder : str
        Shown while there is no code.
    label : str
        What a screen reader calls the editor.
    theme : {"auto", "light", "dark"}
        ``auto`` follows the page.
    names : list of str
        What the code is given, such as its arguments: offered while a name is typed.
    min_height, max_height : str
        CSS lengths between which the editor grows with its code; its lower edge can be dragged further.
    """

    _esm = bundle("editor")
    _css = stylesheet("editor")

    value = traitlets.Unicode().tag(sync=True)
    diagnostics = traitlets.List(traitlets.Dict()).tag(sync=True)
    syntax_error = traitlets.Dict(default_value=None, allow_none=True).tag(sync=True)
    read_only = traitlets.Bool(False).tag(sync=True)
    placeholder = traitlets.Unicode().tag(sync=True)
    label = traitlets.Unicode("Julia code").tag(sync=True)
    theme = traitlets.Enum(["auto", "light", "dark"], "auto").tag(sync=True)
    min_height = traitlets.Unicode("120px").tag(sync=True)
    max_height = traitlets.Unicode("60vh").tag(sync=True)
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        self._submit_handlers: list[Callable[[str], None]] = []
        super().__init__(**traits)
        self.on_msg(self._on_message)

    def on_submit(self, handler: Callable[[str], None]) -> None:
        """Call ``handler(code)`` on Ctrl-Enter; ``value`` and ``syntax_error`` are up to date by then.

        Handlers run on the thread that reads messages: hand long work to another.
        """
        self._submit_handlers.append(handler)

    def focus(self) -> None:
        """Put the cursor into the editor."""
        self.send({"type": "focus"})

    def _on_message(self, _widget: Any, content: Any, _buffers: Any) -> None:
        self._take(self._receive, content)

    def _receive(self, content: dict[str, Any]) -> None:
        if content.get("type") == "submit":
            code = str(content["value"])
            with self.hold_trait_notifications():
                self.set_trait("value", code)
                self.set_trait("syntax_error", content.get("syntax_error"))
            self._tell(self._submit_handlers, code)
