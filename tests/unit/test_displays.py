"""What a cell displays: a piece of its log, read with all that there is to show, or as text."""

from __future__ import annotations

from typing import Any

import pytest

from taskq_kernel import displays
from taskq_kernel.client.task import LogChunk
from taskq_kernel.errors import ServiceError
from taskq_kernel.jupyter.session import _Log


@pytest.mark.parametrize(
    ("bundle", "text"),
    [
        ({"image/svg+xml": "<svg/>", "text/plain": "Dot(1)"}, "Dot(1)\n"),
        ({"text/markdown": "*x*"}, "*x*\n"),
        ({"image/png": "AQID", "text/html": "<b>é</b>"}, "[image/png, text/html]\n"),
        ({"text/html": "<b/>", "text/plain": "a\0b"}, "a\ufffdb\n"),
    ],
)
def test_a_piece_has_all_that_is_shown_and_stands_for_a_text(bundle: dict[str, str], text: str) -> None:
    piece = displays.piece_of(bundle)
    assert {mime: shown for mime, shown in displays.bundle_of(piece).items() if mime in bundle} == bundle
    assert displays.text_of(piece) == text


def test_what_was_left_out_is_told_in_its_text() -> None:
    piece = displays.piece_of({"text/html": "<b/>", "text/plain": "B()"}, "Its form as image/png was left out.")
    assert displays.bundle_of(piece)["text/plain"] == "B()\n(Its form as image/png was left out.)"


def test_types_that_nobody_asked_for_are_not_shown() -> None:
    bundle = {"application/javascript": "alert(1)", "text/html": "<b/>", "text/plain": "B()"}
    assert "application/javascript" not in displays.piece_of(bundle)
    assert displays.bundle_of('{"application/javascript": "alert(1)", "text/plain": "B()"}') == {"text/plain": "B()"}


@pytest.mark.parametrize("piece", ["", "no JSON", '{"text/html": 1}', "[1]", "{" * 3000])
def test_what_is_no_piece_is_text(piece: str) -> None:
    assert displays.bundle_of(piece) == {"text/plain": piece}


class Service:
    """Gives one log, as a service of this release or of an earlier one, which does not know of displays."""

    def __init__(self, *, knows: bool) -> None:
        self.knows = knows
        self.asked: list[bool] = []

    def log_chunks(self, after: int | None, *, displays: bool = False) -> list[LogChunk]:
        self.asked.append(displays)
        if displays and not self.knows:
            raise ServiceError("Unknown argument 'displays' on field 'Task.logs'.", "GRAPHQL_VALIDATION_FAILED")
        shown = ("display", '{"text/html":"<b/>"}') if displays else ("stdout", "[text/html]\n")
        return [LogChunk(1, 1, *shown), LogChunk(2, 1, "stderr", "x")][after or 0 :]


@pytest.mark.parametrize("knows", [True, False])
def test_the_kernel_asks_for_displays_and_does_without_where_the_service_has_none(knows: bool) -> None:
    service: Any = Service(knows=knows)
    written: list[tuple[str, str]] = []
    log = _Log(service, lambda stream, text: written.append((stream, text)))
    log.read()
    log.read()
    assert written == [("display", '{"text/html":"<b/>"}') if knows else ("stdout", "[text/html]\n"), ("stderr", "x")]
    assert service.asked == ([True, True] if knows else [True, False, False])
