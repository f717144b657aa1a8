"""Which files of a folder are a project, and what is said of those that cannot be."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from client_fixtures import service
from client_lab import FakeService

from taskq_kernel.client import operations, project_folder
from taskq_kernel.client import project as project_module
from taskq_kernel.client.digests import Changed, Digests, State
from taskq_kernel.client.project import open_project
from taskq_kernel.client.project_folder import FolderReader, Limits, git_commit, wanted_files
from taskq_kernel.errors import InvalidTask, ServiceError
from taskq_kernel.project_manifest import ProjectFile, ProjectManifest, decode_manifest, project_id

__all__ = ["service"]

MANY = Limits(1 << 20, 100)


def write(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"this is {name}")
    return folder


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), "-c", "user.name=n", "-c", "user.email=n@x", *arguments], check=True)


@pytest.mark.parametrize("with_git", [True, False])
def test_what_git_ignores_stays_out_but_the_files_that_say_which_packages_there_are(
    tmp_path: Path, with_git: bool
) -> None:
    write(tmp_path, "src/A.jl", "src/deep/B.jl", "out/x.bin", "src/deep/b.log", "Manifest.toml", "keep.log", "new.jl")
    (tmp_path / ".gitignore").write_text("out/\n*.log\n!keep.log\nManifest.toml\n")
    (tmp_path / "src/deep/.gitignore").write_text("B.jl\n")
    if with_git:
        git(tmp_path, "init", "-q")
    assert wanted_files(tmp_path) == [
        ".gitignore", "Manifest.toml", "keep.log", "new.jl", "src/A.jl", "src/deep/.gitignore",
    ]


def test_a_manifest_goes_along_by_whichever_name_julia_finds_it(tmp_path: Path) -> None:
    names = ["JuliaManifest-v1.11.toml", "Manifest-v1.12.toml", "Manifest.toml", "locked/here.toml"]
    write(tmp_path, *names)
    (tmp_path / "Project.toml").write_text('manifest = "locked/here.toml"\n')
    (tmp_path / ".gitignore").write_text("*Manifest*.toml\nlocked/\n")
    assert wanted_files(tmp_path) == [".gitignore", *names[:3], "Project.toml", names[3]]


def test_a_taskqignore_has_the_last_word_either_way(tmp_path: Path) -> None:
    write(tmp_path, "a.jl", "b.csv", "data/big.bin", "data/other.bin", "Manifest.toml")
    (tmp_path / ".gitignore").write_text("data/\n")
    (tmp_path / ".taskqignore").write_text("*.csv\nManifest.toml\n!data/big.bin\n")
    git(tmp_path, "init", "-q")
    assert wanted_files(tmp_path) == [".gitignore", ".taskqignore", "a.jl", "data/big.bin"]


def test_repositories_within_go_along_and_what_git_tracks_and_is_gone_does_not(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    write(tmp_path, "a.jl", "gone.jl")
    git(tmp_path, "add", "-A")
    (tmp_path / "gone.jl").unlink()
    git(write(tmp_path / "dev/Other", "src/Other.jl"), "init", "-q")
    assert wanted_files(tmp_path) == ["a.jl", "dev/Other/src/Other.jl"]


def test_a_folder_that_its_repository_ignores_is_sent_all_the_same(tmp_path: Path) -> None:
    git(write(tmp_path, "scratch/a.jl"), "init", "-q")
    (tmp_path / ".gitignore").write_text("scratch/\n")
    assert wanted_files(tmp_path / "scratch") == ["a.jl"]


def test_a_link_to_a_file_is_sent_as_that_file_and_one_to_a_folder_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere", "x.csv")
    folder = write(tmp_path / "p", "a.jl")
    (folder / "x.csv").symlink_to(tmp_path / "elsewhere/x.csv")
    assert {file.path for file in FolderReader(folder).read(MANY).files} == {"a.jl", "x.csv"}
    (folder / "data").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidTask, match=r"'data', a link to a folder"):
        wanted_files(folder)
    (folder / ".taskqignore").write_text("data/\n")  # which means folders alone, as git has it
    with pytest.raises(InvalidTask, match=r"name it in a \.taskqignore, without a / behind it"):
        wanted_files(folder)
    (folder / ".taskqignore").write_text("data\n")
    assert wanted_files(folder) == [".taskqignore", "a.jl", "x.csv"]


def test_a_folder_that_is_too_large_is_refused_with_its_largest_files(tmp_path: Path) -> None:
    write(tmp_path, "small.jl")
    (tmp_path / "big.bin").write_bytes(bytes(3000))
    too_large = r"has 2.945 KiB where 1000 bytes are allowed; the largest are big.bin \(2.93 KiB\), small.jl"
    with pytest.raises(InvalidTask, match=too_large):
        FolderReader(tmp_path).read(Limits(1000, 100))
    with pytest.raises(InvalidTask, match=r"has 2 files where 1 is allowed; the largest"):
        FolderReader(tmp_path).read(Limits(1 << 20, 1))


def test_the_same_files_are_the_same_project_wherever_they_lie_and_each_change_is_another(tmp_path: Path) -> None:
    reader = FolderReader(write(tmp_path / "a", "x.jl", "y/z.jl"))
    first = project_id(reader.read(MANY).encode())
    assert project_id(FolderReader(write(tmp_path / "b", "y/z.jl", "x.jl")).read(MANY).encode()) == first
    path = tmp_path / "a/x.jl"
    before = path.stat()
    path.write_text(path.read_text().replace("this", "that"))  # as long as before
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert project_id(reader.read(MANY).encode()) != first


def test_a_manifest_is_read_as_it_was_written_and_one_that_leads_out_of_its_folder_is_refused() -> None:
    files = [ProjectFile(path, "0" * 64, 3, path == "b") for path in ("b", "a/c", "a/b")]
    manifest = decode_manifest(ProjectManifest(files).encode())
    assert manifest.files == sorted(files)
    for bad in ("/etc/passwd", "a/../../b", "", "a//b", "./a", "a\0b"):
        with pytest.raises(InvalidTask, match="does not lead to a file"):
            ProjectManifest([ProjectFile(bad, "0" * 64, 1)])
    with pytest.raises(InvalidTask, match="as a file and as a folder"):
        ProjectManifest([ProjectFile("a", "0" * 64, 1), ProjectFile("a/b", "0" * 64, 1)])
    with pytest.raises(InvalidTask, match="twice"):
        ProjectManifest([ProjectFile("a", "0" * 64, 1), ProjectFile("a", "1" * 64, 1)])
    with pytest.raises(InvalidTask, match="is no manifest"):
        decode_manifest(b"{}")


def test_only_what_the_service_lacks_is_sent_and_nothing_where_nothing_changed(
    service: FakeService, tmp_path: Path
) -> None:
    p = open_project(service.client(), write(tmp_path, "a.jl", "b.jl"))
    first = p.send()
    assert service.calls.count("upload") == 3
    assert p.send() == first
    assert len(service.projects) == 1
    write(tmp_path, "c.jl")
    second = p.send()
    assert service.calls.count("upload") == 5
    assert service.projects == [first.id, second.id]
    assert {file.path for file in decode_manifest(service.blobs[second.id]).files} == {"a.jl", "b.jl", "c.jl"}


def test_a_file_that_changes_while_it_is_sent_is_sent_as_it_is_then(
    service: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "a.jl")
    asked = operations.missing_files

    def changing(transport: Any, refs: Any) -> list[str]:
        if not service.blobs:
            (tmp_path / "a.jl").write_text("changed")
            service.blobs["x"] = b""
        return asked(transport, refs)

    monkeypatch.setattr(project_module.operations, "missing_files", changing)
    sent = open_project(service.client(), tmp_path).send()
    [file] = decode_manifest(service.blobs[sent.id]).files
    assert service.blobs[file.sha256] == b"changed"


def test_a_file_that_goes_while_the_folder_is_read_is_not_missed(
    service: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def once_more(folder: Path) -> list[str]:
        monkeypatch.undo()
        return [*wanted_files(folder), "gone.tmp"]

    p = open_project(service.client(), write(tmp_path, "a.jl"))
    monkeypatch.setattr(project_folder, "wanted_files", once_more)
    assert list(p.files()) == ["a.jl"]


def test_a_folder_that_never_stands_still_is_refused(
    service: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project_folder, "wanted_files", lambda _: ["gone.tmp"])
    p = open_project(service.client(), write(tmp_path, "a.jl"))
    with pytest.raises(InvalidTask, match="whose files change while they are sent"):
        p.send()
    assert "change while they are sent" in repr(p)


def test_what_the_service_does_not_take_is_named(
    service: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(_ref: str, _data: Any) -> None:
        raise ServiceError("the value has more than the 9 bytes allowed", "BAD_INPUT")

    monkeypatch.setattr(service.transport, "put_blob", too_large)
    with pytest.raises(InvalidTask, match=r"^project has 'a\.jl', which the service does not take: .*9 bytes allowed"):
        open_project(service.client(), write(tmp_path, "a.jl")).send()


def test_a_name_that_is_no_text_is_refused(service: FakeService, tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.jl")).touch()
    with pytest.raises(InvalidTask, match=r"'\\udcff\.jl', which is not UTF-8"):
        open_project(service.client(), tmp_path).send()


def test_what_is_in_a_file_is_read_again_only_when_the_file_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, digests = write(tmp_path, "a.jl") / "a.jl", Digests()
    state = State.of(file)
    first = digests.of(file, state)
    file.write_text("written again at once, as far as a clock can tell")
    assert digests.of(file, State.of(file)) != first
    with pytest.raises(Changed):  # its length was another
        digests.of(file, state)

    monkeypatch.setattr("time.time", lambda: (state.mtime_ns + 10**11) / 1e9)
    state = State.of(file)
    second = digests.of(file, state)
    file.unlink()
    assert digests.of(file, state) == second
    with pytest.raises(Changed):
        digests.of(file, state._replace(mtime_ns=0))


@pytest.mark.parametrize(("name", "text"), [
    ("Manifest.toml", '[[Dep]]\npath = "../Dep"\nuuid = "x"\n'),
    ("Manifest.toml", 'manifest_format = "2.0"\n[[deps.Dep]]\npath = "/home/me/Dep"\nuuid = "x"\n'),
    ("Manifest-v1.11.toml", 'manifest_format = "2.0"\n[[deps.Dep]]\npath = "../Dep"\nuuid = "x"\n'),
    ("Project.toml", '[sources]\nDep = {path = "../Dep"}\n'),
])
def test_packages_that_lie_outside_of_the_folder_are_named(
    service: FakeService, tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InvalidTask, match=r"outside of .*: Dep \("):
        open_project(service.client(), tmp_path).send()


def test_no_folder_at_all_is_not_the_one_that_somebody_happens_to_be_in(
    service: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write(tmp_path, "a.jl"))
    with pytest.raises(InvalidTask, match="^project is '', which is no folder"):
        open_project(service.client(), "")
    assert list(open_project(service.client(), ".").files()) == ["a.jl"]


def test_a_folder_that_is_not_there_and_one_without_files_are_refused(service: FakeService, tmp_path: Path) -> None:
    with pytest.raises(InvalidTask, match="is no folder"):
        open_project(service.client(), tmp_path / "nowhere")
    with pytest.raises(InvalidTask, match="no file to send"):
        open_project(service.client(), tmp_path).send()


def test_a_commit_says_whether_files_have_changed(tmp_path: Path) -> None:
    assert git_commit(tmp_path) is None
    git(write(tmp_path, "a.jl"), "init", "-q")
    assert git_commit(tmp_path) is None
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "first")
    clean = git_commit(tmp_path)
    assert clean is not None
    assert len(clean) == 40
    write(tmp_path, "b.jl")
    assert git_commit(tmp_path) == f"{clean}-dirty"


def test_a_repository_is_only_read_so_that_its_owner_can_commit_at_the_same_moment(tmp_path: Path) -> None:
    git(write(tmp_path, "a.jl"), "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "first")
    os.utime(tmp_path / "a.jl", (1, 1))  # git would note that it looked there
    before = (tmp_path / ".git/index").read_bytes()
    assert not str(git_commit(tmp_path)).endswith("-dirty")
    assert (tmp_path / ".git/index").read_bytes() == before
