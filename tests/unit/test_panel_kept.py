"""The files that a task has left, as its panel shows them: listed, looked into within bounds, handed to the page."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, BinaryIO

import pytest
from taskq_widgets.detail import TaskDetail
from taskq_widgets.panels import kept
from taskq_widgets.panels.kept import PanelFiles
from test_widgets_detail import whole
from test_widgets_live import ScriptedService

from taskq_kernel.client import operations
from taskq_kernel.errors import ServiceUnreachable
from taskq_kernel.task_files import type_of


class Kept:
    """Stands for the transport: has files, and counts what it is asked for."""

    def __init__(self, **files: bytes) -> None:
        self.files = {name.replace("__", "/").replace("_", "."): data for name, data in files.items()}
        self.asked: list[str] = []

    def rows(self) -> list[dict[str, Any]]:
        return [
            {"name": name, "size": len(data), "sha256": sha256(data).hexdigest(), "type": type_of(name), "attempt": 1}
            for name, data in self.files.items()
        ]

    def _data(self, ref: str) -> bytes:
        return next(data for data in self.files.values() if sha256(data).hexdigest() == ref)

    def blob_head(self, ref: str, size_bytes: int) -> bytes:
        self.asked.append("head")
        return self._data(ref)[:size_bytes]

    def save_blob(self, ref: str, file: BinaryIO, _limit: int) -> int:
        self.asked.append("whole")
        return file.write(self._data(ref))


TASK = {"id": "id-1", "number": 1, "status": "FINISHED", "attempt": 1, "outputs": ["**"]}


def panel(monkeypatch: pytest.MonkeyPatch, transport: Any, look: str = "") -> Any:
    monkeypatch.setattr(operations, "get", lambda *_: {"files": transport.rows()})
    shown = PanelFiles()
    if look:
        shown.choose(look)
    assert shown.due(TASK)
    shown.read(transport, TASK)
    assert not shown.due(TASK)
    return shown


@pytest.mark.parametrize(("name", "data", "seen"), [
    ("a.txt", b"two\nlines\n", {"form": "text", "text": "two\nlines\n", "note": ""}),
    ("a.csv", b"n,m\n1,<b>\n", {"form": "grid", "head": ["n", "m"], "rows": [["1", "<b>"]], "note": ""}),
    ("a.tsv", b"n\tm\n1\t2\n", {"form": "grid", "head": ["n", "m"], "rows": [["1", "2"]], "note": ""}),
    ("a.csv", b"", {"form": "text", "text": "", "note": ""}),
    ("a.html", b"<script>", {"form": "text", "text": "<script>", "note": ""}),
    ("a.json", b"{}", {"form": "text", "text": "{}", "note": ""}),
    ("a.unknown", "größe".encode(), {"form": "text", "text": "größe", "note": ""}),
    ("a.png", b"\x89PNG", {"form": "image", "source": "data:image/png;base64,iVBORw==", "text": "a.png"}),
    ("a.svg", b"<svg/>", {"form": "image", "source": "data:image/svg+xml;base64,PHN2Zy8+", "text": "a.svg"}),
])
def test_a_text_a_table_and_a_picture_are_looked_into(
    monkeypatch: pytest.MonkeyPatch, name: str, data: bytes, seen: dict[str, Any]
) -> None:
    transport = Kept()
    transport.files = {name: data}
    assert panel(monkeypatch, transport, name).shown(TASK)["look"] == {"name": name} | seen


@pytest.mark.parametrize("data", [b"\xff\xfe\x00\x01", b"text\0text", b"\x93NUMPY"])
def test_what_is_no_text_is_not_shown_as_one(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    transport = Kept()
    transport.files = {"a.dat2": data}
    assert panel(monkeypatch, transport, "a.dat2").shown(TASK)["look"]["form"] == "none"


def test_looks_are_bounded_in_bytes_rows_columns_and_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = ",".join(f"c{n}" for n in range(50))
    transport = Kept(big_txt="é\n".encode() * 200_000, big_png=b"x" * 5000, big_csv=f"{wide}\n".encode() * 300)
    monkeypatch.setattr(kept, "PICTURE_BYTES", 4000)
    look = panel(monkeypatch, transport, "big.txt").shown(TASK)["look"]
    assert len(look["text"].encode()) <= kept.LOOK_BYTES
    assert (set(look["text"]), look["note"]) == ({"é", "\n"}, "The first 128 KiB of 585.9 KiB.")
    look = panel(monkeypatch, transport, "big.png").shown(TASK)["look"]
    assert look["text"] == "4.883 KiB are too much to show here."
    look = panel(monkeypatch, transport, "big.csv").shown(TASK)["look"]
    assert (len(look["head"]), len(look["rows"])) == (kept.COLUMNS, kept.ROWS)
    assert look["note"] == "Shown are the first 200 rows and 30 columns."
    assert "whole" not in transport.asked


def test_they_are_handed_to_the_page_whole_or_it_is_said_how_to_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = Kept(a_csv=b"1", big_dat=b"x" * 200)
    monkeypatch.setattr(kept, "MOST_BYTES", 100)
    shown = panel(monkeypatch, transport)
    assert shown.contents(TASK, "a.csv") == b"1"
    with pytest.raises(ValueError, match=r"taskq fetch 1 'big\.dat'"):
        shown.contents(TASK, "big.dat")


def test_many_are_listed_up_to_a_number_and_none_are_said_to_be_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST_LISTED", 2)
    shown = panel(monkeypatch, Kept(a_csv=b"1", b_csv=b"2", c_csv=b"3")).shown(TASK)
    assert [one["name"] for one in shown["files"]] == ["a.csv", "b.csv"]
    assert shown["note"] == "1 more are not listed: taskq files 1"
    assert panel(monkeypatch, Kept()).shown(TASK)["note"] == "No file was kept."
    waiting = TASK | {"status": "RUNNING"}
    assert PanelFiles().shown(waiting)["note"] == "They are kept when the task has ended."
    assert PanelFiles().shown(TASK | {"outputs": None}) == {}


def test_they_are_read_behind_their_tab_alone_and_again_when_an_attempt_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    client: Any = ScriptedService([])
    detail = TaskDetail(client)
    monkeypatch.setattr(detail, "_refresh_soon", lambda: None)
    transport, asked, away = Kept(a_csv=b"1"), [], [True]
    row = whole("RUNNING", 5) | {"outputs": ["*.csv"], "inputFiles": None}

    def get(_transport: Any, _id: str, fields: str) -> dict[str, Any]:
        if not fields.startswith("files"):
            return row | {"series": None}
        asked.append(fields)
        if away.pop() if away else False:
            raise ServiceUnreachable("away")
        return {"files": transport.rows()}

    monkeypatch.setattr(operations, "get", get)
    detail.show("id-1")
    detail._refresh()
    assert (asked, detail.kept["files"]) == ([], [])
    detail._on_tab({"tab": "files"})
    detail._refresh()
    detail._refresh()
    assert [one["name"] for one in detail.kept["files"]] == ["a.csv"]
    detail._refresh()
    assert len(asked) == 2
    row = row | {"status": "FAILED", "version": 6, "error": {"name": "E", "message": "", "stacktrace": ""}}
    transport.files["b.csv"] = b"2"
    detail._stale = True
    detail._refresh()
    assert [one["name"] for one in detail.kept["files"]] == ["a.csv", "b.csv"]
    assert len(asked) == 3
