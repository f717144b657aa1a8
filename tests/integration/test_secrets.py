"""No token and no password where somebody could read it: texts, notebooks, process lists."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from service_process import JSON, ServiceProcess, service_process, token
from stacks import RunningStack, eventually

from taskq_kernel import connect
from taskq_kernel.broker.client import Broker
from taskq_kernel.broker.names import Names
from taskq_kernel.broker.session import Session, parse_url
from taskq_kernel.client.connection import existing
from taskq_kernel.errors import BrokerUnreachable
from taskq_kernel.local.rabbit_files import NodeFiles
from taskq_kernel.settings import load_settings
from taskq_kernel.transport.graphql import GraphQLTransport

COMMAND = [sys.executable, "-m", "taskq_kernel.cli"]


@pytest.fixture
def secrets(stack: RunningStack) -> list[str]:
    """The stack's own secrets."""
    password = stack.broker_url.split(":")[2].partition("@")[0]
    return [*(stack.token(role).strip() for role in ("admin", "worker", "sink")), password]


def leaked(text: str, secrets: list[str]) -> list[str]:
    """Those of the secrets that a text has."""
    return [secret for secret in secrets if secret in text]


# -- repr ------------------------------------------------------------------------------------


def test_settings_show_no_secret_and_no_url_of_a_database(tmp_path: Path) -> None:
    url = "postgresql://ann:secret-word@db/taskq"
    settings = load_settings(
        home=tmp_path, token="secret-word", broker="amqp://a:secret-word@h", database=url, results_database=url
    )
    assert "secret-word" not in repr(settings) + str(settings)
    assert settings.database == url


@pytest.mark.parametrize("flags", [
    {"token": ["secret-word"]}, {"broker": ["secret-word"]}, {"database": ["secret-word"]},
    {"results_database": {"a": "secret-word"}},
])  # fmt: skip
def test_a_setting_that_cannot_be_used_is_named_without_the_secret(flags: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(Exception, match="the setting") as refused:
        load_settings(home=tmp_path, **flags)
    assert "secret-word" not in "".join(traceback.format_exception(refused.value))


def test_nothing_that_holds_a_secret_shows_it(
    stack: RunningStack, secrets: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKQ_HOME", str(stack.home))
    monkeypatch.delenv("TASKQ_URL", raising=False)
    with connect(stack.url, stack.token().strip()) as q:
        task = q.submit("1 + 1", name="shows itself")
        task.wait(timeout=60)
        shown: list[Any] = [
            q, task, q.tasks(limit=2), q.feed, q.feed.state, q.transport, q.transport._pool, existing(),
            stack.settings, stack.local, stack.local.info(), stack.local.parts.broker, stack.local.status(),
            NodeFiles(stack.home / "broker").read_facts(), parse_url(stack.broker_url),
            Broker(stack.broker_url, Names(), "classic", "test"), q.workers(), q.statistics(),
        ]
        texts = [text for one in shown for text in (repr(one), str(one), getattr(one, "_repr_html_", str)())]
    assert leaked("\n".join(texts), secrets) == []


def test_widgets_send_no_secret_to_the_browser(stack: RunningStack, secrets: list[str]) -> None:
    from ipywidgets.widgets import widget
    from taskq_widgets import TaskBoard

    with connect(stack.url, stack.token().strip()) as q:
        before = set(widget._instances)
        board = TaskBoard(q)
        made = [one for key, one in widget._instances.items() if key not in before]
        state = repr(board) + json.dumps([one.get_state() for one in made], default=repr)
        board.close()
    assert len(made) > 10
    assert leaked(state, secrets) == []


# -- notebooks -------------------------------------------------------------------------------

CELLS = (
    "from taskq_kernel import connect\nq = connect()\nq",
    "t = q.submit('6 * 7', name='kept')\nt.result(timeout=60)\nt",
    "q.tasks(limit=3)",
    "%load_ext taskq_kernel",
    "%%julia --wait\n1 + 1",
    "from taskq_widgets import TaskBoard\nTaskBoard()",
    "from taskq_kernel.settings import load_settings\nload_settings()",
    "connect(q.url, token='secret-word')",
    "connect('http://ann:secret-word@127.0.0.1/graphql')",
)


def test_a_notebook_is_saved_without_a_secret(stack: RunningStack, secrets: list[str], tmp_path: Path) -> None:
    # Given: cells that connect, show everything there is, and fail with a wrong token.
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    client = NotebookClient(notebook, timeout=90, allow_errors=True, resources={"metadata": {"path": str(tmp_path)}})
    # When: they are run, and the notebook is saved with the state of its widgets.
    client.execute(env=stack.env)
    outputs = nbformat.writes(notebook).replace(CELLS[-1], "").replace(json.dumps(CELLS[-1])[1:-1], "")
    # Then: the cells did what they say, and what was sent is nowhere in what is kept.
    last = [cell.outputs[-1] for cell in notebook.cells if cell.outputs]
    assert [output.ename for output in last if output.output_type == "error"] == ["Unauthorized", "SettingsError"]
    assert "application/vnd.jupyter.widget-state+json" in outputs
    assert leaked(outputs, secrets) == []


# -- process lists ---------------------------------------------------------------------------


def test_no_command_line_on_this_machine_has_a_secret_of_the_stack(
    stack: RunningStack, secrets: list[str]
) -> None:
    # Given: a running stack, and a command that uses its token.
    following = subprocess.Popen(
        [*COMMAND, "submit", "-", "--wait"], env=stack.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert following.stdin is not None
    following.stdin.write(b"sleep(1); 1")
    following.stdin.close()
    # When: the process list is read again and again until the command ends.
    found: set[str] = set()
    seen = 0
    while following.poll() is None:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue  # it has just ended
            seen += "taskq" in line
            found.update(leaked(line, secrets))
    assert following.stdout is not None
    following.stdout.close()
    # Then: the stack's processes were in it, and no secret.
    assert (following.returncode, found) == (0, set())
    assert seen >= 4


# -- logs ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service that logs all it can, with a broker that is not there."""
    with service_process(
        tmp_path_factory.mktemp("secrets") / "home",
        log_level="debug", broker="amqp://taskq:secret-of-the-broker@127.0.0.1:1/%2F",
    ) as running:
        yield running


def test_the_service_logs_no_token_whatever_is_done_with_it(service: ServiceProcess) -> None:
    # Given: a token made here, wrong ones, and each way to send them.
    made = service.data('mutation { createToken(name: "eve", role: user) { secret token { id } } }', "admin")
    secret = made["createToken"]["secret"]
    authorization = f"Bearer {secret}"
    body = b'{"query": "mutation { createTask(input: {code: \\"1\\"}) { id } }"}'
    for given in (authorization, "Bearer wrong-secret", "Basic wrong-secret", "wrong-secret"):
        headers = {"authorization": given, "content-type": JSON}
        service.request("POST", "/graphql", None, body=body, headers=headers)
        service.request("POST", "/graphql", None, body=b'{"query": "{ nonsense }"}', headers=headers)
        service.request("GET", "/metrics", None, headers=headers)
        service.request("GET", f"/blobs/{'0' * 64}", None, headers=headers)
    service.request("GET", "/graphql?query={me{name}}&token=wrong-secret", None)
    with service.socket(None) as connection:
        connection.send(json.dumps({"type": "connection_init", "payload": {"authorization": "Bearer wrong-secret"}}))
    with service.socket("ann"):
        pass
    service.data(f'mutation {{ revokeToken(id: "{made["createToken"]["token"]["id"]}") {{ id }} }}', "admin")
    assert service.request("GET", "/metrics", None, headers={"authorization": authorization}).status == 401
    # Then: the log tells what was done, by whom, and no secret.
    log = eventually(lambda: "revoke token" in service.log and service.log, "the last of it is logged")
    assert "for eve by root" in log
    assert "RabbitMQ is away" in log
    secrets = [secret, "wrong-secret", "secret-of-the-broker", *(token(who) for who in ("ann", "admin"))]
    assert leaked(log, secrets) == []


def test_the_client_logs_no_token_even_where_everything_is_logged(
    service: ServiceProcess, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "taskq_kernel"), connect(f"{service.url}/graphql", token("ann")) as q:
        q.submit("1")
        eventually(lambda: q.feed.state.connected, "the feed is connected")
        GraphQLTransport(f"{service.url}/graphql", token("ann")).execute("{ me { name } }")
    assert leaked(caplog.text, [token("ann")]) == []


def test_a_session_that_cannot_be_opened_tells_no_password() -> None:
    parameters = parse_url("amqp://ann:secret-word@127.0.0.1:1/")
    with pytest.raises(BrokerUnreachable, match="Connection refused") as refused:
        asyncio.run(Session.open(parameters, "test"))
    assert "secret-word" not in "".join(traceback.format_exception(refused.value))
