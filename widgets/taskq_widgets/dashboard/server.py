"""Voilà, as the dashboard uses it: it says when it listens, and has a page for a stack that is down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import tornado.web
from tornado.ioloop import IOLoop
from voila.app import Voila
from voila.tornado.handler import TornadoVoilaHandler
from voila.utils import url_path_join


class _KnowsTheStack(TornadoVoilaHandler):
    """A handler that can tell whether the stack is there, which may take a moment."""

    def initialize(self, *, is_there: Callable[[], bool], **options: Any) -> None:
        """Take what `DashboardServer` hands over."""
        super().initialize(**options)
        self._is_there = is_there

    async def _stack_is_there(self) -> bool:
        return await asyncio.to_thread(self._is_there)


class StackPage(_KnowsTheStack):
    """The notebook's page; in its place a page that says so, while the stack is down."""

    @tornado.web.authenticated
    async def get(self, path: str | None = None) -> None:
        """Answer with the page; no kernel is started for a stack that is down."""
        if await self._stack_is_there():
            await super().get(path)
            return
        page = self.settings["voila_jinja2_env"].get_template("stack_down.html")
        self.set_status(503)
        self.set_header("Cache-Control", "no-store")
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.write(page.render(**self.template_namespace))


class StackThere(_KnowsTheStack):
    """Whether the stack is there, which its page asks every few seconds."""

    @tornado.web.authenticated
    async def get(self) -> None:
        """Answer 204 for yes and 503 for no."""
        self.set_header("Cache-Control", "no-store")
        self.set_status(204 if await self._stack_is_there() else 503)


class DashboardServer(Voila):
    """Voilà with no configuration of the user's.

    Attributes
    ----------
    on_listening : callable
        Called once pages can be opened.
    is_there : callable
        Whether the stack is there; it may take a moment.
    """

    on_listening: Callable[[], None]
    is_there: Callable[[], bool]

    def load_config_file(self, *_args: Any, **_options: Any) -> None:
        """Leave the user's configuration of Voilà alone."""

    def listen(self) -> None:
        """Listen until the program is interrupted."""
        IOLoop.current().add_callback(self.on_listening)
        super().listen()

    def init_handlers(self) -> list[Any]:
        """Put the pages of a stack that is down among Voilà's."""
        handlers: list[Any] = super().init_handlers()
        there = {"is_there": self.is_there}
        for place, handler in enumerate(handlers):
            if handler[1] is TornadoVoilaHandler:
                handlers[place] = (handler[0], StackPage, handler[2] | there)
                options = {"voila_configuration": handler[2]["voila_configuration"]} | there
                handlers.insert(0, (url_path_join(self.server_url, "/taskq/there"), StackThere, options))
                break
        return handlers
