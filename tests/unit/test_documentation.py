"""Pages that repeat what the code says, and must say the same."""

from __future__ import annotations

from pathlib import Path

from taskq_kernel.domain import LEGAL_MOVES

ROOT = Path(__file__).parents[2]


def test_the_architecture_page_lists_exactly_the_legal_moves() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    _, _, rest = page.partition("| from | to | when |\n|---|---|---|\n")
    rows = rest.partition("\n\n")[0].splitlines()
    assert rows == [f"| {before} | {after} | {why} |" for (before, after), why in LEGAL_MOVES.items()]
