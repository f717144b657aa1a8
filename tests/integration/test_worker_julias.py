"""A worker with several Julias: a project has the one that its Manifest was made with, and says when nobody has it."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from julia_fixtures import julia, runner
from stacks import RunningStack, eventually
from test_worker_stop import worker

from taskq_kernel.client.client import Client
from taskq_kernel.domain import WhyKind

pytestmark = pytest.mark.timeout(300)


def project(folder: Path, release: str) -> Path:
    folder.mkdir()
    (folder / "Project.toml").write_text("")
    (folder / f"Manifest-v{release}.toml").write_text("")
    return folder


def another_julia(path: Path) -> Path:
    """Julia under another name and version, with the runner that was compiled for it as it is."""
    path.write_text(f"""#!/bin/sh
        [ "$1" = --version ] && exec echo julia version 1.99.3
        case "$*" in *--trace-compile*) exit 1;; esac
        for one do
            shift
            case "$one" in */main.jl) one='{runner("julia").sources}/main.jl';; esac
            set -- "$@" "$one"
        done
        WHICH=other exec '{julia()}' "$@"
    """)
    path.chmod(0o755)
    return path


def test_a_project_has_the_julia_of_its_manifest_and_what_nobody_has_is_said(
    q: Client, stack: RunningStack, tmp_path: Path
) -> None:
    other = another_julia(tmp_path / "julia-1.99")
    tmp_path.chmod(0o755)
    queue = f"julias-{uuid4().hex[:8]}"
    with worker(stack, queue, tmp_path / "log", "--julia", julia(), "--julia", str(other), TASKQ_RUNNER="julia"):
        which = 'get(ENV, "WHICH", "first")'
        never = q.submit(which, queue=queue, project=q.project(project(tmp_path / "none", "1.88")))
        its_own = q.submit(which, queue=queue, project=q.project(project(tmp_path / "own", "1.99")))
        assert its_own.result(240) == "other"
        assert q.submit(which, queue=queue).result(60) == "first"
        why = eventually(lambda: (found := never.why()).kind is WhyKind.UNSERVED and found, "it is said")
        assert "was made with Julia 1.88, and no worker of the queue" in why.sentence
        assert "1.99.3; start one with it" in why.sentence
        never.cancel()
