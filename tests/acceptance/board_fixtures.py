"""Fixtures of tests that use the board on a page, one of each for a module."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from boards import Board, dashboard, lab_site, open_board
from browser import Pages, Sites, pages_in
from playwright.sync_api import Browser

from taskq_kernel import Client, connect

if TYPE_CHECKING:
    from stacks import RunningStack  # the one beside the test folders


@pytest.fixture(scope="module")
def client(stack: RunningStack) -> Iterator[Client]:
    """A client of the session's stack."""
    with connect(stack.url, token=stack.token()) as client:
        yield client


@pytest.fixture(scope="module")
def pages(chromium: Browser) -> Iterator[Pages]:
    """Pages of a browser, closed at the module's end."""
    with pages_in(chromium) as pages:
        yield pages


@pytest.fixture(scope="module")
def voila_board(pages: Pages, stack: RunningStack) -> Iterator[Board]:
    """The board on a dashboard of its own."""
    with dashboard(stack.env) as served:
        yield open_board(pages, "voila", served.url)


@pytest.fixture(scope="module")
def lab_board(pages: Pages, stack: RunningStack, serve: Sites) -> Board:
    """The board in JupyterLab."""
    return open_board(pages, "lab", lab_site(serve, stack))


@pytest.fixture(params=["voila", "lab"])
def board(request: pytest.FixtureRequest) -> Board:
    """The shared page, with no filter set."""
    board: Board = request.getfixturevalue(f"{request.param}_board")
    board.page.keyboard.press("Escape")
    board.search("")
    board.overview.get_by_role("button", name=re.compile("^All")).click()
    return board


@pytest.fixture
def name() -> str:
    """A name that no other task has."""
    return f"task {secrets.token_hex(4)}"


@pytest.fixture(scope="module")
def nothing_refused(pages: Pages) -> Iterator[None]:
    """No page may ask for anything beyond loopback, not even for what Voilà's and JupyterLab's own may."""
    yield
    assert pages.refused == []
