"""Control characters of others are shown on a terminal, and none of them is obeyed."""

from __future__ import annotations

import json
import logging
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskq_kernel import logs
from taskq_kernel.errors import TaskFailed
from taskq_kernel.printable import one_line, printable, printable_but_colours, printable_json
from taskq_kernel.values import RichValue

CLEAR, TITLE, EIGHT_BIT, TURNED = "\x1b[2J", "\x1b]0;title\x07", "\x9b2J", "\u202eabc"


def obeyed(text: str) -> str:
    """The characters of a text that a terminal obeys, or that turn a line round."""
    turning = ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI", "R", "L")
    return "".join(
        char
        for char in text
        if (unicodedata.category(char) in ("Cc", "Zl", "Zp") and char not in "\n\t")
        or (unicodedata.category(char) == "Cf" and unicodedata.bidirectional(char) in turning)
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (CLEAR, r"\x1b[2J"), (TITLE, r"\x1b]0;title\x07"), (EIGHT_BIT, r"\x9b2J"), (TURNED, r"\u202eabc"),
        ("100 %\rdone", r"100 %\rdone"), ("a\r\nb", "a\nb"), ("\ta\n", "\ta\n"), ("αβ 😀 \\n", "αβ 😀 \\n"),
    ],
)  # fmt: skip
def test_what_a_terminal_would_obey_is_shown(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert one_line(text) == shown.replace("\t", r"\t").replace("\n", r"\n")


@given(st.text(st.characters(codec="utf-8")))
def test_no_text_has_anything_left_that_is_obeyed(text: str) -> None:
    assert obeyed(printable(text)) == ""
    assert "\n" not in one_line(text)


@given(st.text(st.characters(codec="utf-8")))
def test_json_without_control_characters_says_the_same(text: str) -> None:
    shown = printable_json(json.dumps([text], ensure_ascii=False).encode())
    assert json.loads(shown) == [text]
    assert obeyed(shown.decode()) == ""


def test_a_value_that_shows_itself_is_printable_in_a_terminal() -> None:
    assert repr(RichValue({"text/plain": CLEAR})) == r"\x1b[2J"


def test_colours_alone_are_left_where_they_are_asked_for() -> None:
    assert printable_but_colours(f"\x1b[0;1;31mred\x1b[0m{CLEAR}\n") == "\x1b[0;1;31mred\x1b[0m\\x1b[2J\n"


@given(st.text(st.sampled_from("\x1b[0;m12JA\x9b\n\ra")))
def test_with_the_colours_taken_out_nothing_is_left_that_is_obeyed(text: str) -> None:
    assert obeyed(re.sub(r"\x1b\[[0-9;]*m", "", printable_but_colours(text))) == ""


def test_the_text_of_a_failure_is_printable_and_its_message_is_as_it_was() -> None:
    error = TaskFailed(1, "ErrorException", f"no {CLEAR}", f"at {TITLE}")
    assert obeyed(str(error)) == ""
    assert error.message == f"no {CLEAR}"


def test_a_line_of_a_process_log_is_printable(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])
    logs.configure("info")
    logging.getLogger("taskq_kernel.test").info("task %s", CLEAR)
    logging.root.handlers[0].flush()
    err = capfd.readouterr().err
    assert obeyed(err) == ""
    assert r"task \x1b[2J" in err
