"""What can be had of a value as a file: where its file is gone, nothing, and the page is there all the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from taskq_kernel.service.shared.exports import exports_of
from taskq_kernel.service.shared.value_blocks import StoredValue, blocks_of


@pytest.mark.parametrize("kind", ["JSON", "ARRAY", "TABLE"])
def test_a_value_whose_file_is_gone_is_shown_by_its_text_and_has_no_downloads(tmp_path: Path, kind: str) -> None:
    value = StoredValue(kind, "Matrix{Float64}", "its text", 3 << 20, None, tmp_path / "gone")
    assert exports_of(value) == []
    assert [block.text for block in blocks_of(value)] == ["its text"]


@pytest.mark.parametrize(
    ("kind", "julia_type", "data", "said"),
    [
        ("JSON", "Missing", None, "missing"), ("JSON", "Nothing", None, "nothing"),
        ("JSON", "Dict{String,Union{Missing, Int64}}", {"a": None}, "missing"),
        ("JSON", "NamedTuple{(:a,),Tuple{Nothing}}", {"a": None}, "nothing"),
        ("TABLE", "NamedTuple{(:n,),Tuple{Array{Union{Missing, Int64},1}}}", {"columns": {"n": [None, 1]}}, "missing"),
        ("TABLE", "DataFrame", {"columns": {"n": [None, 1]}}, "missing"),
    ],
)
def test_what_is_missing_is_told_as_missing_and_nothing_as_nothing(
    kind: str, julia_type: str, data: Any, said: str
) -> None:
    (block,) = blocks_of(StoredValue(kind, julia_type, said, 4, json.dumps(data)))
    assert said in [block.text, *(text for row in block.rows for text in row)]
