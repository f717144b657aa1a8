"""Files of a task's folder: which are found, that nothing beyond the folder is, and how they are uploaded."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from taskq_worker import kept as kept_module
from taskq_worker.claims import patience
from taskq_worker.kept import Keeping, Kept
from taskq_worker.slots import kept_files
from taskq_worker.slots.beneath import opened, put_file
from taskq_worker.slots.folder import WorkFolder
from taskq_worker.slots.kept_files import LeftFolder, find_files

from taskq_kernel.errors import InvalidTask, ServiceError, ServiceUnreachable
from taskq_kernel.file_patterns import check_patterns, chosen
from taskq_kernel.task_files import GivenFile, check_given, problem_of, type_of


def ref(data: bytes) -> str:
    return sha256(data).hexdigest()


def left(folder: Path, **files: bytes) -> LeftFolder:
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return LeftFolder(folder, os.getuid())


def names(folder: LeftFolder, *patterns: str) -> list[str]:
    return [file.name for file in find_files(folder, patterns).files]


# -- patterns and names


@pytest.mark.parametrize(("pattern", "meant"), [
    ("*.csv", "a.csv"), ("figures/", "figures/.dot figures/deep/y.png figures/x.png"),
    ("figures", "figures/.dot figures/deep/y.png figures/x.png"), ("**/*.png", "figures/deep/y.png figures/x.png"),
    ("runs/**/*.jl", "runs/1/b.jl runs/c.jl"), ("*/?.jl", "runs/c.jl"), ("[ab].csv", "a.csv"), ("none*", ""),
    (".*", ".dot"), ("./a.csv", "a.csv"),
])
def test_a_pattern_means_the_same_in_a_folder_as_among_names(tmp_path: Path, pattern: str, meant: str) -> None:
    there = [
        "a.csv", ".dot", "figures/x.png", "figures/deep/y.png", "figures/.dot", "runs/1/b.jl", "runs/c.jl",
        ".taskq-value.npy",
    ]
    for name in there:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    [checked] = check_patterns(pattern, "outputs")
    assert names(LeftFolder(tmp_path, os.getuid()), checked) == meant.split()
    assert sorted(chosen(there[:-1], checked)) == meant.split()


@pytest.mark.parametrize("given", [
    "/etc/shadow", "../x", "a/../../x", "a//b", "", "/", "a\nb", "a\0b", "x/..", 5, [5], {"a": 1}, ["x"] * 101,
    [f"{n}" for n in range(101)], "x" * 501, "\udcff", ".taskq-value.npy",
])
def test_patterns_that_lead_elsewhere_or_are_none_are_refused(given: Any) -> None:
    with pytest.raises(InvalidTask) as caught:
        check_patterns(given, "outputs")
    assert caught.value.field == "outputs"


@pytest.mark.parametrize("name", [
    "../x", "/x", "a//b", "a/", "", ".", "a/./b", "a\nb", "a\x1b[31m", "a\u202eb", "\udcff", "é" * 501, ".taskq-x",
    "a/.taskq-x",
])
def test_names_that_lead_elsewhere_or_cannot_be_shown_are_none(name: str) -> None:
    assert problem_of(name)
    with pytest.raises(InvalidTask):
        check_given({name: {"ref": ref(b""), "size": 0}}, "inputFiles")


def test_names_of_people_are_taken_and_tell_their_types() -> None:
    for name in ("mesh.vtk", "data/größe – ergebnis.csv", "日本　語.png", "a b", ".hidden"):
        assert not problem_of(name)
    assert [type_of(name) for name in ("a/b.CSV", "x.jl", "y.png", "z", "csv")] == [
        "text/csv", "text/x-julia", "image/png", "application/octet-stream", "application/octet-stream",
    ]
    with pytest.raises(InvalidTask, match="both as a file and as a folder"):
        check_given({name: {"ref": ref(b""), "size": 0} for name in ("a", "a/b")}, "inputFiles")


# -- a folder whose owner deceives


def test_links_pipes_and_files_of_others_are_not_kept_and_told(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("secret")
    folder = left(tmp_path / "work", a_csv=b"1")
    (folder.path / "link.csv").symlink_to(tmp_path / "secret.csv")
    (folder.path / "folder.csv").symlink_to(tmp_path)
    (folder.path / "loop.csv").symlink_to(folder.path)
    os.mkfifo(folder.path / "pipe.csv")
    (folder.path / "odd\nname.csv").touch()
    Path(os.fsdecode(os.fsencode(folder.path) + b"/\xff.csv")).touch()
    found = find_files(folder, ["*.csv", "loop.csv/*", "folder.csv/"])
    assert [file.name for file in found.files] == ["a.csv"]
    assert {name: why.split(",")[0] for name, why in found.left_out.items()} == {
        "link.csv": "it is a link", "folder.csv": "it is a link", "loop.csv": "it is a link",
        "pipe.csv": "it is no ordinary file", "odd\nname.csv": "it holds a line end", "\udcff.csv": "it is not UTF-8",
    }
    others = find_files(LeftFolder(folder.path, os.getuid() + 1), ["*.csv"])
    assert others.files == []
    assert others.left_out["a.csv"] == "it is not the task's own"
    assert "a.csv" not in find_files(LeftFolder(folder.path, os.getuid() + 1), ["*.csv"], ["a.csv"]).left_out


def test_a_link_in_the_place_of_a_folder_that_was_looked_into_is_not_followed(tmp_path: Path) -> None:
    folder = left(tmp_path / "work", deep__x_csv=b"own")
    left(tmp_path / "elsewhere", x_csv=b"secret")
    service = Service()
    service.on_ask = lambda: exchange(folder.path / "deep", tmp_path / "elsewhere")
    kept = keep(service, folder, "deep/")
    assert not kept.files
    assert "deep/x.csv" in kept.note
    assert service.stored == {}


def exchange(folder: Path, other: Path) -> None:
    if not folder.is_symlink():
        folder.rename(folder.with_name("gone"))
        folder.symlink_to(other)


def test_folders_without_end_and_names_without_number_end_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_files, "MOST_FOLDERS", 3)
    monkeypatch.setattr(kept_files, "MOST_NAMES", 50)
    folder = left(tmp_path / "work")
    (folder.path / "/".join("abcdef")).mkdir(parents=True)
    found = find_files(folder, ["**/*.csv"])
    assert "more than 3 folders deep" in found.left_out["a/b/c/d"]
    for n in range(60):
        (folder.path / f"{n}.csv").touch()
    assert "more than 50 names" in find_files(folder, ["*.csv"]).left_out["."]


def test_a_folder_that_is_gone_or_something_else_is_told(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    for path in (tmp_path / "none", tmp_path / "link"):
        found = find_files(LeftFolder(path, os.getuid()), ["**"])
        assert found.files == []
        assert "cannot be read" in found.left_out["."]


def test_given_files_are_put_below_the_folder_and_through_no_link(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"mesh")
    (tmp_path / "elsewhere").mkdir()
    folder = WorkFolder(tmp_path / "own" / "work")
    folder.make()
    folder.put({"mesh.vtk": source, "data/deep/mesh.vtk": source})
    assert (folder.path / "data/deep/mesh.vtk").read_bytes() == (folder.path / "mesh.vtk").read_bytes() == b"mesh"
    (folder.path / "link").symlink_to(tmp_path / "elsewhere")
    (folder.path / "taken").symlink_to(tmp_path / "elsewhere" / "new")
    with opened(folder.path) as descriptor:
        with pytest.raises(OSError):
            put_file(descriptor, ["link", "x"], source)
        put_file(descriptor, ["taken"], source)  # in the place of the link, and not where that leads
    assert not (folder.path / "taken").is_symlink()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_what_an_earlier_cell_was_given_or_made_gives_way_to_what_this_one_is_given(tmp_path: Path) -> None:
    work = WorkFolder(tmp_path / "session" / "work")
    work.make()
    for text in ("1", "2"):
        (tmp_path / text).write_text(text)
        work.put({"data/x.csv": tmp_path / text})
    assert (work.path / "data/x.csv").read_text() == "2"
    assert (tmp_path / "1").read_text() == "1"


# -- the way to the service


class Service:
    """Keeps files; is away as often as it is told."""

    def __init__(self, *there: bytes, away: int = 0) -> None:
        self.stored = {ref(data): data for data in there}
        self.away = away
        self.sent: list[str] = []
        self.on_ask: Callable[[], object] = lambda: None
        self.on_upload: Callable[[], object] = lambda: None
        self.refuses: ServiceError | None = None

    def _answer(self) -> None:
        if self.away:
            self.away -= 1
            raise ServiceUnreachable("away")

    async def missing(self, refs: Sequence[str]) -> list[str]:
        self._answer()
        self.on_ask()
        return [one for one in refs if one not in self.stored]

    async def upload(self, sha256: str, data: BinaryIO) -> None:
        size = data.seek(0, os.SEEK_END)
        data.seek(0)
        self.on_upload()
        whole = b""
        while chunk := data.read(1000):
            whole += chunk
            if self.away:
                self._answer()
        assert len(whole) == size
        if self.refuses:
            raise self.refuses
        assert ref(whole) == sha256
        self.sent.append(sha256)
        self.stored[sha256] = whole


def keep(
    service: Service, folder: LeftFolder, *patterns: str, limit: int = 1 << 20,
    given: dict[str, GivenFile] | None = None, wanted: Callable[[], bool] = lambda: True,
) -> Any:
    return asyncio.run(Kept(service, limit).keep(folder, patterns, given or {}, wanted))


def test_files_are_uploaded_once_each_and_what_the_service_has_is_not(tmp_path: Path) -> None:
    folder = left(tmp_path / "work", a_csv=b"1", b_csv=b"1", c_csv=b"there", d_txt=b"no", e_csv=b"x" * 5000)
    service = Service(b"there")
    kept: Keeping = keep(service, folder, "*.csv")
    assert [(file.name, file.size, file.ref) for file in kept.files] == [
        ("a.csv", 1, ref(b"1")), ("b.csv", 1, ref(b"1")), ("c.csv", 5, ref(b"there")),
        ("e.csv", 5000, ref(b"x" * 5000)),
    ]
    assert sorted(service.sent) == sorted([ref(b"1"), ref(b"x" * 5000)])
    assert (kept.error, kept.note) == (None, "")


def test_a_service_that_goes_away_in_the_middle_of_an_upload_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "BACKOFF_S", (0.001, 0.001))
    folder = left(tmp_path / "work", a_csv=b"1" * 5000)
    service = Service(away=1)
    service.on_upload = lambda: setattr(service, "away", len(away.pop()) if away else 0)
    away = ["ab", "c"]
    assert [file.name for file in keep(service, folder, "*.csv").files] == ["a.csv"]
    assert (service.stored[ref(b"1" * 5000)], away) == (b"1" * 5000, [])


def test_what_nobody_wants_any_longer_is_not_waited_for(tmp_path: Path) -> None:
    folder = left(tmp_path / "work", a_csv=b"1")
    service = Service(away=100)
    assert keep(service, folder, "*.csv", wanted=lambda: service.away > 98) is None


def test_an_upload_ends_where_it_is_when_nobody_wants_it_any_longer(tmp_path: Path) -> None:
    folder = left(tmp_path / "work", a_csv=b"1" * 5000)
    service, wanted = Service(), [True]
    service.on_upload = wanted.clear
    assert keep(service, folder, "*.csv", wanted=lambda: bool(wanted)) is None
    assert service.sent == []


def test_a_file_that_changes_is_read_again_and_one_that_never_rests_is_left_out(tmp_path: Path) -> None:
    folder = left(tmp_path / "work", a_csv=b"1", b_csv=b"1234")
    service, texts = Service(), iter([b"22", b"333"])
    service.on_upload = lambda: (folder.path / "a.csv").write_bytes(next(texts, b"333"))
    kept = keep(service, folder, "a.csv")
    assert [(file.name, file.size) for file in kept.files] == [("a.csv", 3)]
    count = iter(range(100))
    service.on_upload = lambda: (folder.path / "b.csv").write_bytes(b"%d" % next(count))
    kept = keep(service, folder, "b.csv")
    assert not kept.files
    assert kept.note == "taskq: not kept: b.csv: it went on changing while it was read\n"


def test_a_file_that_grows_is_kept_as_it_was_read_first(tmp_path: Path) -> None:
    folder = left(tmp_path / "work", a_log=b"1")
    service = Service()

    def grow() -> None:
        with (folder.path / "a.log").open("ab") as file:
            file.write(b"more" * 1000)

    service.on_upload = grow
    assert [(file.name, file.size) for file in keep(service, folder, "a.log").files] == [("a.log", 1)]
    assert service.stored == {ref(b"1"): b"1"}


def test_of_more_than_is_kept_the_smallest_are_and_the_largest_are_named(tmp_path: Path) -> None:
    folder = left(tmp_path / "work", a_csv=b"1", b_csv=b"12", c_csv=b"1" * 600)
    with (folder.path / "sparse.csv").open("wb") as file:
        file.truncate(5 << 30)
    kept = keep(Service(), folder, "*.csv", limit=500)
    assert [file.name for file in kept.files] == ["a.csv", "b.csv"]
    assert kept.error.name == "OutputsTooLarge"
    assert "sparse.csv (5 GiB), c.csv (600 bytes)" in kept.error.message
    assert "500 bytes" in kept.error.message


def test_more_files_than_are_kept_are_told_likewise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_module, "MAX_KEPT", 3)
    monkeypatch.setattr(kept_module, "ASK", 2)
    folder = left(tmp_path / "work", **{f"f{n}_csv": b"%d" % n for n in range(5)})
    kept = keep(Service(), folder, "*.csv")
    assert len(kept.files) == 3
    assert kept.error.name == "OutputsTooLarge"


def test_what_the_service_refuses_is_left_out_and_the_rest_kept(tmp_path: Path) -> None:
    folder = left(tmp_path / "work", a_csv=b"1")
    service = Service()
    service.refuses = ServiceError("the value has more than the 3 bytes allowed", "BAD_INPUT")
    kept = keep(service, folder, "*.csv")
    assert not kept.files
    assert kept.note == "taskq: not kept: a.csv: the value has more than the 3 bytes allowed\n"


def test_a_name_that_is_no_text_is_told_in_text(tmp_path: Path) -> None:
    folder = left(tmp_path / "work")
    Path(os.fsdecode(os.fsencode(folder.path) + b"/\xff.csv")).touch()
    note = keep(Service(), folder, "*.csv").note
    assert note.encode() == b"taskq: not kept: \\xff.csv: it is not UTF-8\n"


def test_what_was_given_is_kept_only_where_it_was_changed(tmp_path: Path) -> None:
    folder = left(tmp_path / "work", a_csv=b"given", b_csv=b"changed")
    given = {name: GivenFile(ref(b"given"), 5) for name in ("a.csv", "b.csv")}
    assert [file.name for file in keep(Service(), folder, "*.csv", given=given).files] == ["b.csv"]


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted in /proc")
def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    folder = left(tmp_path / "work", **{f"d{n}__f_csv": b"%d" % n for n in range(50)})
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert len(keep(Service(), folder, "**/*.csv").files) == 50
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
