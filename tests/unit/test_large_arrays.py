"""Large arrays among arguments travel in binary, as they are, and each once."""

from __future__ import annotations

import io
import json
from hashlib import sha256
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pytest
from client_fixtures import q, service
from client_lab import FakeService

from taskq_kernel.arguments import encode_arguments
from taskq_kernel.client.client import Client
from taskq_kernel.errors import InvalidTask
from taskq_kernel.large_arrays import write_array
from taskq_kernel.passed_values import PassedValue, passed_values
from taskq_kernel.typed_values import read_array

__all__ = ["q", "service"]

LARGE = np.random.default_rng(1).random(10_000)


class Kept:
    """Keeps what is stored."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.stored = 0

    def __call__(self, digest: str, file: BinaryIO) -> None:
        file.seek(0)
        self.files[digest] = file.read()
        self.stored += 1
        assert sha256(self.files[digest]).hexdigest() == digest

    def array(self, encoded: Any) -> Any:
        """The array that stands for itself here."""
        (value,) = passed_values(json.dumps(encoded)).values()
        assert isinstance(value, PassedValue)
        assert (value.size, value.kind) == (len(self.files[value.ref]), "ARRAY")
        return read_array(self.files[value.ref])


@pytest.mark.parametrize(
    "array",
    [
        LARGE, np.asfortranarray(LARGE.reshape(50, 200)), LARGE.reshape(50, 200), LARGE.reshape(10, 20, 50)[:, ::-1],
        np.arange(20_000, dtype=">i4"), np.arange(200_000)[::3], np.ones((300, 300), bool), LARGE.astype("complex64"),
        np.arange(100_000, dtype="uint8").reshape(10, -1).T, np.full(90_000, np.nan, "float16"),
    ],
)  # fmt: skip
def test_an_array_is_stored_with_its_type_shape_and_order(array: Any) -> None:
    kept = Kept()
    found = kept.array(encode_arguments({"x": array}, kept)["x"])
    assert (found.dtype, found.shape) == (array.dtype.newbyteorder("="), array.shape)
    assert np.array_equal(found, array, equal_nan=True)
    file = io.BytesIO()
    write_array(array, file.write)
    file.seek(0)
    assert np.array_equal(np.load(file), array, equal_nan=True)


def test_wherever_it_stands_and_each_once() -> None:
    kept = Kept()
    table = pd.DataFrame({"n": np.arange(10_000), "s": ["x"] * 10_000})
    given = {"a": {"deep": [LARGE, 1]}, "b": LARGE, "t": table, "c": pd.Series(LARGE), "small": np.arange(3)}
    found = encode_arguments(given, kept)
    assert found["a"]["deep"][0] == found["b"] == found["c"]
    assert (found["a"]["deep"][1], found["small"], found["t"]["s"][0]) == (1, [0, 1, 2], "x")
    assert kept.array(found["t"]["n"]).sum() == 49_995_000
    assert kept.stored <= 3


@pytest.mark.parametrize(
    "value",
    [
        np.ma.masked_array(LARGE, LARGE > 0.5), np.array(["text"] * 50_000), np.zeros(10_000, "datetime64[s]"),
        pd.Series([1, None] * 10_000, dtype="Int64"), LARGE.astype("longdouble"), [0.5] * 20_000,
    ],
)
def test_what_is_no_array_of_machine_numbers_is_json_as_ever(value: Any) -> None:
    kept = Kept()
    assert encode_arguments({"x": value}, kept) == encode_arguments({"x": value})
    assert kept.files == {}


def test_what_contains_itself_is_refused_as_ever() -> None:
    circle: dict[str, Any] = {"x": LARGE}
    circle["again"] = circle["too"] = circle  # two ways at each step: as many as nobody could walk
    with pytest.raises(InvalidTask, match="nested more than"):
        encode_arguments({"c": circle}, Kept())


def test_a_client_uploads_it_before_the_task_and_not_once_more(service: FakeService, q: Client) -> None:
    task = q.submit("x", arguments={"x": LARGE})
    assert service.calls == ["Missing", "upload", "Create"]
    assert set(service.tasks[task.id]["arguments"]["x"]) == {"$value"}
    service.calls.clear()
    q.submit_many(["x[1]", "x[2]", "x[3]"], arguments={"x": LARGE})
    assert service.calls == ["Missing", "Create"]
    service.blobs.clear()
    service.calls.clear()
    q.submit_many(["x[1]", "x[2]", "x[3]"], arguments={"x": LARGE})
    assert service.calls == ["Missing", "upload", "Create"]
