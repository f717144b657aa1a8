"""What each part of a local stack finds in its environment."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path

import pytest

from taskq_kernel.errors import SettingsError
from taskq_kernel.local.environment import keeper_environment, part_environment
from taskq_kernel.local.home import check_file
from taskq_kernel.local.info import StackInfo
from taskq_kernel.local.stack import LocalStack
from taskq_kernel.settings import Settings, load_settings

INFO = StackInfo("http://127.0.0.1:5/graphql", "admin.token", 5, 1)


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStack:
    """A stack that is not started, of a user who has set everything."""
    for name in ("TOKEN", "BROKER", "DATABASE", "RESULTS_DATABASE", "PRIVATE_TASKS", "GRAPHIQL", "URL"):
        monkeypatch.setenv(f"TASKQ_{name}", f"the user's {name}")
    return LocalStack(load_settings(home=tmp_path, private_tasks=True, graphiql=True))


def test_the_url_of_a_database_goes_to_the_part_that_uses_it_alone(stack: LocalStack) -> None:
    given = {role: part_environment(stack.home, role, INFO) for role in ("service", "sink", "worker")}
    assert {role for role, env in given.items() if "TASKQ_DATABASE" in env} == {"service"}
    assert {role for role, env in given.items() if "TASKQ_RESULTS_DATABASE" in env} == {"sink"}


@pytest.mark.parametrize("role", ["service", "sink", "worker"])
def test_no_part_gets_a_secret_of_the_user(stack: LocalStack, role: str) -> None:
    environment = part_environment(stack.home, role, INFO)
    assert "TASKQ_TOKEN" not in environment
    assert "TASKQ_BROKER" not in environment
    assert environment.get("TASKQ_URL") == (None if role == "service" else INFO.graphql)


def test_what_users_may_see_is_told_to_the_service(stack: LocalStack) -> None:
    environment = part_environment(stack.home, "service", INFO)
    assert environment["TASKQ_PRIVATE_TASKS"] == "the user's PRIVATE_TASKS"
    assert environment["TASKQ_GRAPHIQL"] == "the user's GRAPHIQL"
    assert "TASKQ_PRIVATE_TASKS" not in part_environment(stack.home, "worker", INFO)


def test_every_limit_that_a_user_sets_reaches_the_service_and_the_worker(
    stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = ("max_", "task_", "memory_", "project_", "session_")
    limits = [one.name for one in fields(Settings) if one.name.startswith(kinds)]
    names = {f"TASKQ_{name.upper()}" for name in limits}
    assert len(names) > 6
    for name in names:
        monkeypatch.setenv(name, "5")
    for role in ("service", "worker"):
        assert names <= part_environment(stack.home, role, INFO).keys()


def test_what_a_user_says_of_the_machine_reaches_the_worker(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"TASKQ_CORES": "3", "TASKQ_DEVICES": "0,1", "TASKQ_DEVICE_VARIABLE": "ROCR_VISIBLE_DEVICES",
            "TASKQ_PASS_ENV": "SLURM_JOB_ID", "TASKQ_MEMORY": "4294967296", "TASKQ_OTHER_JULIAS": "/j"}  # fmt: skip
    for name, value in (said | {"SLURM_JOB_ID": "17"}).items():
        monkeypatch.setenv(name, value)
    assert said.items() <= part_environment(stack.home, "worker", INFO).items()
    assert part_environment(stack.home, "worker", INFO)["SLURM_JOB_ID"] == "17"


@pytest.mark.parametrize("role", ["service", "sink", "worker"])
def test_the_keeper_has_what_each_part_is_to_find_and_no_secret_of_the_user_besides(
    stack: LocalStack, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    expected = part_environment(stack.home, role, INFO)
    found = keeper_environment(stack.home)
    assert not {"TASKQ_TOKEN", "TASKQ_BROKER", "TASKQ_URL"} & found.keys()
    for name in [name for name in os.environ if name not in found]:
        monkeypatch.delenv(name)
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    assert part_environment(stack.home, role, INFO) == expected


@pytest.mark.parametrize("place", ["data folder", "current folder"])
@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ('tls_cert = "cert.pem"\ntls_key = "key.pem"\n', "tls_cert and tls_key"),
        ('host = "0.0.0.0"\ninsecure = true\n', "host"),
    ],
)
def test_what_a_local_stack_cannot_listen_with_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str, named: str, place: str
) -> None:
    home, here = tmp_path / "home", tmp_path / "here"
    for folder in (home, here):
        folder.mkdir()
    monkeypatch.chdir(here)
    file = (home if place == "data folder" else here) / "taskq.toml"
    file.write_text(lines)
    stack = LocalStack(load_settings(home=home))
    try:
        with pytest.raises(SettingsError, match=rf"taskq\.toml sets {named}, and a local stack"):
            stack.up(workers=1)
        assert [path.name for path in home.iterdir()] == (["taskq.toml"] if place == "data folder" else [])
    finally:
        stack.down()


def test_the_address_that_a_local_stack_has_anyway_may_be_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "taskq.toml").write_text('host = "127.0.0.1"\n')

    check_file(tmp_path)
