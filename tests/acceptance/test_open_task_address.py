"""The dashboard's address has the open task; a chip has the tasks of whoever looks."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from boards import Board
from playwright.sync_api import expect

from taskq_kernel import Client, connect
from taskq_kernel.client.connection import Address
from taskq_kernel.domain import Role
from taskq_kernel.local.visitor import visitor_token

if TYPE_CHECKING:
    from stacks import RunningStack

pytestmark = pytest.mark.timeout(300)
expect.set_options(timeout=30_000)


def test_the_open_task_is_in_the_address_which_a_link_the_back_button_and_a_reload_follow(
    voila_board: Board, client: Client
) -> None:
    board, page = voila_board, voila_board.page
    name = f"task {secrets.token_hex(4)}"
    first, second = (client.submit("6 * 7", name=f"{name} {place}") for place in ("first", "second"))
    title = board.detail.locator("h2")
    # When: a link to a task is followed.
    page.evaluate("hash => { location.hash = hash; }", f"#task={first.number}")
    expect(title).to_contain_text(first.name)
    # And: another is opened in the table.
    board.search(name)
    board.row(second.name).locator(".tq-open-task").click()
    expect(title).to_contain_text(second.name)
    expect(page).to_have_url(re.compile(rf"#task={second.number}$"))
    # Then: the back button goes back to the first, and forward again.
    page.go_back()
    expect(title).to_contain_text(first.name)
    page.go_forward()
    expect(title).to_contain_text(second.name)
    # And: a page that is opened with the address anew shows the task.
    page.reload()
    board.ready()
    expect(title).to_contain_text(second.name)
    # And: a task that is shut is out of the address, and back with the back button.
    board.detail.get_by_role("button", name="Close the task").click()
    expect(page).to_have_url(re.compile(r"^[^#]*$"))
    page.go_back()
    expect(title).to_contain_text(second.name)
    board.detail.get_by_role("button", name="Close the task").click()
    expect(board.detail).to_be_hidden()


def test_only_mine_leaves_the_tasks_of_whoever_looks(
    voila_board: Board, client: Client, stack: RunningStack, tmp_path: Path
) -> None:
    board, name = voila_board, f"task {secrets.token_hex(4)}"
    file = visitor_token(Address(stack.url, stack.token()), tmp_path, "a colleague", Role.USER)
    assert file is not None
    with connect(stack.url, token=file.read_text()) as colleague:
        colleague.submit("1", name=f"{name} theirs").wait(60)
    client.submit("1", name=f"{name} mine").wait(60)
    board.search(name)
    expect(board.row(f"{name} theirs")).to_be_visible()
    chip = board.table.get_by_role("button", name="Only mine")
    chip.click()
    expect(board.row(f"{name} theirs")).to_have_count(0)
    expect(board.row(f"{name} mine")).to_be_visible()
    expect(chip).to_have_attribute("aria-pressed", "true")
    # And: what comes while it is pressed is left out where it is another's.
    client.submit("1", name=f"{name} mine later").wait(60)
    expect(board.row(f"{name} mine later")).to_be_visible()
    chip.click()
    expect(board.row(f"{name} theirs")).to_be_visible()
    board.search("")
