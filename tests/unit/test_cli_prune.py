"""``taskq prune`` over a service that answers as it is told to."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from client_stubs import TOKEN, data, http_stub
from sample_messages import OUTCOME
from taskq_sink.database import ResultsDatabase

from taskq_kernel.cli import main
from taskq_kernel.domain import Verdict

ANSWER = {"tasks": 3, "batches": 1, "tombstones": 0, "kept": 2, "sizeBytes": 3 << 20, "fileBytes": 0}
LAST = ANSWER | {"batches": 0, "kept": 0, "fileBytes": 1 << 20, "cursor": None}
FIRST = ANSWER | {"cursor": "tasks 5.0 7"}


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in ("TASKQ_URL", "TASKQ_TOKEN_FILE", "TASKQ_RESULTS_DATABASE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TASKQ_HOME", str(tmp_path))
    monkeypatch.setenv("TASKQ_TOKEN", TOKEN)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def keep_result(file: Path, finished_at: float) -> None:
    database = ResultsDatabase(f"sqlite:///{file}")
    outcome = msgspec.structs.replace(OUTCOME, finished_at=finished_at)
    database.commit([outcome])
    database.mark_reported([((outcome.id, outcome.attempt), Verdict.ACCEPTED)])
    database.close()


def test_pruning_goes_on_until_the_service_is_through_and_adds_up(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    keep_result(home / "elsewhere.db", time.time() - 100 * 86_400)
    monkeypatch.setenv("TASKQ_RESULTS_DATABASE", f"sqlite:///{home}/elsewhere.db")
    with http_stub(data(pruneTasks=FIRST), data(pruneTasks=LAST)) as stub:
        monkeypatch.setenv("TASKQ_URL", stub.url)
        assert main(["prune", "--older-than", "90d"]) == 0
        asked = [json.loads(request[3])["variables"] for request in stub.requests]
    assert [one["after"] for one in asked] == [None, "tasks 5.0 7"]
    assert asked[0]["age"] == 90 * 86_400.0
    out, _err = capfd.readouterr()
    assert out.splitlines()[:3] == [
        "6 tasks and 1 batch went with all that they had: about 6 MiB",
        "2 as old stay: other tasks need them, or their batch stays",
        "the task database's file has 1 MiB now",
    ]
    assert "1 rows of the results database went" in out


def test_results_that_are_kept_are_kept_in_the_results_database_too(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    keep_result(home / "elsewhere.db", 1.0)
    monkeypatch.setenv("TASKQ_RESULTS_DATABASE", f"sqlite:///{home}/elsewhere.db")
    with http_stub(data(pruneTasks=LAST)) as stub:
        monkeypatch.setenv("TASKQ_URL", stub.url)
        assert main(["prune", "--older-than", "1d", "--keep-results", "--status", "failed, cancelled", "--json"]) == 0
        [asked] = [json.loads(request[3])["variables"] for request in stub.requests]
    assert (asked["keep"], asked["status"], asked["trial"]) == (True, ["FAILED", "CANCELLED"], False)
    found: dict[str, Any] = json.loads(capfd.readouterr().out)
    assert (found["tasks"], found["results"]) == (3, None)


def test_a_results_database_elsewhere_is_left_to_its_sink_and_it_is_said(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with http_stub(data(pruneTasks=LAST)) as stub:
        monkeypatch.setenv("TASKQ_URL", stub.url)
        assert main(["prune", "--older-than", "1d", "--dry-run"]) == 0
    out, err = capfd.readouterr()
    assert out.startswith("3 tasks would go with all that they had")
    assert "the sink prunes it, with TASKQ_RETENTION" in err


@pytest.mark.parametrize("wrong", [["--older-than", "soon"], [], ["--older-than", "1d", "--status", "RUNNING"]])
def test_what_cannot_be_pruned_is_refused(home: Path, wrong: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["prune", *wrong]) == 2
    assert "--" in capfd.readouterr().err
