"""A whole worker whose tasks have projects at hand, over the doubles of RabbitMQ and of Julia."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from stacks import until
from supervisor_lab import Lab, Play, play, task_id
from taskq_worker.projects.store import remove_tree
from test_projects_on_worker import Shelf, in_a_loop

from taskq_kernel.messages import OutcomeMessage
from taskq_kernel.project_manifest import ProjectFile, ProjectManifest, project_id

__all__ = ["play"]


def project(lab: Lab, name: str, counted: Path) -> str:
    """A project at the service, in whose preparation a mark is added to a file."""
    texts = {"Project.toml": "", "name": name, "prepare.py": f"open({str(counted)!r}, 'a').write('x')\n"}
    files = []
    for path, text in texts.items():
        digest = hashlib.sha256(text.encode()).hexdigest()
        lab.service.files[digest] = text.encode()
        files.append(ProjectFile(path, digest, len(text)))
    encoded = ProjectManifest(files).encode()
    lab.service.files[project_id(encoded)] = encoded
    return project_id(encoded)


def value(outcome: OutcomeMessage) -> Any:
    assert outcome.value is not None
    return json.loads(bytes(outcome.value.data))


def test_a_project_of_many_tasks_is_prepared_once_for_four_slots(
    play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(lab: Lab) -> None:
        wanted = project(lab, "one", tmp_path / "counted")

        async def hand_over_again(tasks: Sequence[tuple[str, int]]) -> None:
            numbers = [int(task[:8], 16) for task, _ in tasks]
            await lab.submit(*((n, f"{n} + 1") for n in numbers), project=wanted)

        # On a slow machine the worker gives some back that no slot has begun in time.
        monkeypatch.setattr(lab.service, "release", hand_over_again)
        await lab.submit(*((n, f"{n} + 1") for n in range(400)), project=wanted)
        await until(lambda: len(lab.outcomes()) == 400, "all have ended", 60)
        found = lab.outcomes()
        assert [value(found[task_id(n)]) for n in range(400)] == [n + 1 for n in range(400)]
        assert (tmp_path / "counted").read_text() == "x"

    play(scene, slots=4)


@in_a_loop
async def test_what_a_worker_was_preparing_that_is_killed_is_made_anew_by_the_next(tmp_path: Path) -> None:
    shelf, go = Shelf(tmp_path), tmp_path / "go"
    wanted = shelf.add(f"import pathlib, time\nwhile not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)")
    kept = json.dumps({ref: text.hex() for ref, text in shelf.kept.items()})
    paths = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    killed = await asyncio.create_subprocess_exec(sys.executable, __file__, str(tmp_path), wanted, kept, env=paths)
    await until(lambda: shelf.times_prepared, "it prepares")
    killed.kill()
    await killed.wait()
    go.touch()
    [made] = {lease.project for lease in await asyncio.gather(*(shelf.leased(wanted) for _ in range(4)))}
    assert (made.tree / "src/a.jl").read_text() == "a"
    assert shelf.times_prepared == 2
    remove_tree(tmp_path / "projects")


async def _prepare_for_ever(folder: str, wanted: str, kept: str) -> None:
    shelf = Shelf(Path(folder))
    shelf.kept |= {ref: bytes.fromhex(text) for ref, text in json.loads(kept).items()}
    await shelf.leased(wanted)


if __name__ == "__main__":
    asyncio.run(_prepare_for_ever(*sys.argv[1:]))
