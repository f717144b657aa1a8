"""Values that are kept in files: read in Python as what they are, written as JSON for whoever wants that."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from taskq_kernel.service.blobs import media_type
from taskq_kernel.typed_values import typed
from taskq_kernel.value_files import decode_file, json_of_file


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def archive(value: Any, *arrays: Any) -> bytes:
    """An archive as Julia writes it."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as made:
        names = ["value.json", *(f"{place}.npy" for place in range(len(arrays)))]
        for name, data in zip(names, [json.dumps(value).encode(), *map(npy, arrays)], strict=True):
            about = tarfile.TarInfo(name)
            about.size = len(data)
            made.addfile(about, io.BytesIO(data))
    return file.getvalue()


MATRIX = np.asfortranarray(np.arange(6, dtype="float32").reshape(2, 3))
VALUE = {"m": {"$array": 0}, "l": [{"$array": 1}, {"$complex": [1, 2]}], "s": "$array"}
BUNDLE = archive(VALUE, MATRIX, np.zeros((0, 3)))
TABLE = archive({"columns": {"n": {"$array": 0}, "s": ["a", "b"]}, "types": {"n": "Int8"}}, np.array([1, 2], "int8"))


def test_an_archive_is_its_value_with_the_arrays_in_their_places() -> None:
    made = decode_file("JSON", BUNDLE, "Dict{String,Any}")
    assert (made["m"].dtype, made["m"].tolist()) == (np.dtype("float32"), [[0, 1, 2], [3, 4, 5]])
    assert (made["l"][0].shape, made["l"][1], made["s"]) == ((0, 3), 1 + 2j, "$array")
    made["m"][0, 0] = 9  # it is the user's own
    table = decode_file("TABLE", TABLE)
    assert isinstance(table, pd.DataFrame)
    assert (str(table["n"].dtype), table["n"].tolist(), table["s"].tolist()) == ("int8", [1, 2], ["a", "b"])


def test_as_json_the_arrays_are_lists() -> None:
    assert json_of_file("JSON", BUNDLE)["m"] == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    assert json_of_file("TABLE", TABLE)["columns"]["n"] == [1, 2]
    assert json_of_file("ARRAY", npy(np.array([1.5, np.nan]))) == [1.5, {"$float": "NaN"}]
    assert json_of_file("JSON", b"[1]") == [1]


@pytest.mark.parametrize("broken", [BUNDLE[:700], archive({"a": {"$array": 3}}), b"\xff"])
def test_what_cannot_be_read_comes_as_its_text(broken: bytes) -> None:
    assert isinstance(decode_file("JSON", broken), str)


def test_the_service_says_what_a_file_is(tmp_path: Path) -> None:
    path = tmp_path / "value"
    for data, kind in ((BUNDLE, "x-tar"), (npy(MATRIX), "octet-stream"), (b"[1, 2]", "json")):
        path.write_bytes(data)
        assert media_type(path) == f"application/{kind}"


def test_an_array_among_arguments_is_read_by_its_type() -> None:
    made = typed([[1, 2]], "Matrix{Int8}")
    assert (made.dtype, made.shape) == (np.dtype("int8"), (1, 2))
