"""The board opened from JupyterLab's launcher, under a prefix as a hub gives it."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from browser import LAB_EXTENSIONS, ROOT, Pages, _await_server, _environment
from dashboard_page import PATIENCE_MS, links_to_this_machine, submit_example, wait_for_dashboard, wait_for_status
from playwright.sync_api import Frame, Locator, Page, expect
from taskq_widgets import server_proxy

from taskq_kernel.local.processes import free_port

if TYPE_CHECKING:
    from stacks import RunningStack

pytest.importorskip("jupyter_server_proxy")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PREFIX = "/user/ann%40lab/server-1/"


@dataclass(frozen=True)
class Lab:
    """A JupyterLab as a hub would start it."""

    port: int
    token: str
    log: Path

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{PREFIX}{path}"

    def get(self, path: str) -> str:
        headers = {"Authorization": f"token {self.token}"}
        return urllib3.request("GET", self.url(path), headers=headers, timeout=120).data.decode()


@pytest.fixture(scope="module")
def lab(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab below a prefix, with the entry point of the working tree."""
    folder = tmp_path_factory.mktemp("lab")
    port, token = free_port(), secrets.token_hex(16)
    env = _environment(folder) | stack.env | {"JUPYTERHUB_SERVICE_PREFIX": PREFIX, "JUPYTER_PATH": str(LAB_EXTENSIONS)}
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}",
        f"--ServerApp.base_url={PREFIX}", f"--ServerApp.root_dir={folder}", "--LabApp.news_url=None",
        "--LabServerApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.expose_app_in_browser=True",
    ]  # fmt: skip
    log = folder / "lab.log"
    with log.open("wb") as out:
        server = subprocess.Popen(command, cwd=folder, env=env, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    try:
        _await_server(server, port, log)
        yield Lab(port, token, log)
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture
def launcher(lab: Lab, open_page: Pages) -> Page:
    """JupyterLab, its launcher in front."""
    page = open_page(f"{lab.url('lab')}?token={lab.token}&reset")
    page.locator(".jp-Launcher").wait_for(timeout=60_000)
    return page


def tile(page: Page) -> Locator:
    return page.locator(".jp-LauncherCard:visible", has_text="taskq")


def test_the_tile_opens_a_panel_whose_board_runs_tasks(lab: Lab, launcher: Page, open_page: Pages) -> None:
    # Given: JupyterLab's launcher. When: the tile is pressed.
    tile(launcher).click()
    # Then: the board is there in a panel, below the hub's prefix, and runs what is submitted.
    launcher.locator(".lm-TabBar-tab.jp-mod-current", has_text="taskq").wait_for()
    panel = board_in_panel(launcher)
    submit_example(panel)
    wait_for_status(panel, "FINISHED")
    assert panel.url.startswith(lab.url(server_proxy.NAME))
    open_page.shot(launcher, "launcher-panel")
    # And: nothing on the page leads around the hub.
    assert links_to_this_machine(panel.content().replace(lab.url(""), "/")) == []


def test_pressed_again_the_tile_shows_the_panel_that_is_there(launcher: Page) -> None:
    tile(launcher).click()
    board_in_panel(launcher)
    launcher.get_by_role("menuitem", name="File", exact=True).click()
    launcher.locator(".lm-Menu-item", has_text="New Launcher").click()
    tile(launcher).click()
    expect(launcher.locator(".lm-TabBar-tab", has_text="taskq")).to_have_count(1)
    expect(launcher.locator("#taskq-board")).to_be_visible()


def board_in_panel(page: Page) -> Frame:
    """Return the page in the panel, when its board can be used."""
    frame = page.locator("#taskq-board iframe").element_handle(timeout=PATIENCE_MS).content_frame()
    assert frame is not None
    wait_for_dashboard(frame)
    return frame


def test_file_new_opens_it_too(lab: Lab, launcher: Page) -> None:
    launcher.get_by_role("menuitem", name="File", exact=True).click()
    launcher.locator(".lm-Menu-item[data-type=submenu]").filter(has_text=re.compile(r"^New$")).click()
    with launcher.context.expect_page(timeout=PATIENCE_MS) as opened:
        launcher.locator(".lm-Menu-item", has_text="taskq dashboard").click()
    wait_for_dashboard(opened.value)
    assert opened.value.url.startswith(lab.url(server_proxy.NAME))


def test_no_page_holds_a_link_to_this_machine(lab: Lab) -> None:
    for path in ("lab", f"{server_proxy.NAME}/", "server-proxy/servers-info"):
        assert links_to_this_machine(lab.get(path)) == [], path


def test_there_is_one_tile_and_it_shows_its_icon(launcher: Page) -> None:
    expect(tile(launcher)).to_have_count(1)
    picture = tile(launcher).locator("svg[data-icon='taskq:board']")
    expect(picture).to_be_visible()
    box = picture.bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) > 30


def test_the_dashboards_port_answers_nobody_but_the_proxy(lab: Lab, launcher: Page) -> None:
    # Given: the dashboard runs, on some port of loopback.
    lab.get(f"{server_proxy.NAME}/")
    port = dashboard_port(lab)
    # When: somebody else on the machine asks there.
    answer = urllib3.request("GET", f"http://127.0.0.1:{port}/", redirect=False, timeout=30)
    # Then: they are asked for a token.
    assert answer.status in (302, 401, 403)


def test_the_token_is_in_no_process_list(lab: Lab) -> None:
    lab.get(f"{server_proxy.NAME}/")
    commands = [command for _, command in commands_with(server_proxy.__name__)]
    assert commands
    assert not any("token" in command.lower() for command in commands)


def test_an_open_dashboard_on_which_nothing_happens_is_no_activity(lab: Lab, open_page: Pages) -> None:
    # Given: an open dashboard that has settled.
    page = open_page(f"{lab.url(server_proxy.NAME)}/?token={lab.token}")
    wait_for_dashboard(page)
    page.wait_for_timeout(5_000)
    before = json.loads(lab.get("api/status"))["last_activity"]
    # When: it stays open, with its heartbeats, and nobody touches it.
    page.wait_for_timeout(12_000)
    # Then: the server, as the hub's culler sees it, has seen nobody.
    assert json.loads(lab.get("api/status"))["last_activity"] == before


def commands_with(part: str) -> list[tuple[int, str]]:
    """Running processes whose command line holds this."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if part in command:
                found.append((int(folder.name), command))
    return found


def dashboard_port(lab: Lab) -> int:
    """The port that jupyter-server-proxy gave to the dashboard of this JupyterLab."""
    for _, command in commands_with(f"-m {server_proxy.__name__}"):
        words = command.split()
        if words[-1].startswith(PREFIX):
            return int(words[-2])
    raise AssertionError(f"no dashboard runs:\n{lab.log.read_text()}")


def test_the_entry_point_is_declared() -> None:
    import tomllib

    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = project["entry-points"]["jupyter_serverproxy_servers"]
    assert declared == {server_proxy.NAME: "taskq_widgets.server_proxy:dashboard_server"}
