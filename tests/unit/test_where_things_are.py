"""The page for newcomers: every file that it names is there, and so is every function."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "where-things-are.md").read_text("utf-8")
FILES = sorted(set(re.findall(r"`([\w/-]+\.(?:py|jl|js))`", PAGE)))
#: What a row of the way says of its file.
STEPS = re.findall(r"^\| `([\w/-]+\.(?:py|jl|js))` \| (.*) \|$", PAGE, re.MULTILINE)
CALLS = [(file, name) for file, text in STEPS for name in re.findall(r"`(\w+)\(\)`", text)]


@pytest.mark.parametrize("file", FILES)
def test_every_file_that_the_page_names_is_there(file: str) -> None:
    assert (ROOT / file).is_file()


@pytest.mark.parametrize(("file", "name"), CALLS)
def test_every_function_that_the_page_names_stands_in_that_file(file: str, name: str) -> None:
    assert re.search(rf"\b(def|function) {name}\(", (ROOT / file).read_text("utf-8"))


def test_every_word_is_explained_once() -> None:
    table = PAGE.partition("## Words")[2].partition("\n## ")[0]
    words = [word for row in re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE)[1:] for word in row.split(", ")]
    assert len(words) > 40
    assert [word for word in words if words.count(word) > 1] == []


def test_the_page_leads_from_the_form_to_julia_and_back() -> None:
    way = [file for file, _ in STEPS]
    assert way[0] == "widgets/js/form/index.js"
    assert way[-1] == "widgets/js/detail/index.js"
    assert {file.split("/")[0] for file in way} == {"widgets", "taskq_kernel", "worker", "sink"}
    assert len(CALLS) > 20


def test_whoever_contributes_finds_the_page() -> None:
    assert "(docs/where-things-are.md)" in (ROOT / "CONTRIBUTING.md").read_text("utf-8")
