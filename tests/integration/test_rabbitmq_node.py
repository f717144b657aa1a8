"""The private RabbitMQ node, with a real one."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pika
import pika.exceptions
import psutil
import pytest
from stacks import eventually, missing

from taskq_kernel.errors import SetupError, StackError
from taskq_kernel.local.amqp_login import LoginRefused, can_log_in
from taskq_kernel.local.processes import port_is_free
from taskq_kernel.local.rabbit_files import find_server
from taskq_kernel.local.rabbitmq import RabbitNode

NOBODY = 65534


@pytest.fixture(autouse=True)
def rabbitmq() -> None:
    try:
        find_server()
    except SetupError as error:
        missing(str(error))


@pytest.fixture(scope="module")
def shared() -> Iterator[RabbitNode]:
    """A running node for the tests that only look at it."""
    with tempfile.TemporaryDirectory(prefix="taskq test-") as folder:  # a space, as home folders may have
        node = RabbitNode(Path(folder) / "broker")
        node.start()
        yield node
        node.stop()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RabbitNode]:
    """A node of this test's own, not yet started."""
    node = RabbitNode(tmp_path / "broker")
    yield node
    node.kill()  # quicker than an orderly stop, which other tests look at
    node.stop()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a node that ran, has a message in a durable queue, and was stopped."""
    node = RabbitNode(tmp_path_factory.mktemp("kept") / "broker")
    node.start()
    keep_a_message(node)
    node.stop()
    return node.home


@pytest.fixture
def stopped(kept: Path, node: RabbitNode) -> RabbitNode:
    """A node of this test's own that ran before, kept a message, and was stopped in order."""
    shutil.copytree(kept, node.home, symlinks=True)
    return node


def belongings(node: RabbitNode) -> list[psutil.Process]:
    """Every process that was started for a node, whatever has become of its parents."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("HOME") == str(node.home):
                found.append(process)
        except psutil.Error:
            continue
    return found


def connect(url: str) -> pika.BlockingConnection:
    return pika.BlockingConnection(pika.URLParameters(url))


def keep_a_message(node: RabbitNode) -> None:
    with connect(node.url) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare("kept", durable=True)
        properties = pika.BasicProperties(delivery_mode=2)
        channel.basic_publish("", "kept", b"still here", properties, mandatory=True)


def kept_message(node: RabbitNode) -> bytes | None:
    with connect(node.url) as connection:
        _, _, body = connection.channel().basic_get("kept", auto_ack=True)
    return body  # type: ignore[no-any-return]


# -- a running node ----------------------------------------------------------------------


def test_a_client_can_log_in_as_soon_as_start_returns(shared: RabbitNode) -> None:
    assert shared.state == "running"
    assert shared.answers()
    connect(shared.url).close()


def test_its_pid_is_that_of_its_erlang_machine(shared: RabbitNode) -> None:
    assert psutil.Process(shared.pid).name() == "beam.smp"


def test_starting_a_running_node_changes_nothing(shared: RabbitNode) -> None:
    pid = shared.pid
    shared.start()
    RabbitNode(shared.home).start()
    assert shared.pid == pid


@pytest.mark.parametrize(("user", "password"), [("taskq", "wrong"), ("guest", "guest"), ("", "")])
def test_whoever_does_not_know_the_password_is_refused(shared: RabbitNode, user: str, password: str) -> None:
    facts = shared.files.read_facts()
    assert facts is not None
    assert can_log_in(facts.amqp, "taskq", facts.password)
    with pytest.raises(LoginRefused):
        can_log_in(facts.amqp, user, password)


def test_it_listens_on_the_loopback_address_only(shared: RabbitNode) -> None:
    listening = [
        connection.laddr
        for process in belongings(shared)
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    facts = shared.files.read_facts()
    assert facts is not None
    assert {address.port for address in listening} == set(facts.ports)
    assert {address.ip for address in listening} <= {"127.0.0.1", "::1"}


def test_its_password_is_in_its_private_files_alone(shared: RabbitNode) -> None:
    facts = shared.files.read_facts()
    assert facts is not None
    assert facts.password in shared.url
    assert facts.password not in shared.redacted_url
    for process in belongings(shared):
        assert facts.password not in " ".join([*process.cmdline(), *process.environ().values()])
    assert shared.home.stat().st_mode & 0o777 == 0o700
    files = [path for path in shared.home.rglob("*") if path.is_file() and not path.is_symlink()]
    holders = {path for path in files if facts.password.encode() in path.read_bytes()}
    assert holders == {shared.home / "node.json", shared.home / "rabbitmq.conf"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in holders)


def test_two_nodes_run_beside_each_other(shared: RabbitNode, node: RabbitNode) -> None:
    node.start()
    assert node.url != shared.url
    assert shared.answers()
    node.stop()
    assert shared.answers()


# -- stopping, dying, starting again -------------------------------------------------------


def test_a_stopped_node_leaves_no_process_and_comes_back_with_its_address_and_its_durable_queues(
    node: RabbitNode,
) -> None:
    node.start()
    url = node.url
    keep_a_message(node)
    facts = node.files.read_facts()
    assert len(belongings(node)) > 1
    node.stop()
    assert belongings(node) == []
    assert (node.state, node.pid) == ("stopped", None)
    assert facts is not None
    assert all(port_is_free(port) for port in facts.ports)
    node.start()
    assert node.url == url
    assert kept_message(node) == b"still here"


def test_a_node_that_was_killed_keeps_its_durable_queues(stopped: RabbitNode) -> None:
    # RabbitMQ answers first and writes what queues there are then: a kill at once may lose a new one.
    stopped.start()
    url = stopped.url
    os.kill(stopped.pid or 0, signal.SIGKILL)
    eventually(lambda: stopped.state == "dead", "the node is dead")
    stopped.start()
    assert stopped.url == url
    assert kept_message(stopped) == b"still here"
    stopped.stop()
    assert belongings(stopped) == []


def test_a_node_that_hangs_is_replaced(node: RabbitNode, monkeypatch: pytest.MonkeyPatch) -> None:
    node.start()
    pid = node.pid
    os.kill(pid or 0, signal.SIGSTOP)
    monkeypatch.setattr("taskq_kernel.local.amqp_login.ANSWER_TIMEOUT_S", 1.0)
    assert not node.answers()
    node.start()
    assert node.pid != pid
    assert node.answers()


@pytest.mark.parametrize("lost", ["data", "node.json"])
def test_a_node_whose_files_were_lost_starts_afresh(stopped: RabbitNode, lost: str) -> None:
    if lost == "data":
        shutil.rmtree(stopped.files.data)
    else:
        (stopped.home / lost).unlink()
    stopped.start()
    with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="NOT_FOUND"):
        kept_message(stopped)


def test_a_node_whose_data_is_beyond_repair_starts_without_and_sets_it_aside(stopped: RabbitNode) -> None:
    broken = list(stopped.files.data.glob("*/cluster_nodes.config"))
    assert broken
    for file in broken:
        file.write_text("not a term")
    stopped.start()
    assert stopped.answers()
    assert [path.read_text() for path in stopped.home.glob("data.broken/*/cluster_nodes.config")] == ["not a term"]


def test_a_port_that_somebody_else_took_meanwhile_is_replaced(
    stopped: RabbitNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taskq_kernel.local.rabbitmq.PORTS_S", 0.2)
    facts = stopped.files.read_facts()
    assert facts is not None
    with socket.create_server(("127.0.0.1", facts.amqp)):
        stopped.start()
        assert stopped.answers()
        now = stopped.files.read_facts()
    assert now is not None
    assert now.amqp != facts.amqp
    assert now.name == facts.name


def test_a_node_that_cannot_start_says_why_and_leaves_nothing_behind(
    node: RabbitNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    from taskq_kernel.local import rabbit_files

    good = rabbit_files._configuration
    monkeypatch.setattr(rabbit_files, "_configuration", lambda facts: good(facts) + "nonsense = 3\n")
    with pytest.raises(StackError, match="nonsense"):
        node.start()
    assert belongings(node) == []
    assert node.state == "stopped"


def test_a_machine_with_an_absurd_limit_on_open_files_runs_a_node(
    node: RabbitNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taskq_kernel.local.rabbitmq.MAX_OPEN_FILES", 2000)
    node.start()
    process = psutil.Process(node.pid)
    assert process.name() == "beam.smp"
    assert process.rlimit(psutil.RLIMIT_NOFILE)[0] == 2000


def test_a_node_that_was_never_started_has_no_url_and_can_be_stopped(node: RabbitNode) -> None:
    node.stop()
    assert node.state == "stopped"
    assert not node.answers()
    with pytest.raises(StackError, match="was never started"):
        _ = node.url


# -- other users ---------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_an_ordinary_user_can_run_a_node() -> None:
    with tempfile.TemporaryDirectory(prefix="taskq-nobody-") as folder:
        os.chown(folder, NOBODY, NOBODY)

        def start_and_stop() -> None:
            node = RabbitNode(Path(folder) / "broker")
            try:
                node.start()
                assert node.answers()
                assert psutil.Process(node.pid).uids().real == NOBODY
            finally:
                node.stop()
            assert belongings(node) == []

        assert as_nobody(start_and_stop) == ""


def as_nobody(action: Callable[[], None]) -> str:
    """Run it in a fork of this process as the user nobody; the traceback, if it failed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.chdir("/")
            action()
        except BaseException:
            os.write(writing, traceback.format_exc().encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as said:
        text = said.read()
    os.waitpid(child, 0)
    return text


# -- finding RabbitMQ ----------------------------------------------------------------------


def test_a_setting_that_names_no_program_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASKQ_RABBITMQ", "/nowhere/rabbitmq-server")
    with pytest.raises(SetupError, match="TASKQ_RABBITMQ is '/nowhere/rabbitmq-server'"):
        find_server()


def test_a_rabbitmq_that_is_too_old_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "rabbitmq_server-3.8.9" / "sbin" / "rabbitmq-server"
    script.parent.mkdir(parents=True)
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    monkeypatch.setenv("TASKQ_RABBITMQ", str(script))
    with pytest.raises(SetupError, match=r"taskq needs 3\.10 or newer"):
        find_server()
