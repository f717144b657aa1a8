"""Processes that tasks start are found, and ended, whatever they do to get away."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from stacks import eventually
from taskq_worker.slots import descendants


@pytest.fixture
def tree() -> Iterator[subprocess.Popen[bytes]]:
    """A shell with a child, one that has a session of its own, and a grandchild."""
    script = "sleep 1000 & setsid sleep 1000 & sh -c 'sleep 1000; true' & wait"
    shell = subprocess.Popen(["sh", "-c", script], start_new_session=True)
    eventually(lambda: len(descendants.descendants_of(shell.pid)) == 4, "all have started")
    yield shell
    if shell.poll() is None:
        asyncio.run(descendants.end_tree(shell.pid, {}))
    shell.wait()


@pytest.mark.parametrize("kernel_lists_children", [True, False])
def test_all_descendants_are_found(
    tree: subprocess.Popen[bytes], kernel_lists_children: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(descendants, "_lists_children", lambda: kernel_lists_children)

    assert len(descendants.children_of(tree.pid)) == 3
    assert len(descendants.descendants_of(tree.pid)) == 4
    assert all(descendants.is_alive(pid) for pid in descendants.descendants_of(tree.pid))
    assert all(descendants.resident_bytes(pid) > 1000 for pid in descendants.descendants_of(tree.pid))


def test_a_tree_is_ended_whole(tree: subprocess.Popen[bytes]) -> None:
    pids = [tree.pid, *descendants.descendants_of(tree.pid)]

    asyncio.run(descendants.end_tree(tree.pid, {}))

    assert tree.wait(5) == -9
    eventually(lambda: not any(descendants.is_alive(pid) for pid in pids), "all have ended")


def test_a_process_that_is_gone_has_nothing() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()

    assert descendants.children_of(gone.pid) == []
    assert descendants.start_time(gone.pid) is None
    assert descendants.resident_bytes(gone.pid) == 0
    assert not descendants.is_alive(gone.pid)
    asyncio.run(descendants.end_tree(gone.pid, {}))


def orphan(tmp_path: Path, how: str) -> int:
    """Start a daemon whose parent is gone, so that it becomes a child of this process."""
    note = tmp_path / "pid"
    subprocess.run(["sh", "-c", f"({how} & echo $! > {note}) &"], check=True, cwd="/")
    eventually(lambda: note.exists() and note.read_text().strip(), "its pid is written")
    pid = int(note.read_text())
    eventually(lambda: pid in descendants.children_of(os.getpid()), "it is this process's child")
    return pid


@pytest.mark.parametrize(
    "how",
    [
        "env -i HOME={folder}/work setsid sleep 1000 >/dev/null 2>&1 </dev/null",
        "cd {folder}; env -i setsid sleep 1000 >/dev/null 2>&1 </dev/null",
    ],
    ids=["known by its environment", "known by its folder"],
)
def test_an_orphan_of_a_gone_julia_is_ended_and_no_other(tmp_path: Path, how: str) -> None:
    descendants.adopt_orphans()
    folder = tmp_path / "slot-0-1"
    folder.mkdir()
    mine = orphan(tmp_path, how.format(folder=folder))
    (tmp_path / "pid").unlink()
    other = orphan(tmp_path, "sleep 1000 >/dev/null 2>&1 </dev/null")

    asyncio.run(descendants.end_orphans(folder, {}))

    assert not descendants.is_alive(mine)
    assert mine not in descendants.children_of(os.getpid()), "and is collected"
    assert descendants.is_alive(other)
    os.kill(other, 9)
    os.waitpid(other, 0)


def test_an_orphan_that_was_seen_before_is_ended(tmp_path: Path) -> None:
    descendants.adopt_orphans()
    pid = orphan(tmp_path, "env -i setsid sleep 1000 >/dev/null 2>&1 </dev/null")
    started = descendants.start_time(pid)
    assert started is not None

    asyncio.run(descendants.end_orphans(tmp_path / "slot", {pid: started}))

    assert not descendants.is_alive(pid)


def test_a_process_that_only_has_an_old_ones_number_is_spared(tmp_path: Path) -> None:
    descendants.adopt_orphans()
    pid = orphan(tmp_path, "env -i setsid sleep 1000 >/dev/null 2>&1 </dev/null")
    started = descendants.start_time(pid)
    assert started is not None

    asyncio.run(descendants.end_orphans(tmp_path / "slot", {pid: started - 1}))

    assert descendants.is_alive(pid)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
