"""Serving the dashboard: Voilà on a port of its own, with a token of its own.

Voilà runs in this process, so that its token is in no process list; the browser is sent
there through a file that only this user can read.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import secrets
import socket
import sys
import tempfile
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from taskq_kernel.errors import SetupError

HERE = Path(__file__).parent
#: The page with recipes, for people who do not code, and the one with the board.
RECIPES, NOTEBOOK = HERE / "recipes.ipynb", HERE / "dashboard.ipynb"

_REDIRECT = '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={url}">'


def serve(
    notebook: Path = NOTEBOOK,
    *,
    ip: str = "127.0.0.1",
    port: int = 0,
    theme: str = "auto",
    open_browser: bool = True,
    token: str | None = None,
    on_ready: Callable[[str], None] = lambda _: None,
    is_there: Callable[[], bool] = lambda: True,
    **config: dict[str, Any],
) -> None:
    """Serve a notebook as a dashboard until interrupted.

    Parameters
    ----------
    notebook
        The page.
    ip, port
        Where to listen; 0 for a free port.
    theme : {"auto", "light", "dark"}
        ``auto`` follows the browser.
    open_browser
        Whether to open a browser, where there is one.
    token
        What a request must bring along; by default a new one. Its hash signs the cookies of those who were let in.
    on_ready
        Called with the address, its token included, once it can be opened.
    is_there
        Whether the stack is there; while it is not, a page says so in the notebook's place, and comes back by itself.
    **config
        More of Voilà's configuration: options by class, over those in ``voila.json``.

    Raises
    ------
    SetupError
        If Voilà is not installed, or the port is taken.
    """
    try:
        # late: the widgets without a dashboard need no Voilà
        from traitlets.config import Config

        from taskq_widgets.dashboard.server import DashboardServer
    except ImportError as error:
        raise SetupError(
            f"the dashboard needs Voilà ({error}); install it with: pip install 'taskq-kernel[lab]'"
        ) from error

    port = port or _free_port(ip)
    check_port(ip, port)
    token = token or secrets.token_urlsafe(24)
    address = f"http://{_host(ip)}:{port}/?token={token}"
    # Jupyter finds templates in the folders of this variable only; the kernels do not mind it.
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [str(HERE), os.environ.get("JUPYTER_PATH", "")]))
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # a kernel's debugger warns on frozen modules
    # Jupyter's server asks Tornado for a longer patience with silent pages than it has, which it says each time.
    logging.getLogger("tornado.general").setLevel(logging.ERROR)
    # Nor is it news that somebody came without the token, or that a page asks whether the stack is back.
    logging.getLogger("tornado.access").setLevel(logging.CRITICAL)
    settings = Config(json.loads((HERE / "voila.json").read_text(encoding="utf-8")))
    settings.merge(Config(Voila={"identity_provider_class": "taskq_widgets.dashboard.identity.DashboardIdentity"}))
    settings.merge(Config(config))
    settings.merge(
        Config(
            Voila={
                "ip": ip,
                "port": port,
                "port_retries": 0,
                "token": token,
                # Who was let in stays so when the dashboard is started again, as long as the token is the same.
                "cookie_secret": hashlib.sha256(f"taskq dashboard {token}".encode()).digest(),
                "open_browser": False,
                "log_level": "ERROR",  # it warns of a notebook that is not signed, which no installed one is
            },
            VoilaConfiguration={
                "theme": "dark" if theme == "dark" else "light",
                "resources": {"taskq_theme": theme},
            },
        )
    )
    app = DashboardServer(config=settings)
    app.on_listening, app.is_there = lambda: _announce(address, open_browser, on_ready), is_there
    app.initialize([str(notebook)])
    app.start()


def _announce(address: str, open_browser: bool, on_ready: Callable[[str], None]) -> None:
    on_ready(address)
    if open_browser and _has_display():
        _open(address)


def _open(address: str) -> None:
    """Send a browser to the address by way of a private file: a command line would show the token."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return
    handle, name = tempfile.mkstemp(prefix="taskq-dashboard-", suffix=".html")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(_REDIRECT.format(url=address))
    browser.open(Path(name).as_uri())
    from tornado.ioloop import IOLoop

    IOLoop.current().call_later(60, lambda: Path(name).unlink(missing_ok=True))


def _has_display() -> bool:
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _host(ip: str) -> str:
    return socket.gethostname() if ip in ("", "0.0.0.0", "::") else ip  # noqa: S104  # compared, not listened on


def _free_port(ip: str) -> int:
    with socket.socket() as probe:
        probe.bind((ip, 0))
        port: int = probe.getsockname()[1]
    return port


def check_port(ip: str, port: int) -> None:
    """Make sure that the dashboard can listen there: before anything is started for it.

    Raises
    ------
    SetupError
        If the port is taken, or the address is not this machine's.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ip, port))
        except OSError as error:
            other = "--port" if error.errno in (errno.EADDRINUSE, errno.EACCES) else "--ip"
            raise SetupError(
                f"the dashboard cannot listen on {ip}:{port}: {error.strerror}; give another {other}"
            ) from error
