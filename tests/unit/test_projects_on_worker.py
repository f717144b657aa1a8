"""Projects on a worker's machine: laid out and prepared once, whole or not at all, and kept while there is room."""

from __future__ import annotations

import asyncio
import errno
import functools
import hashlib
import os
import stat
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from small_disk import more_room, small_disk
from stacks import until
from taskq_worker.projects import projects as projects_module
from taskq_worker.projects import store as store_module
from taskq_worker.projects.errors import ProjectFailed
from taskq_worker.projects.projects import ProjectLease, Projects
from taskq_worker.projects.store import NO_ROOM_S, ProjectStore, remove_tree, seal
from taskq_worker.sandbox.sandbox import OWN_USER
from taskq_worker.slots.double import DoubleCommand
from taskq_worker.slots.folder import WorkFolder, remove_folder

from taskq_kernel.errors import NotFound
from taskq_kernel.project_manifest import ProjectFile, ProjectManifest, project_id


def in_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test that is a coroutine."""
    @functools.wraps(test)
    def run(*args: Any, **given: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **given), 60))

    return run


class Shelf:
    """A worker's machine, and a service that has some projects."""

    def __init__(
        self, folder: Path, limit_bytes: int = 1 << 30, timeout_s: float = 60.0,
        julias: Sequence[DoubleCommand] = (DoubleCommand(),),
    ) -> None:
        self.folder = folder
        self.runs = folder / "runs"
        self.kept: dict[str, bytes] = {}
        self.fetched: list[str] = []
        self.full = False
        self.store = ProjectStore(folder / "projects", limit_bytes)
        self.projects = Projects(self.store, julias, self.fetch, timeout_s)
        self.said: list[str] = []

    def add(self, script: str | None = None, **files: str) -> str:
        """A project; ``script`` is what prepares it, in Python."""
        counted = f"open({str(self.runs)!r}, 'a').write('x')\n"
        texts = {"src/a.jl": "a", **files}
        if script is not None:
            texts |= {"Project.toml": "", "prepare.py": counted + script}
        listed = []
        for path, text in texts.items():
            digest = hashlib.sha256(text.encode()).hexdigest()
            self.kept[digest] = text.encode()
            listed.append(ProjectFile(path, digest, len(text)))
        encoded = ProjectManifest(listed).encode()
        self.kept[project_id(encoded)] = encoded
        return project_id(encoded)

    async def fetch(self, ref: str, file: BinaryIO, _limit: int) -> int:
        await asyncio.sleep(0)
        self.fetched.append(ref)
        if ref not in self.kept:
            raise NotFound("gone", "NOT_FOUND")
        if self.full and len(self.fetched) > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a file")
        return file.write(self.kept[ref])

    async def lease(self, project: str, wanted: bool = True) -> ProjectLease | None:
        return await self.projects.lease(project, OWN_USER, self.said.append, lambda: wanted)

    async def leased(self, project: str) -> ProjectLease:
        lease = await self.lease(project)
        assert lease is not None
        return lease

    @property
    def times_prepared(self) -> int:
        return len(self.runs.read_text()) if self.runs.exists() else 0

    def left(self) -> list[str]:
        """What lies there of projects, locks and notes aside."""
        return sorted(path.name for path in (self.folder / "projects/by-hash").iterdir() if path.is_dir())


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    yield Shelf(tmp_path)
    remove_tree(tmp_path / "projects")


@in_a_loop
async def test_a_project_is_prepared_once_however_many_want_it_at_once(shelf: Shelf) -> None:
    project = shelf.add("print('Installing'); open('../tree/Manifest.toml', 'w').write('made')")
    leases = await asyncio.gather(*(shelf.leased(project) for _ in range(8)))
    assert shelf.times_prepared == 1
    assert "preparing the project: Installing" in shelf.said
    assert len(set(shelf.fetched)) == len(shelf.fetched) == 4
    [made] = {lease.project for lease in leases}
    assert (made.tree / "src/a.jl").read_text() == "a"
    assert made.manifest is not None
    assert made.manifest.sha256 == hashlib.sha256(b"made").hexdigest()
    assert made.manifest.text() == "made"
    again = Shelf(shelf.folder)  # another worker of this machine, or this one started anew
    assert (await again.leased(project)).project == made
    assert shelf.times_prepared == 1


@in_a_loop
async def test_the_manifest_of_one_release_of_julia_is_the_projects(shelf: Shelf) -> None:
    made = (await shelf.leased(shelf.add("pass", **{"Manifest-v1.11.toml": "of 1.11"}))).project
    assert made.manifest is not None
    assert made.manifest.text() == "of 1.11"


@in_a_loop
async def test_a_manifest_takes_the_julia_that_it_was_made_with(tmp_path: Path) -> None:
    julias = [DoubleCommand(julia=version) for version in ((1, 10, 4), (1, 11, 3), (1, 11, 5), (1, 12, 1))]
    shelf = Shelf(tmp_path, julias=julias)
    project = shelf.add("pass", **{"Manifest.toml": "all", "Manifest-v1.11.toml": "of 1.11"})

    async def lease(*made_with: str) -> tuple[object, ...]:
        lease = await shelf.projects.lease(project, OWN_USER, shelf.said.append, lambda: True, made_with)
        assert lease is not None
        made = lease.project
        assert made.julia is not None
        assert made.manifest is not None
        return DoubleCommand().run_by(made.julia).version(), made.manifest.text()

    assert await lease() == ((1, 10, 4), "all")
    assert await lease("1.11.5") == ((1, 11, 5), "of 1.11")
    assert await lease("1.11.9") == ((1, 11, 3), "of 1.11")
    assert await lease("1.13", "1.12.0") == ((1, 12, 1), "all")
    remove_tree(tmp_path / "projects")


@in_a_loop
async def test_a_folder_that_names_no_packages_has_no_manifest_of_its_own(shelf: Shelf) -> None:
    made = (await shelf.leased(shelf.add(**{"Manifest.toml": "of nobody"}))).project
    assert not made.packages
    assert made.manifest is None


@in_a_loop
async def test_nobody_writes_to_a_project_that_is_ready(shelf: Shelf) -> None:
    tree = (await shelf.leased(shelf.add("pass"))).project.tree
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tree, *tree.rglob("*"))]
    assert not any(mode & 0o222 for mode in modes)


@in_a_loop
async def test_a_project_that_cannot_be_prepared_says_why_and_is_not_tried_again_for_each_task(shelf: Shelf) -> None:
    script = "import sys; print('Resolving'); print('ERROR: no such package'); print('Stacktrace:'); sys.exit(1)"
    project = shelf.add(script)
    for _ in range(3):
        with pytest.raises(ProjectFailed, match=r"^no such package$"):
            await shelf.lease(project)
    assert shelf.times_prepared == 1
    assert shelf.left() == []


@in_a_loop
async def test_a_full_disk_is_a_clear_error_and_nothing_half_made_is_left(shelf: Shelf) -> None:
    project = shelf.add("pass")
    shelf.full = True
    with pytest.raises(ProjectFailed, match=r"cannot be laid out: No space left on device"):
        await shelf.lease(project)
    assert shelf.left() == []


@in_a_loop
async def test_a_project_that_the_disk_was_too_full_for_is_not_tried_for_each_task_and_can_be_had_soon(
    shelf: Shelf,
) -> None:
    project = shelf.add("pass")
    shelf.full = True
    for _ in range(3):
        with pytest.raises(ProjectFailed, match="No space left"):
            await shelf.lease(project)
    assert shelf.fetched.count(project) == 1
    shelf.full = False
    [note] = (shelf.folder / "projects/by-hash").glob("*.failed")
    at = note.stat().st_mtime - NO_ROOM_S  # as if so long ago
    os.utime(note, (at, at))
    assert ((await shelf.leased(project)).project.tree / "src/a.jl").read_text() == "a"


@pytest.mark.parametrize("inodes", range(2, 11))
@in_a_loop
async def test_a_disk_that_takes_no_more_files_is_a_clear_error_wherever_that_is_noticed(
    shelf: Shelf, inodes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projects_module, "NO_ROOM_S", 0.0)
    project = shelf.add("open('../tree/Manifest.toml', 'w').write('made')")
    shelf.store.folder.mkdir()
    with small_disk(shelf.store.folder, f"nr_inodes={inodes}"):
        with pytest.raises(ProjectFailed, match=r"No space left on device"):
            await shelf.lease(project)
        more_room(shelf.store.folder, "nr_inodes=100")
        lease = await shelf.leased(project)
        assert (lease.project.tree / "src/a.jl").read_text() == "a"
        lease.close()


@in_a_loop
async def test_a_file_that_the_service_has_no_longer_is_a_clear_error(shelf: Shelf) -> None:
    project = shelf.add("pass")
    del shelf.kept[hashlib.sha256(b"a").hexdigest()]
    with pytest.raises(ProjectFailed, match="no longer kept"):
        await shelf.lease(project)


@in_a_loop
async def test_a_project_whose_files_were_missing_can_be_had_once_it_was_sent_again(shelf: Shelf) -> None:
    project = shelf.add("pass")
    missing = shelf.kept.pop(hashlib.sha256(b"a").hexdigest())
    with pytest.raises(ProjectFailed, match="submit the task again"):
        await shelf.lease(project)
    shelf.kept[hashlib.sha256(b"a").hexdigest()] = missing
    await shelf.leased(project)


@in_a_loop
async def test_what_a_worker_left_that_was_killed_while_it_prepared_is_made_anew(shelf: Shelf) -> None:
    project = shelf.add("pass")
    lease = await shelf.leased(project)
    lease.close()
    folder = lease.project.tree.parent
    (folder / "ready.json").unlink()
    remove_tree(folder / "tree" / "src")
    (folder.with_name(f"{folder.name}.part") / "tree").mkdir(parents=True)
    again = await shelf.leased(project)
    assert (again.project.tree / "src/a.jl").read_text() == "a"
    assert shelf.left() == [folder.name]


@in_a_loop
async def test_what_such_a_worker_left_goes_with_the_next_project_that_is_made(shelf: Shelf) -> None:
    lease = await shelf.leased(shelf.add("pass"))
    lease.close()
    left = lease.project.tree.parent
    (left / "ready.json").unlink()
    (left.with_name(f"{left.name}.part") / "tree").mkdir(parents=True)
    other = await shelf.leased(shelf.add("pass", another="b"))
    assert shelf.left() == [other.project.tree.parent.name]


@in_a_loop
async def test_preparing_ends_with_the_last_task_that_wants_it(shelf: Shelf) -> None:
    project = shelf.add("import time; time.sleep(600)")
    wanted = True
    waiting = asyncio.ensure_future(
        shelf.projects.lease(project, OWN_USER, shelf.said.append, lambda: wanted)
    )
    await until(lambda: shelf.times_prepared, "Julia's package manager at work")
    wanted = False
    assert await waiting is None
    assert shelf.left() == []


@in_a_loop
async def test_preparing_takes_no_longer_than_it_may(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, timeout_s=0.2)
    with pytest.raises(ProjectFailed, match="not ready after 0.2 s"):
        await shelf.lease(shelf.add("import time; time.sleep(600)"))


@in_a_loop
async def test_what_was_used_least_recently_goes_first_and_what_is_in_use_never(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, limit_bytes=2500)
    names = [shelf.add(data=str(i) * 1000) for i in range(3)]
    held = await shelf.leased(names[0])
    (await shelf.leased(names[1])).close()
    entry = held.project.tree.parent
    os.utime(entry / "ready.json", (1, 1))  # the oldest, and in use
    (await shelf.leased(names[2])).close()
    assert sorted(name[:40] for name in shelf.left()) == sorted(name[:40] for name in (names[0], names[2]))
    held.close()


@in_a_loop
async def test_a_line_of_any_length_that_is_printed_meanwhile_is_no_reason_to_fail(shelf: Shelf) -> None:
    await shelf.leased(shelf.add("print('x' * (3 << 20)); print('Installing')"))
    assert "preparing the project: Installing" in shelf.said


@in_a_loop
async def test_a_project_whose_removal_was_cut_off_counts_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf(tmp_path, limit_bytes=0)
    lease = await shelf.leased(shelf.add("pass"))
    lease.close()

    def killed(_folder: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(store_module, "remove_tree", killed)
        shelf.store.make_room()
    assert not (lease.project.tree.parent / "ready.json").exists()


def test_sealing_leaves_a_file_alone_for_which_the_user_who_prepared_has_only_made_a_name(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("mine")
    secret.chmod(0o600)
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "name").hardlink_to(secret)
    seal(tree, owner=os.geteuid() + 1)
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_a_task_finds_the_files_at_their_paths_and_the_next_one_finds_them_as_they_were(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "data/deep").mkdir(parents=True)
    (tree / "data/x.csv").write_text("1")
    work = WorkFolder(tmp_path / "slot/work", tree=tree)
    work.make()
    assert (work.path / "data/x.csv").read_text() == "1"
    assert work.renew() is None  # nothing has changed: the links stay
    (work.path / "data/new.csv").write_text("2")
    (work.path / "data/x.csv").unlink()
    (tmp_path / "own").write_text("3")
    (work.path / "data/x.csv").symlink_to(tree / "data/x.csv")
    work.put({"data/x.csv": tmp_path / "own"})  # a file of the task's own stands in the place of its project's
    assert (work.path / "data/x.csv").read_text() == "3"
    trash = work.renew()
    assert trash is not None
    remove_folder(trash)
    assert sorted(path.name for path in (work.path / "data").iterdir()) == ["deep", "x.csv"]
    assert (tree / "data/x.csv").read_text() == "1"
