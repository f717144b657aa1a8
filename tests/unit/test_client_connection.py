"""Where the client finds the service, and what importing it costs."""

from __future__ import annotations

import ast
import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from client_stubs import TOKEN, data, errors, http_stub

import taskq_kernel
from taskq_kernel.client import connecting
from taskq_kernel.client.connecting import connect
from taskq_kernel.client.connection import configured, existing
from taskq_kernel.errors import ServiceUnreachable, SettingsError, Unauthorized
from taskq_kernel.settings import load_settings, read_token

VARIABLES = ("TASKQ_HOME", "TASKQ_URL", "TASKQ_TOKEN", "TASKQ_TOKEN_FILE", "TASKQ_CA_FILE")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings but a data folder of the test's own."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TASKQ_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def stack_file(home: Path, graphql: str = "http://127.0.0.1:5/graphql") -> None:
    (home / "token").write_text(f"{TOKEN}\n")
    (home / "stack.json").write_text(json.dumps({"graphql": graphql, "token_file": str(home / "token")}))


def test_an_address_that_is_given_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASKQ_URL", "http://127.0.0.1:1/graphql")
    with http_stub(data(me={"name": "ann"})) as stub:
        assert connect(stub.url, token="mine").url == stub.url
        assert stub.requests[0][2]["authorization"] == "Bearer mine"
        monkeypatch.setenv("TASKQ_TOKEN", "theirs")
        connect(stub.url).close()
        assert stub.requests[1][2]["authorization"] == "Bearer theirs"


def test_taskq_url_wins_over_a_local_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stack_file(tmp_path)
    assert existing().url == "http://127.0.0.1:5/graphql"
    assert existing().token == TOKEN
    monkeypatch.setenv("TASKQ_URL", "http://h/graphql")
    monkeypatch.setenv("TASKQ_TOKEN_FILE", str(tmp_path / "token"))
    assert existing().url == "http://h/graphql"
    assert existing().token == TOKEN
    assert configured() == existing()


def test_without_any_stack_the_hint_is_taskq_up() -> None:
    assert configured() is None
    with pytest.raises(ServiceUnreachable, match="taskq up"):
        existing()


def test_a_broken_stack_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text("{")
    with pytest.raises(ServiceUnreachable, match=r"stack\.json cannot be read"):
        existing()


def test_an_address_without_a_token_says_which_variable_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="set TASKQ_TOKEN or TASKQ_TOKEN_FILE"):
        connect("http://h/graphql")
    monkeypatch.setenv("TASKQ_TOKEN_FILE", "/nowhere/token")
    with pytest.raises(SettingsError, match="TASKQ_TOKEN_FILE '/nowhere/token': No such file"):
        connect("http://h/graphql")


def test_connect_says_at_once_that_nobody_is_there_or_the_token_is_wrong() -> None:
    with http_stub(errors("UNAUTHORIZED", "the token is not known", 401)) as stub, pytest.raises(Unauthorized):
        connect(stub.url, token="wrong")
    with pytest.raises(ServiceUnreachable):
        connect(stub.url, token="right")


def test_an_address_shows_no_token(tmp_path: Path) -> None:
    stack_file(tmp_path)
    assert TOKEN not in repr(existing())
    assert TOKEN not in repr(load_settings(token=TOKEN))
    assert TOKEN not in f"{load_settings(token=TOKEN).token}"


@pytest.mark.parametrize("toml", [None, "", 'url = "http://toml/graphql"', 'token = "from the file"'])
@pytest.mark.parametrize("chosen", list(itertools.product([False, True], repeat=4)))
def test_the_client_finds_what_the_settings_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, chosen: tuple[bool, ...], toml: str | None
) -> None:
    (tmp_path / "token").write_text(f" {TOKEN}\n")
    values = ("http://h/graphql", "t0ken", str(tmp_path / "token"), "ca.pem")
    for name, value, is_set in zip(VARIABLES[1:], values, chosen, strict=True):
        if is_set:
            monkeypatch.setenv(name, value)
    if toml is not None:
        (tmp_path / "taskq.toml").write_text(toml)
    settings = load_settings()
    has_token = settings.token is not None or settings.token_file is not None
    if settings.url is None:
        assert configured() is None
    elif not has_token:
        with pytest.raises(SettingsError, match="there is no token"):
            configured()
    else:
        assert configured() == connecting.Address(settings.url, read_token(settings), settings.ca_file)


def test_the_default_client_is_made_once_and_again_when_it_was_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "_default", None)
    with http_stub(data(me={"name": "ann"})) as stub:
        monkeypatch.setenv("TASKQ_URL", stub.url)
        monkeypatch.setenv("TASKQ_TOKEN", "t")
        first = connecting.default_client()
        assert connecting.default_client() is first
        first.close()
        assert connecting.default_client() is not first


def statistics(slots: int) -> dict[str, Any]:
    return {
        "counts": [], "total": 0, "slots": slots, "busy": 0, "workersOnline": 1, "finishedPerMinute": 0.0,
        "lastHour": [], "brokerConnected": True, "brokerBlocked": None, "unservedQueues": [], "outboxLength": 0,
        "version": 1,
    }  # fmt: skip


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "in_notebook", lambda: True)
    monkeypatch.setattr("taskq_kernel.client.progress.in_notebook", lambda: True)


def test_in_a_notebook_connect_leaves_a_line_that_says_what_runs_and_how_it_ends(
    notebook: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with http_stub(data(me={"name": "ann"}), data(statistics=statistics(4))) as stub:
        monkeypatch.setattr(connecting, "_started_stack", lambda: connecting.Address(stub.url, TOKEN))
        connect()
    assert capsys.readouterr().out == (
        "taskq runs on this machine, with 4 slots, and goes on without this notebook; "
        "`taskq down` in a terminal, or `!taskq down` here, ends it\n"
    )


def test_of_a_service_elsewhere_the_line_says_where_it_is(
    notebook: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with http_stub(data(me={"name": "ann"}), data(statistics=statistics(1))) as stub:
        connect(stub.url, "t")
        assert capsys.readouterr().out == (
            f"connected to taskq at {stub.url}, with 1 slot; tasks go on without this notebook\n"
        )
    with http_stub(data(me={"name": "ann"}), errors("FORBIDDEN", "not yours")) as stub:
        connect(stub.url, "t")
        assert f"connected to taskq at {stub.url}; " in capsys.readouterr().out


def test_the_line_is_left_in_notebooks_alone_and_not_on_a_page(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with http_stub(data(me={"name": "ann"})) as stub:
        connect(stub.url, "t")
        assert len(stub.requests) == 1
    monkeypatch.setattr(connecting, "in_notebook", lambda: True)
    monkeypatch.setattr("taskq_kernel.client.progress.in_notebook", lambda: True)
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.8")
    with http_stub(data(me={"name": "ann"}), data(statistics=statistics(1))) as stub:
        connect(stub.url, "t")
    assert capsys.readouterr().out == ""


HEAVY = ("pandas", "numpy", "pydantic", "sqlalchemy", "graphene", "uvicorn", "urllib3", "websockets", "rich", "pika")


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ("import taskq_kernel", ()),
        ("import taskq_kernel.cli", ()),
        ("from taskq_kernel.transport.graphql import GraphQLTransport", ("urllib3",)),
        ("from taskq_kernel import connect, Client, Task, Batch, TaskFailed", ("urllib3",)),
        ("import taskq_kernel.cli.submit, taskq_kernel.cli.look, taskq_kernel.cli.bulk_actions", ("urllib3",)),
        ("import taskq_kernel.service.main", tuple(sorted({*HEAVY} - {"pandas", "numpy"}))),
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(statement: str, allowed: tuple[str, ...]) -> None:
    code = f"{statement}\nimport sys\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(ast.literal_eval(done.stdout)) <= set(allowed)


def test_every_public_name_is_there() -> None:
    for name in taskq_kernel.__all__:
        assert getattr(taskq_kernel, name) is not None
        assert name in dir(taskq_kernel)
    with pytest.raises(AttributeError, match="no attribute 'connekt'"):
        _ = taskq_kernel.connekt  # type: ignore[attr-defined]
    assert taskq_kernel.__version__
