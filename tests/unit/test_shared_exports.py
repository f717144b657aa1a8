"""What can be had of a value as a file: where its file is gone, nothing, and the page is there all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from taskq_kernel.service.shared.exports import exports_of
from taskq_kernel.service.shared.value_blocks import StoredValue, blocks_of


@pytest.mark.parametrize("kind", ["JSON", "ARRAY", "TABLE"])
def test_a_value_whose_file_is_gone_is_shown_by_its_text_and_has_no_downloads(tmp_path: Path, kind: str) -> None:
    value = StoredValue(kind, "Matrix{Float64}", "its text", 3 << 20, None, tmp_path / "gone")
    assert exports_of(value) == []
    assert [block.text for block in blocks_of(value)] == ["its text"]
