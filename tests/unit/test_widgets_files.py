"""A value is taken away whole, in files that other programs read."""

from __future__ import annotations

import csv
import io
import json
from base64 import b64encode
from typing import Any

import numpy as np
import pandas as pd
import pytest
from taskq_widgets.panels import transfers
from taskq_widgets.panels.files import contents, formats, likely_formats
from taskq_widgets.panels.transfers import Transfers

from taskq_kernel import exact_json

NAN, INF = {"$float": "NaN"}, {"$float": "-Infinity"}
TABLE = {"columns": {"n": [1, 2, 3], "x": [0.1, NAN, None], "s": ["a", 'b "c", d', "e\nf"], "ok": [True, False, True]}}


def npy(data: Any, julia_type: str = "") -> np.ndarray:
    return np.load(io.BytesIO(contents("npy", "JSON", data, julia_type)), allow_pickle=False)


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        ("JSON", 42, ["json"]), ("JSON", "text", ["json"]), ("JSON", [], ["json"]), ("REPR", {"repr": "x"}, ["json"]),
        ("JSON", [1, 2], ["csv", "npy", "json"]),
        ("JSON", [[1.5, 2], [3, 4]], ["csv", "npy", "json"]), ("JSON", [[[1], [2]]], ["npy", "json"]),
        ("JSON", ["a", "b"], ["csv", "json"]), ("JSON", [[1], [2, 3]], ["json"]), ("JSON", [{"a": 1}], ["json"]),
        ("JSON", {"a": [1, 2], "b": 3.5}, ["npz", "json"]), ("JSON", {"a": "text"}, ["json"]), ("JSON", {}, ["json"]),
        ("JSON", [{"$rational": [1, 3]}], ["csv", "json"]), ("JSON", [2**64], ["csv", "json"]),
        ("JSON", [True, 1], ["csv", "json"]), ("JSON", [None, "a"], ["csv", "json"]), ("JSON", NAN, ["json"]),
        ("TABLE", TABLE, ["csv", "json"]), ("TABLE", {"columns": {"n": [1], "s": ["a"]}}, ["csv", "npz", "json"]),
        ("MIME", {"image/png": "", "image/svg+xml": ""}, ["svg", "png", "json"]),
        ("MIME", {"text/html": ""}, ["html", "json"]),
    ],
)  # fmt: skip
def test_the_forms_that_are_offered_depend_on_the_value_and_each_can_be_had(
    kind: str, data: Any, expected: list[str]
) -> None:
    found = formats(kind, data)
    assert found == ([*expected[:1], "npz", *expected[1:]] if data is TABLE else expected)
    for form in found:
        contents(form, kind, data)


@pytest.mark.parametrize(
    "data", [[0.1 + 0.2, NAN, {"$dict": [[1, 2]]}], {"$int": "0x1f"}, "ä\x1b", {"a": [1, None]}, 10**300, 5e-324]
)
def test_json_says_every_digit(data: Any) -> None:
    assert exact_json.decode(contents("json", "JSON", data)) == data


def test_an_array_of_numbers_is_numpys_own_with_its_type_and_shape() -> None:
    matrix = npy([[1.5, NAN], [INF, -0.0]])
    assert (matrix.dtype, matrix.shape) == (np.dtype("float64"), (2, 2))
    np.testing.assert_array_equal(matrix, [[1.5, np.nan], [-np.inf, -0.0]])
    assert np.signbit(matrix[1, 1])
    assert npy([2**63 - 1, -(2**63)]).tolist() == [2**63 - 1, -(2**63)]
    assert npy([2**64 - 1]).dtype == np.dtype("uint64")
    assert npy([[[1, 2, 3], [4, 5, 6]]]).shape == (1, 2, 3)
    assert npy([True, False]).dtype == np.dtype("bool")
    assert npy([{"$complex": [1.0, NAN]}]).dtype == np.dtype("complex128")
    np.testing.assert_array_equal(npy([1.0, None, 2]), [1, np.nan, 2])


@pytest.mark.parametrize(
    ("julia_type", "dtype"),
    [
        ("Vector{Float32}", "float32"), ("Array{Float32,1}", "float32"),
        ("Vector{Int32} (alias for Array{Int32, 1})", "int32"),
        ("Vector{UInt8}", "uint8"), ("Vector{Any}", "int64"), ("", "int64"), ("Vector{ComplexF32}", "complex64"),
    ],
)  # fmt: skip
def test_the_type_of_the_numbers_is_julias(julia_type: str, dtype: str) -> None:
    assert npy([1, 2], julia_type).dtype == np.dtype(dtype)


@pytest.mark.parametrize("data", [[2**53 + 1, 0.5], [{"$rational": [1, 3]}], [10**30], ["1"], [True, 1], 5])
def test_no_number_changes_on_its_way_into_an_array(data: Any) -> None:
    with pytest.raises(ValueError, match="cannot be had as npy"):
        contents("npy", "JSON", data)


def test_a_table_is_read_again_by_pandas_and_by_numpy() -> None:
    frame = pd.read_csv(io.BytesIO(contents("csv", "TABLE", TABLE)))
    assert list(frame) == ["n", "x", "s", "ok"]
    assert frame["s"].tolist() == TABLE["columns"]["s"]
    assert frame["ok"].tolist() == [True, False, True]
    assert frame["x"][0] == 0.1
    arrays = np.load(io.BytesIO(contents("npz", "TABLE", TABLE)), allow_pickle=False)
    assert arrays["n"].dtype == np.dtype("int64")
    assert arrays["s"].tolist() == TABLE["columns"]["s"]
    assert np.isnan(arrays["x"][1:]).all()


def test_arrays_are_read_again_by_their_names() -> None:
    arrays = np.load(io.BytesIO(contents("npz", "JSON", {"file": [[1, 2]], "a/b": 0.5})))
    assert arrays["file"].tolist() == [[1, 2]]
    assert arrays["a/b"][()] == 0.5


def test_csv_has_one_row_for_each_row_and_every_digit() -> None:
    assert contents("csv", "JSON", [[0.1 + 0.2, 1e300], [10**30, NAN]]) == (
        b"0.30000000000000004,1.0e300\n1000000000000000000000000000000,NaN\n"
    )
    rows = list(csv.reader(io.StringIO(contents("csv", "JSON", ["a,b", None, "c"]).decode())))
    assert rows == [["a,b"], [""], ["c"]]
    text = io.BytesIO(contents("csv", "JSON", [[1.5, 2], [3, 4]]))
    np.testing.assert_array_equal(np.loadtxt(text, delimiter=","), [[1.5, 2], [3, 4]])


def test_an_image_is_the_file_that_the_task_made() -> None:
    png = b"\x89PNG\r\n"
    bundle = {"image/png": b64encode(png).decode(), "image/svg+xml": "<svg/>"}
    assert contents("png", "MIME", bundle) == png
    assert contents("svg", "MIME", bundle) == b"<svg/>"
    assert json.loads(contents("json", "MIME", bundle)) == bundle
    with pytest.raises(ValueError, match="cannot be had as gif: it can as svg, png, json"):
        contents("gif", "MIME", bundle)


@pytest.mark.parametrize(
    ("kind", "data", "text"),
    [
        ("JSON", "as it is", "as it is"), ("JSON", [1, 2.5], "[1, 2.5]"), ("JSON", [[1, 2], [3, 4]], "1\t2\n3\t4\n"),
        ("TABLE", {"columns": {"a": [1, 2], "b": ["x", None]}}, "a\tb\n1\tx\n2\t\n"), ("REPR", {"repr": "x"}, "x"),
        ("MIME", {"image/svg+xml": "<svg/>"}, "<svg/>"), ("JSON", {"a": [1]}, '{"a": [1]}'),
    ],
)  # fmt: skip
def test_what_is_copied_can_be_pasted_into_a_spreadsheet(kind: str, data: Any, text: str) -> None:
    assert contents("text", kind, data).decode() == text


def test_of_a_value_that_is_not_read_the_type_says_what_may_be() -> None:
    assert likely_formats("JSON", "Matrix{Float64}") == ["csv", "npy", "json"]
    assert likely_formats("ARRAY", "Matrix{Float64}") == ["csv", "npy", "json"]
    assert likely_formats("JSON", "Dict{String,Any}") == ["json"]
    assert likely_formats("TABLE", "") == ["csv", "json"]


# -- to the browser


@pytest.mark.parametrize("size", [0, 1, 10, 11, 35])
def test_a_file_travels_piece_by_piece_as_it_is_asked_for(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(transfers, "PIECE_BYTES", 10)
    sent: list[tuple[dict[str, Any], list[bytes]]] = []
    files = Transfers(lambda message, buffers: sent.append((message, buffers)))
    data = bytes(range(size))
    files.begin("v", "r", lambda: data)
    while (got := sum(len(piece) for _, [piece] in sent)) < size:
        files.go_on("v", "r", got)
    assert b"".join(piece for _, [piece] in sent) == data
    assert {message["size"] for message, _ in sent} == {size}
    assert len(sent) == max(1, -(-size // 10))
    assert files._files == {}


def test_a_file_that_cannot_be_made_says_why_and_another_one_replaces_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfers, "PIECE_BYTES", 1)
    sent: list[dict[str, Any]] = []
    files = Transfers(lambda message, _: sent.append(message))

    def refuse() -> bytes:
        raise ValueError("too much")

    files.begin("v", "1", refuse)
    assert sent.pop() == {"type": "file", "view": "v", "request": "1", "error": "too much"}
    files.begin("v", "2", lambda: b"abc")
    files.begin("v", "3", lambda: b"def")
    sent.clear()
    files.go_on("v", "2", 1)
    files.go_on("v", "3", 99)
    files.go_on("w", "3", 1)
    assert sent == []
    files.go_on("v", "3", 1)
    assert [message["offset"] for message in sent] == [1]
    for view in "abc":
        files.begin(view, "r", lambda: b"abc")
    assert list(files._files) == ["b", "c"]
    files.end("b")
    assert list(files._files) == ["c"]
