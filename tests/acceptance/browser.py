"""Fixtures for tests in a real browser, on a real Voilà or JupyterLab page.

`chromium` is one browser for the whole session. `open_page` opens pages in it that can
reach nothing but loopback, and collects what they tried. `serve` serves notebooks made of the
cells given, in Voilà or JupyterLab, with a `Remote` into their kernels.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nbformat
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, Route, sync_playwright
from remote import Remote

from taskq_kernel.local.processes import free_port

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SCREENSHOTS = Path(os.environ.get("TASKQ_SCREENSHOTS", ROOT / "test-results" / "screenshots"))

#: A wheel installs what lies below as JupyterLab's; the working tree is pointed to.
LAB_EXTENSIONS = ROOT / "widgets" / "taskq_widgets" / "launcher"

#: Voilà's own template asks for this font, which no widget needs: refused like all else, but not counted.
VOILA_FONTS = ("fortawesome/fontawesome-free", "font-awesome")

_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--force-color-profile=srgb",
)  # fmt: skip
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}

#: Cell that gives the test a hand in the kernel.
REMOTE_CELL = "import sys; sys.path.insert(0, {here!r}); import remote; remote.serve(globals(), {file!r})"


@dataclass
class Pages:
    """Pages opened by a test, and the requests beyond loopback that they made, all refused."""

    browser: Browser
    refused: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def __call__(
        self, url: str, *, dark: bool = False, width: int = 1280, height: int = 800, touch: bool = False,
        reduced_motion: bool = False,
    ) -> Page:  # fmt: skip
        """Open a page in a browser profile of its own."""
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce" if reduced_motion else "no-preference",
            has_touch=touch,
            locale="en-GB",
            service_workers="block",
            permissions=["clipboard-read", "clipboard-write"],
        )
        self.contexts.append(context)
        context.set_default_timeout(60_000)
        context.route("**/*", self._guard)
        page = context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(url)
        return page

    def _guard(self, route: Route) -> None:
        if urlsplit(route.request.url).hostname in _LOOPBACK or route.request.url.startswith(("data:", "blob:")):
            route.continue_()
        else:
            self.refused.append(route.request.url)
            route.abort()

    def shot(self, page: Page, name: str) -> None:
        """Keep a picture of the page."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")


@dataclass
class Site:
    """A notebook that is being served."""

    url: str
    address_file: Path

    def kernel(self) -> Remote:
        """Return a hand in the kernel of the page that was opened last, and keeps to that one."""
        return Remote(self.address_file)


def _chromium_path() -> str | None:
    named = os.environ.get("TASKQ_CHROMIUM")
    return named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests."""
    if _chromium_path() is None:
        message = "no Chromium found; install one, or name it in TASKQ_CHROMIUM"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


def launch(playwright: Playwright) -> Browser:
    """Start a browser."""
    return playwright.chromium.launch(executable_path=_chromium_path(), args=list(_FLAGS))


@contextlib.contextmanager
def pages_in(browser: Browser) -> Iterator[Pages]:
    """Open pages that reach nothing beyond loopback; a script error on one is an error at the end."""
    pages = Pages(browser)
    try:
        yield pages
    finally:
        for context in pages.contexts:
            context.close()
    assert [url for url in pages.refused if not any(font in url for font in VOILA_FONTS)] == []
    assert pages.errors == [], f"errors on the page: {pages.errors}"


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Pages]:
    """Open pages for one test."""
    with pages_in(chromium) as pages:
        yield pages


def write_notebook(path: Path, cells: list[str]) -> None:
    """Write a notebook of code cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)


@dataclass
class Server:
    """Voilà or JupyterLab, serving the notebooks of a folder."""

    kind: str
    folder: Path
    port: int
    token: str

    def page(self, name: str, dark: bool) -> str:
        """Return the address of a notebook. JupyterLab's theme holds for what is opened from now on."""
        if self.kind == "voila":
            theme = "dark" if dark else "light"
            return f"http://127.0.0.1:{self.port}/voila/render/{name}?token={self.token}&theme={theme}"
        _write_settings(self.folder, dark)
        return f"http://127.0.0.1:{self.port}/lab/tree/{name}?token={self.token}&reset"


@dataclass
class Sites:
    """Serves notebooks, from one Voilà and one JupyterLab that start when they are needed first."""

    root: Path
    servers: dict[str, Server] = field(default_factory=dict)
    ends: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    count: int = 0

    def __call__(self, kind: str, cells: list[str], dark: bool = False) -> Site:
        """Serve a notebook of ``cells`` in Voilà (``voila``) or JupyterLab (``lab``)."""
        if kind not in self.servers:
            self.servers[kind] = self.ends.enter_context(_server(kind, self.root / kind))
        server = self.servers[kind]
        self.count += 1
        address = server.folder / f"remote-{self.count}.json"
        remote = REMOTE_CELL.format(here=str(HERE), file=str(address))
        write_notebook(server.folder / f"page-{self.count}.ipynb", [remote, *cells])
        return Site(server.page(f"page-{self.count}.ipynb", dark), address)


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    """Serve notebooks for all tests of this process."""
    sites = Sites(tmp_path_factory.mktemp("sites"))
    with sites.ends:
        yield sites


@contextlib.contextmanager
def _server(kind: str, folder: Path) -> Iterator[Server]:
    folder.mkdir()
    server = Server(kind, folder, free_port(), secrets.token_hex(16))
    command, log = _COMMANDS[kind](server), folder / "server.log"
    env = _environment(folder) | ({"JUPYTER_PATH": str(LAB_EXTENSIONS)} if kind == "lab" else {})
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=folder, env=env, stdout=out, stderr=out, stdin=subprocess.DEVNULL
        )
        try:
            _await_server(process, server.port, log)
            yield server
        finally:
            end(process)


def end(process: subprocess.Popen[Any]) -> None:
    """Ask a program to end, and kill it if it does not."""
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(20)


#: The kernels of pages that were closed go soon: there is one server for many tests.
_CULLING = ("--MappingKernelManager.cull_idle_timeout=20", "--MappingKernelManager.cull_interval=5")


def _voila(server: Server) -> list[str]:
    return [sys.executable, "-m", "voila", str(server.folder), "--no-browser", "--Voila.ip=127.0.0.1",
            f"--port={server.port}", f"--token={server.token}", "--show_tracebacks=True", *_CULLING]  # fmt: skip


def _lab(server: Server) -> list[str]:
    return [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={server.port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={server.token}",
            "--LabApp.news_url=None",
            "--LabServerApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", *_CULLING]  # fmt: skip


_COMMANDS: dict[str, Callable[[Server], list[str]]] = {"voila": _voila, "lab": _lab}


def _write_settings(folder: Path, dark: bool) -> None:
    """Write a user's settings, which JupyterLab reads for each page."""
    place = folder / "jupyterlab_settings_dir" / "@jupyterlab" / "apputils-extension"
    place.mkdir(parents=True, exist_ok=True)
    for name, settings in (
        ("themes", {"theme": f"JupyterLab {'Dark' if dark else 'Light'}"}),
        ("notification", {"fetchNews": "false", "checkForUpdates": False}),
    ):
        (place / f"{name}.jupyterlab-settings").write_text(json.dumps(settings))


def _environment(folder: Path) -> dict[str, str]:
    """Keep Jupyter's own files inside the test's folder."""
    own = {name: str(folder / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR",
           "JUPYTER_DATA_DIR", "JUPYTERLAB_WORKSPACES_DIR", "JUPYTERLAB_SETTINGS_DIR", "IPYTHONDIR")}  # fmt: skip
    folders = [str(ROOT / name) for name in ("", "widgets", "tests")]
    path = os.pathsep.join(filter(None, [*folders, os.environ.get("PYTHONPATH", "")]))
    return os.environ | own | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def _await_server(process: subprocess.Popen[bytes], port: int, log: Path, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        assert process.poll() is None, f"the server ended:\n{log.read_text()}"
        assert time.monotonic() < deadline, f"the server does not answer:\n{log.read_text()}"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=2):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)


def run_all_cells(page: Page) -> None:
    """Run the notebook that JupyterLab has opened, as soon as its kernel listens."""
    page.locator(".jp-Notebook").wait_for()
    page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for(state="attached")
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
