"""Files that were kept, as Python sees them: some of them, and where they are saved."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, BinaryIO

import pytest

from taskq_kernel.client.task_files import TaskFile, TaskFiles, place_below
from taskq_kernel.errors import InvalidTask, TaskqError


class Contents:
    """A service that has for each file its SHA-256 as what is in it."""

    def save_blob(self, ref: str, file: BinaryIO, _limit_bytes: int) -> int:
        return file.write(ref.encode())


def kept(*names: str) -> TaskFiles:
    transport: Any = Contents()
    return TaskFiles([TaskFile(name, 1, f"content of {name}", "text/plain", 1, transport) for name in names])


def test_files_are_chosen_by_several_patterns_in_their_own_order() -> None:
    files = kept("a.csv", "b.txt", "figures/c.png", "figures/d.csv")
    assert list(files.match("figures/", "*.csv")) == ["a.csv", "figures/c.png", "figures/d.csv"]
    assert list(files.match("*.txt")) == ["b.txt"]
    assert not files.match("*.nc")
    assert len(files.match(*["b.txt"] * 200)) == 1
    with pytest.raises(InvalidTask, match=r"^pattern has '/b\.txt'"):
        files.match("*.csv", "/b.txt")


def test_files_are_saved_with_the_folders_in_their_names(tmp_path: Path) -> None:
    saved = kept("a.csv", "figures/c.png").save(tmp_path / "here")
    assert saved == [tmp_path / "here" / "a.csv", tmp_path / "here" / "figures" / "c.png"]
    assert [path.read_text() for path in saved] == ["content of a.csv", "content of figures/c.png"]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.csv", "c.png", "figures", "here"]


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "a//x", "nl\nx", "", ".taskq-x"])
def test_no_name_leads_out_of_the_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(TaskqError, match="cannot be saved under its name"):
        kept(name).save(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["..\\x", "a\\..\\..\\x", "C:x", "C:\\x", "a/C:/x", "\\x", "a\\x"])
def test_a_name_that_means_another_place_on_windows_is_refused_there(name: str) -> None:
    with pytest.raises(TaskqError, match="another place on this system"):
        place_below(PureWindowsPath("D:\\here"), name)
    assert place_below(PurePosixPath("/here"), name) == PurePosixPath("/here", name)
    assert place_below(PureWindowsPath("D:\\here"), "a/b.csv") == PureWindowsPath("D:\\here\\a\\b.csv")
