"""RO-Crates, as the validator of RO-Crates sees them."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stacks import missing

from taskq_kernel.client.exports import cite_task
from taskq_kernel.export.crate import Crate, write_crate
from taskq_kernel.export.source import Exported

PROGRAM = Path(__file__).parent / "crates" / "validate.py"
VALIDATOR = Path(sys.prefix) / "share" / "crate-validator"
LICENCE = "https://spdx.org/licenses/MIT"


def row(number: int, **fields: Any) -> dict[str, Any]:
    """A finished task, as the service tells it."""
    return {
        "number": number, "id": f"5c8bd1a2-7f0e-4a54-9a3c-3a8c1f1f2a{number:02}", "name": 'a "sum" <b> of 100 %',
        "kind": "SCRIPT", "entry": None, "code": "x + rand()", "arguments": {"x": 1.5}, "seed": 42,
        "status": "FINISHED", "owner": "ann & co", "value": 1.7, "valueText": "1.7", "attempt": 1,
        "surroundings": {"julia_version": "1.10.4", "taskq_version": "0.9.0"},
        "createdAt": "2026-01-02T03:04:05+00:00", "startedAt": "2026-01-02T03:04:05+00:00",
        "finishedAt": "2026-01-02T03:04:06+00:00", "manifest": 'julia_version = "1.10.4"\n', **fields,
    }  # fmt: skip


def written(path: Path, *tasks: Exported, **given: Any) -> Path:
    """Tasks as a crate."""
    with path.open("wb") as file:
        citation = cite_task(tasks[0].row)
        write_crate(Crate("a sweep", "ann & co", tasks, citation, **given), file, datetime(2026, 1, 3, tzinfo=UTC))
    return path


def faults(*crates: Path) -> list[str]:
    """What the validator says that crates must have, and have not."""
    if not VALIDATOR.is_dir():
        missing("the validator of RO-Crates is not there: scripts/setup --test installs it")
    done = subprocess.run(
        [sys.executable, PROGRAM, *crates], env=os.environ | {"PYTHONPATH": str(VALIDATOR)}, capture_output=True,
        encoding="utf-8", timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_crates_of_one_task_and_of_many_are_valid_and_what_is_no_crate_is_found_out(tmp_path: Path) -> None:
    project = {"Project.toml": b"[deps]\n", "src/my model ä.jl": b"m"}
    one = written(tmp_path / "one.zip", Exported(row(7), project), license=LICENCE)
    many = written(
        tmp_path / "many.zip", Exported(row(8, project="a" * 64), project), Exported(row(9, project="b" * 64), project),
        Exported(row(10, surroundings={}, manifest=None, startedAt=None)), parquet=b"PAR1",
        values={"data/values/8.npy": b"1", "inputs/8/my data #1 ?.csv": b"1", "data/files/8/a&b/plot.svg": b"<svg/>"},
    )  # fmt: skip
    undefined = spoilt(one, '"creditText": "https://schema.org/creditText"', '"another": "https://schema.org/name"')
    undated = spoilt(one, '"datePublished"', '"unknown"')
    found = faults(one, many, undefined, undated)
    assert {fault.split(": ")[0] for fault in found} == {str(undefined), str(undated)}
    assert any('"creditText" is not allowed' in fault for fault in found)
    assert any("datePublished" in fault for fault in found)


def spoilt(good: Path, before: str, after: str) -> Path:
    """A crate whose description says something else in one place."""
    bad = good.with_name(f"{after.split(':')[0][1:-1]}.zip")
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(bad, "w") as target:
        for path in source.namelist():
            content = source.read(path)
            if path == "ro-crate-metadata.json":
                assert before.encode() in content
                content = content.replace(before.encode(), after.encode())
            target.writestr(path, content)
    return bad
