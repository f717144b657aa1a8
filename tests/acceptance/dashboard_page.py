"""The dashboard, as a test uses it, wherever it is served."""

from __future__ import annotations

import re

from playwright.sync_api import Frame, Page

#: The first page of a server may have to start a kernel and the stack.
PATIENCE_MS = 120_000


def submit_example(page: Page | Frame) -> None:
    """Pick an example in a dashboard that has just been opened, and submit it."""
    wait_for_dashboard(page)
    page.get_by_label("Start from an example").select_option(index=1)
    page.get_by_role("button", name="Submit", exact=True).click()


def wait_for_dashboard(page: Page | Frame) -> None:
    """Wait until the dashboard can be used."""
    page.get_by_label("Start from an example").wait_for(timeout=PATIENCE_MS)


def wait_for_status(page: Page | Frame, status: str) -> None:
    """Wait until some task in the table has this status."""
    page.locator("[role=grid]").get_by_text(status).first.wait_for(timeout=PATIENCE_MS)


def links_to_this_machine(text: str) -> list[str]:
    """Addresses that only a browser on this very machine could follow."""
    return re.findall(r"(?:https?|wss?):\\?/\\?/(?:localhost|127\.0\.0\.1|0\.0\.0\.0)[^\"'\s<]*", text)
