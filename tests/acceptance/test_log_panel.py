"""The log panel in a real browser: lines change in place, and every colour can be read, light and dark."""

from __future__ import annotations

from typing import Any

import pytest
from browser import Pages
from panel_page import show_detail
from playwright.sync_api import Page, expect
from printed_samples import PROGRESS_METER, RECORDS
from taskq_widgets.panels.log_lines import line_for_page

from taskq_kernel.terminal.log import ShownLog

#: The contrast of each coloured text with its ground (WCAG 2.1), the worst of them first.
CONTRASTS = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = colour => {
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const linear = v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const page = light(rgb(getComputedStyle(document.querySelector('.tqp-detail')).backgroundColor));
  return [...document.querySelectorAll('.tqp-log :is([class], [style])')].map(one => {
    const own = getComputedStyle(one).backgroundColor;
    const ground = own === 'rgba(0, 0, 0, 0)' ? page : light(rgb(own));
    const [high, low] = [light(rgb(getComputedStyle(one).color)), ground].sort((a, b) => b - a);
    return [(high + 0.05) / (low + 0.05), one.textContent];
  }).sort((a, b) => a[0] - b[0]);
}"""


class Printed:
    """What Python tells a page of a log."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._log = ShownLog()

    def prints(self, text: str, stream: str = "stdout", complete: bool = False) -> None:
        first = self._log.feed([{"text": text, "stream": stream}])
        lines = [line_for_page(line) for line in self._log.lines(first)]
        message: dict[str, Any] = {"type": "log", "attempt": 1, "complete": complete, "first": first, "lines": lines}
        self._page.evaluate("message => window.deliver(message)", message)


def test_a_progress_meter_changes_its_lines_in_place(pages: Pages) -> None:
    page = show_detail(pages, {"tab": "log"})
    log = page.locator(".tqp-log")
    expect(page.get_by_text("Nothing printed so far.")).to_be_visible()
    printed = Printed(page)
    printed.prints("first\n10 %")
    page.evaluate("window.held = document.querySelector('.tqp-log > span')")
    for char in "\r100 %\n" + PROGRESS_METER:
        printed.prints(char, "stderr")
    assert (log.text_content() or "").rstrip("\n").split("\n") == [
        "first", "100 %", "Sweep 100%|████████████████████| Time: 0:00:06", "        i: 4", "   energy: -2.0",
        "Solve  Time: 0:00:01 (3 iterations)", "done",
    ]  # fmt: skip
    assert page.evaluate("window.held.isConnected")  # what did not change was left alone


@pytest.mark.parametrize("dark", [False, True])
def test_every_colour_of_a_terminal_can_be_read(pages: Pages, dark: bool) -> None:
    page = show_detail(pages, {"tab": "log"}, dark=dark)
    basic = [*range(30, 38), *range(90, 98)]
    printed = Printed(page)
    printed.prints("".join(f"\x1b[{code}m{code} " for code in basic) + "\x1b[0m\n")
    printed.prints("".join(f"\x1b[38;5;{code}m{code} " for code in range(16, 256)) + "\x1b[0m\n")
    printed.prints("".join(f"\x1b[48;5;{code}mon {code}\x1b[0m " for code in range(256)) + "\x1b[7minverse\x1b[0m\n")
    printed.prints(RECORDS, "stderr")
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 16 + 240 + 256
    assert [one for one in contrasts if one[0] < 4.5] == []


def test_records_are_chosen_and_copied_by_their_level(pages: Pages) -> None:
    page = show_detail(pages, {"tab": "log"})
    printed = Printed(page)
    printed.prints("plain\n")
    choice = page.get_by_role("combobox", name="Lines")
    expect(choice).to_be_hidden()
    printed.prints(RECORDS, "stderr")
    choice.select_option("error")
    visible = page.locator(".tqp-log > span").filter(visible=True)
    assert visible.all_text_contents() == ["┌ Error: bad\n", "│   exception = no\n", "└ @ Main model.jl:5\n"]
    printed.prints("┌ Error: worse\n└ @ Main model.jl:6\nplain\n", "stderr")
    expect(visible).to_have_count(5)


def test_a_level_that_no_record_has_says_so(pages: Pages) -> None:
    page = show_detail(pages, {"tab": "log"})
    Printed(page).prints("[ Info: said\n", complete=True)
    page.get_by_role("combobox", name="Lines").select_option("error")
    expect(page.get_by_text("No record is as grave as that.")).to_be_visible()


def test_a_page_that_has_missed_lines_asks_for_them(pages: Pages) -> None:
    page = show_detail(pages, {"tab": "log"})
    late = {"type": "log", "attempt": 1, "complete": False, "first": 7, "lines": [["", ["late", "stdout"]]]}
    page.evaluate("message => window.deliver(message)", late)
    asked = page.evaluate("window.sent.filter(({type}) => type === 'log').map(({first, attempt}) => [first, attempt])")
    assert asked[-1] == [0, 1]
    expect(page.get_by_text("late")).to_have_count(0)
