"""A result is copied, downloaded, seen large and taken to Python; a log looks as on a terminal. On a real stack."""

from __future__ import annotations

import csv
import io
import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from boards import Board, violations
from playwright.sync_api import Locator, expect

from taskq_kernel import Client, Task

if TYPE_CHECKING:
    from stacks import RunningStack  # the one beside the test folders

pytestmark = pytest.mark.timeout(300)
expect.set_options(timeout=30_000)

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="40" height="20" fill="red"/></svg>'
PLOT = f'struct Plot end\nBase.show(io::IO, ::MIME"image/svg+xml", ::Plot) = print(io, raw"""{SVG}""")\nPlot()'
#: Half of it is whole and half of it is not: its JSON has about 13 MB, more than is shown.
LARGE = "[i / 2 for i in 1:1_500_000]"


@pytest.fixture(params=["voila", "lab"])
def board(request: pytest.FixtureRequest) -> Board:
    board: Board = request.getfixturevalue(f"{request.param}_board")
    return board


def open_task(board: Board, client: Client, code: str, **options: Any) -> Task:
    """Run a task and open it on the board, scrolled to where its panel is seen."""
    task = client.submit(code, name=f"task {secrets.token_hex(4)}", **options)
    task.wait(60)
    shut = board.detail.get_by_role("button", name="Close the task")
    if shut.is_visible():
        shut.click()  # the drawer may lie over the table
    board.search(task.name)
    board.row(task.name).locator(".tq-open-task").click()
    expect(board.detail.locator("h2")).to_contain_text(task.name)
    return task


def download(board: Board, form: str, folder: Path) -> bytes:
    board.detail.get_by_role("button", name="Download").click()
    with board.page.expect_download() as download:
        board.detail.get_by_role("button", name=form, exact=True).click()
    download.value.save_as(folder / download.value.suggested_filename)
    return (folder / download.value.suggested_filename).read_bytes()


def of_value(board: Board, part: str) -> Locator:
    """Parts of what shows the value; what shows series has the same ones."""
    return board.detail.locator(f"{part}:not(.tqp-series *)")


def forms(board: Board) -> list[str]:
    board.detail.get_by_role("button", name="Download").click()
    found = of_value(board, ".tqp-forms button").all_text_contents()
    board.page.keyboard.press("Escape")
    return found


def copied(board: Board) -> str:
    board.detail.get_by_role("button", name="Copy", exact=True).click()
    expect(board.detail.get_by_role("button", name="Copied")).to_be_visible()
    text: str = board.page.evaluate("navigator.clipboard.readText()")
    return text


def test_a_table_is_taken_away_whole(board: Board, client: Client, tmp_path: Path) -> None:
    task = open_task(board, client, '(n = collect(1:1_000), x = (1:1_000) ./ 3, s = fill("a, \\"b\\"", 1_000))')
    assert board.detail.locator("tbody tr").count() < 1_000
    assert forms(board) == ["CSV", "NumPy (.npz)", "JSON"]

    rows = list(csv.reader(io.StringIO(download(board, "CSV", tmp_path).decode(), newline="")))
    assert rows[0] == ["n", "x", "s"]
    assert [(int(n), float(x), s) for n, x, s in rows[1:]] == [(n, n / 3, 'a, "b"') for n in range(1, 1_001)]
    arrays = np.load(io.BytesIO(download(board, "NumPy (.npz)", tmp_path)))
    np.testing.assert_array_equal(arrays["x"], np.arange(1, 1_001) / 3)
    assert json.loads(download(board, "JSON", tmp_path))["columns"]["n"] == list(range(1, 1_001))
    names = [f"task-{task.number}.{end}" for end in ("csv", "json", "npz")]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    pasted = copied(board).splitlines()
    assert (len(pasted), pasted[0], pasted[3]) == (1_001, "n\tx\ts", '3\t1.0\t"a, ""b"""')


def test_a_matrix_is_an_array_and_a_picture(board: Board, client: Client, tmp_path: Path) -> None:
    open_task(board, client, "Float32[i / j for i in 1:20, j in 1:30]")
    assert forms(board) == ["CSV", "NumPy (.npy)", "JSON", "SVG", "PNG"]
    expected = np.array([[i / j for j in range(1, 31)] for i in range(1, 21)], dtype="float32")
    array = np.load(io.BytesIO(download(board, "NumPy (.npy)", tmp_path)))
    assert array.dtype == np.dtype("float32")
    np.testing.assert_array_equal(array, expected)
    text = io.BytesIO(download(board, "CSV", tmp_path))
    np.testing.assert_array_equal(np.loadtxt(text, delimiter=",", dtype="float32"), expected)
    svg = download(board, "SVG", tmp_path).decode()
    assert svg.count("<rect") == 600 + 2
    assert "20 × 30 numbers" in svg
    assert download(board, "PNG", tmp_path).startswith(b"\x89PNG\r\n\x1a\n")


def test_an_image_is_the_one_that_the_task_made(board: Board, client: Client, tmp_path: Path) -> None:
    open_task(board, client, PLOT)
    assert forms(board) == ["SVG", "JSON", "PNG"]
    assert download(board, "SVG", tmp_path).decode() == SVG
    png = download(board, "PNG", tmp_path)
    assert (int.from_bytes(png[16:20]), int.from_bytes(png[20:24])) == (80, 40)  # twice as sharp


def test_a_result_is_seen_large_and_the_focus_comes_back(board: Board, client: Client) -> None:
    open_task(board, client, "[sin(i / 9) for i in 1:300]")
    area = board.detail.locator(".tqp-area")
    small = area.bounding_box()
    board.detail.get_by_role("button", name="Enlarge").click()
    large = board.detail.get_by_role("dialog", name="The task's value").locator(".tqp-area").bounding_box()
    assert small is not None
    assert large is not None
    assert large["height"] > 2 * small["height"]
    assert violations(board.page, "dialog[open]") == []
    board.page.keyboard.press("Escape")
    expect(board.detail.locator("dialog[open]")).to_have_count(0)
    expect(area.first).to_be_visible()  # the task is still open below
    expect(board.detail.get_by_role("button", name="Enlarge")).to_be_focused()


def test_the_line_for_python_has_the_value(
    board: Board, client: Client, stack: RunningStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_task(board, client, '(a = 1//3, b = "text")')
    board.detail.get_by_role("button", name="Python").click()
    line = board.page.evaluate("navigator.clipboard.readText()")
    expect(of_value(board, ".tqp-python code")).to_have_text(line)
    # What the notebook was given in its own cells, a script has in its surroundings.
    monkeypatch.setenv("TASKQ_HOME", str(stack.home))
    monkeypatch.setenv("TASKQ_TOKEN", stack.token())
    names: dict[str, Any] = {}
    exec(line, names)  # somebody pastes it
    assert names["value"] == {"a": client.submit("1//3").result(60), "b": "text"}


def test_a_value_that_is_too_large_to_be_shown_is_downloaded_piece_by_piece(
    lab_board: Board, client: Client, tmp_path: Path
) -> None:
    open_task(lab_board, client, LARGE)
    expect(lab_board.detail.locator(".tqp-value-note")).to_contain_text("too much to show here")
    array = np.load(io.BytesIO(download(lab_board, "NumPy (.npy)", tmp_path)))
    np.testing.assert_array_equal(array, np.arange(1, 1_500_001) / 2)
    lab_board.detail.get_by_role("button", name="Copy", exact=True).click()
    expect(lab_board.detail.locator(".tq-toast")).to_contain_text("more than a page takes; in Python:")


def test_a_log_is_shown_as_a_terminal_would_and_its_records_are_chosen(board: Board, client: Client) -> None:
    code = (
        'for i in 1:3; print("\\rstep ", i, " of 3"); end\nprintln("\\n\\e[1;31mred\\e[0m")\n'
        '@info "said" n = 1\n@warn "rough"\nprintln("last")'
    )
    open_task(board, client, code)
    board.detail.get_by_role("tab", name="Log").click()
    log = board.detail.locator(".tqp-log")
    expect(log).to_contain_text("rough")
    expect(log).to_contain_text("last")  # all of it is there, and nothing is drawn anew any more
    assert (log.text_content() or "").startswith("step 3 of 3\nred\n")
    red = log.get_by_text("red", exact=True)
    assert red.evaluate("one => [getComputedStyle(one).fontWeight, getComputedStyle(one).color]")[0] == "700"
    assert red.get_attribute("class") == "tqp-log-bold tqp-log-colour-1"
    board.detail.get_by_role("combobox", name="Lines").select_option("warn")
    expect(log.get_by_text("rough")).to_be_visible()
    for hidden in ("said", "last", "step 3 of 3"):
        expect(log.get_by_text(hidden)).to_be_hidden()
    board.detail.get_by_role("button", name="Copy", exact=True).click()
    expect(board.detail.get_by_role("button", name="lines copied")).to_be_visible()
    assert board.page.evaluate("navigator.clipboard.readText()").startswith("┌ Warning: rough\n")


def test_the_trace_of_a_crash_is_one_block(board: Board, client: Client) -> None:
    open_task(board, client, "unsafe_load(Ptr{Int}(0))")
    expect(board.detail.locator(".tqp-error-name")).to_contain_text("ProcessCrashed")
    trace = board.detail.locator(".tqp-trace")
    expect(trace).to_have_count(1)
    assert len((trace.text_content() or "").splitlines()) > 1
    expect(board.detail.locator("details")).to_have_count(0)
