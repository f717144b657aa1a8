"""Large arrays of numbers: from Julia's file through the worker and the service's blobs to numpy."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from taskq_worker.julia.sources import JULIA_SOURCES
from taskq_worker.slots.array_file import ARRAY_FILE, take_array

from taskq_kernel.typed_values import read_array
from taskq_kernel.values import decode


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f8", "<i2", "|b1", "<c8"])
def test_an_array_file_is_read_with_its_type_shape_and_order(dtype: str, order: Literal["C", "F"]) -> None:
    array = np.asarray(np.arange(24).reshape(2, 3, 4) % 5, dtype=dtype, order=order)
    made = decode("ARRAY", npy(array))
    assert (made.dtype, made.shape) == (array.dtype, (2, 3, 4))
    assert np.array_equal(made, array)
    made[0, 0, 0] = 1  # it is the user's own


@pytest.mark.parametrize(
    "broken", [b"", b"\x93NUMPY", npy(np.arange(9))[:-1], npy(np.array([None], dtype=object)), b"[1, 2]"]
)
def test_what_is_no_whole_array_file_is_refused(broken: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_array(broken)
    assert decode("ARRAY", broken) == broken


def test_the_file_has_one_name_on_both_sides() -> None:
    assert f'const ARRAY_FILE = "{ARRAY_FILE}"' in (JULIA_SOURCES / "arrays.jl").read_text(encoding="utf-8")


def test_a_file_is_taken_from_its_folder_and_can_still_be_read(tmp_path: Path) -> None:
    (tmp_path / ARRAY_FILE).write_bytes(b"numbers")
    with take_array(tmp_path, os.getuid()) as file:
        assert list(tmp_path.iterdir()) == []
        assert file.read() == b"numbers"


def test_links_pipes_and_files_of_others_are_not_taken(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("token", encoding="utf-8")
    path = tmp_path / ARRAY_FILE
    path.symlink_to(secret)
    with pytest.raises(OSError, match=r".+"):
        take_array(tmp_path, os.getuid())
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(PermissionError):
        take_array(tmp_path, os.getuid())
    path.unlink()
    path.write_bytes(b"x")
    with pytest.raises(PermissionError):
        take_array(tmp_path, os.getuid() + 1)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        take_array(tmp_path, os.getuid())
