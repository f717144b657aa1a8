"""TLS with real certificates: the service, its clients, RabbitMQ, and a whole stack through it."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
import trustme
from service_process import ServiceProcess, service_process, token
from stacks import eventually, missing

from taskq_kernel import connect
from taskq_kernel.broker.client import Broker
from taskq_kernel.broker.names import Names
from taskq_kernel.client.client import Client
from taskq_kernel.client.feed import Feed
from taskq_kernel.errors import ServiceUnreachable, SettingsError, SetupError
from taskq_kernel.local.processes import free_port
from taskq_kernel.local.rabbitmq import RabbitNode
from taskq_kernel.service.main import check_listening
from taskq_kernel.settings import load_settings
from taskq_kernel.tls import is_loopback
from taskq_kernel.transport.graphql import GraphQLTransport

COMMAND = [sys.executable, "-m", "taskq_kernel.cli"]


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority (``ca``), a server's certificate for 127.0.0.1, and another authority."""
    folder = tmp_path_factory.mktemp("pki")
    authority, stranger = trustme.CA(), trustme.CA()
    server = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    stranger.cert_pem.write_to_path(folder / "stranger.pem")
    server.private_key_pem.write_to_path(folder / "key.pem")
    stranger.issue_cert("127.0.0.1").private_key_pem.write_to_path(folder / "other-key.pem")
    (folder / "cert.pem").write_bytes(b"".join(pem.bytes() for pem in server.cert_chain_pems))
    (folder / "empty.pem").write_text("nothing\n")
    return folder


@pytest.fixture(scope="module")
def node(pki: Path) -> Iterator[str]:
    """A RabbitMQ node that also listens on amqps; its amqps URL."""
    home = Path(tempfile.mkdtemp(prefix="taskq-tls-"))
    port = free_port()
    (home / "advanced.config").write_text(
        f'[{{rabbit, [{{ssl_listeners, [{{"127.0.0.1", {port}}}]}}, {{ssl_options, ['
        f'{{cacertfile, "{pki}/ca.pem"}}, {{certfile, "{pki}/cert.pem"}}, {{keyfile, "{pki}/key.pem"}},'
        "{verify, verify_none}]}]}].\n"
    )
    rabbit = RabbitNode(home)
    try:
        rabbit.start(60)
        user = rabbit.url.partition("://")[2].rpartition(":")[0]  # user:password@127.0.0.1
        yield f"amqps://{user}:{port}/%2F"
    except SetupError as error:
        missing(str(error))
    finally:
        rabbit.stop()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def service(pki: Path, node: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service with a certificate, which has RabbitMQ over amqps."""
    home = tmp_path_factory.mktemp("tls")
    with service_process(
        home / "home", pki / "ca.pem", tls_cert=str(pki / "cert.pem"), tls_key=str(pki / "key.pem"),
        broker=node, ca_file=str(pki / "ca.pem"), queue_type="classic", log_level="debug",
    ) as running:
        yield running


@contextmanager
def following(url: str, ca_file: Path | None) -> Iterator[Feed]:
    transport = GraphQLTransport(url, token("ann"), ca_file=ca_file)
    feed = Feed(transport.url, transport.authorization, transport.tls)
    feed.start()
    try:
        yield feed
    finally:
        feed.close()


# -- the service and its clients -------------------------------------------------------------


def test_a_client_that_trusts_the_authority_asks_uploads_reads_and_follows(
    service: ServiceProcess, pki: Path
) -> None:
    url = f"{service.url}/graphql"
    assert url.startswith("https://")
    with connect(url, token("ann"), ca_file=pki / "ca.pem") as q:
        assert q.frame().empty
    worker = GraphQLTransport(url, token("worker"), ca_file=pki / "ca.pem")
    digest = sha256(b"[1]").hexdigest()
    worker.put_blob(digest, b"[1]")
    assert GraphQLTransport(url, token("ann"), ca_file=pki / "ca.pem").get_blob(digest) == b"[1]"
    with following(url, pki / "ca.pem") as feed:
        eventually(lambda: feed.state.connected, "the feed is connected over wss")


@pytest.mark.parametrize("trusted", ["stranger.pem", None])
def test_a_client_that_does_not_trust_the_authority_sends_no_token(
    service: ServiceProcess, pki: Path, trusted: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TASKQ_CA_FILE", raising=False)
    authority = pki / trusted if trusted else None
    with pytest.raises(ServiceUnreachable, match=r"its certificate is not trusted \(.*TASKQ_CA_FILE names"):
        connect(f"{service.url}/graphql", token("ann"), ca_file=authority)
    with following(f"{service.url}/graphql", authority) as feed:
        eventually(lambda: feed.state.name == "away", "the feed gives up for now")
        assert "its certificate is not trusted" in feed.state.reason


def test_a_certificate_for_another_host_is_refused(service: ServiceProcess, pki: Path) -> None:
    client = GraphQLTransport(f"https://localhost:{service.port}/graphql", token("ann"), ca_file=pki / "ca.pem")
    with pytest.raises(ServiceUnreachable, match="Hostname mismatch"):
        client.execute("{ me { name } }")


def test_without_tls_nothing_is_answered_where_tls_is_spoken(service: ServiceProcess) -> None:
    with pytest.raises(ServiceUnreachable):
        GraphQLTransport(f"http://127.0.0.1:{service.port}/graphql", token("ann")).execute("{ me { name } }")


@pytest.mark.parametrize(("trusted", "code"), [("ca.pem", 0), ("stranger.pem", 3), ("empty.pem", 2), ("none.pem", 2)])
def test_the_command_line_trusts_the_file_that_is_set(
    service: ServiceProcess, pki: Path, tmp_path: Path, trusted: str, code: int
) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("TASKQ_")} | {
        "TASKQ_HOME": str(tmp_path), "TASKQ_URL": f"{service.url}/graphql", "TASKQ_TOKEN": token("ann"),
        "TASKQ_CA_FILE": str(pki / trusted),
    }
    done = subprocess.run([*COMMAND, "ls"], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert code == 0 or "TASKQ_CA_FILE" in done.stderr


# -- where the service listens ---------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.7", "2001:db8::1", "no-such-host.invalid"])
def test_beyond_loopback_the_service_wants_tls_or_to_be_told_that_it_is_insecure(host: str, pki: Path) -> None:
    with pytest.raises(SettingsError, match="without TLS: set --tls-cert and --tls-key, or --insecure"):
        check_listening(load_settings(host=host))
    check_listening(load_settings(host=host, insecure=True))
    check_listening(load_settings(host=host, tls_cert=pki / "cert.pem", tls_key=pki / "key.pem"))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_on_loopback_the_service_needs_no_tls(host: str) -> None:
    assert is_loopback(host)
    check_listening(load_settings(host=host))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"tls_cert": "cert.pem"}, "TASKQ_TLS_CERT is set and TASKQ_TLS_KEY is not"),
        ({"tls_key": "key.pem"}, "TASKQ_TLS_KEY is set and TASKQ_TLS_CERT is not"),
        ({"tls_cert": "empty.pem", "tls_key": "key.pem"}, "cannot be used"),
        ({"tls_cert": "none.pem", "tls_key": "key.pem"}, "No such file"),
        ({"tls_cert": "cert.pem", "tls_key": "other-key.pem"}, "cannot be used"),
    ],
)
def test_a_certificate_that_cannot_be_used_is_named_before_anything_starts(
    pki: Path, given: dict[str, str], says: str
) -> None:
    with pytest.raises(SettingsError, match=says):
        check_listening(load_settings(**{name: pki / file for name, file in given.items()}))


def test_the_refusal_is_wrong_usage_and_nothing_listens(tmp_path: Path) -> None:
    port = free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith("TASKQ_")}
    done = subprocess.run(
        [*COMMAND, "service", "--host", "0.0.0.0", "--port", str(port), "--home", str(tmp_path / "home")],
        env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )
    assert (done.returncode, "without TLS" in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "home").exists()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


# -- RabbitMQ --------------------------------------------------------------------------------


def connected(url: str, ca_file: Path | None, caplog: pytest.LogCaptureFixture) -> str:
    """What the broker client says: nothing once it is connected, else the reason."""
    async def scene() -> str:
        broker = Broker(url, Names("tls"), "classic", "test", ca_file)
        await broker.start()
        try:
            async with asyncio.timeout(10):
                while not broker.connected and "RabbitMQ is away" not in caplog.text:
                    await asyncio.sleep(0.02)
            return "" if broker.connected else caplog.text
        finally:
            await broker.close()

    return asyncio.run(scene())


def test_a_broker_that_is_trusted_is_used_over_amqps(
    node: str, pki: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert connected(node, pki / "ca.pem", caplog) == ""


def test_a_broker_that_is_not_trusted_never_gets_the_password(
    node: str, pki: Path, caplog: pytest.LogCaptureFixture
) -> None:
    said = connected(node, pki / "stranger.pem", caplog)
    assert "its certificate is not trusted" in said
    assert "TASKQ_CA_FILE" in said
    assert node.split(":")[2].partition("@")[0] not in said


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://user:secret-word@127.0.0.1", "must look like amqps://"),
        ("user:secret-word@127.0.0.1", "must look like amqps://"),
        ("amqp://user:secret-word@127.0.0.1:port", "must look like amqps://"),
        ("amqp://user:secret-word@127.0.0.1/?heartbeat=secret-word", "must look like amqps://"),
        # In the words of pika: TLS that checks nothing.
        ("amqps://user:secret-word@127.0.0.1/?ssl_options={'protocol':5}", "leave them out, and set TASKQ_CA_FILE"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_and_not_repeated(url: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as refused:
        Broker(url, Names(), "classic", "test")
    assert "secret-word" not in "".join(traceback.format_exception(refused.value))


# -- all of it -------------------------------------------------------------------------------


def test_a_task_runs_through_https_wss_and_amqps_alone(
    service: ServiceProcess, node: str, pki: Path, tmp_path: Path
) -> None:
    # Given: a worker and a sink that know nothing but TLS addresses.
    processes = []
    for role, more in (("sink", {}), ("worker", {"TASKQ_SLOTS": "1", "TASKQ_RUNNER": "julia"})):
        (tmp_path / f"{role}.token").write_text(token(role))
        env = service.env | more | {
            "TASKQ_HOME": str(tmp_path), "TASKQ_URL": f"{service.url}/graphql",
            "TASKQ_TOKEN_FILE": str(tmp_path / f"{role}.token"),
        }
        with (tmp_path / f"{role}.log").open("wb") as log:
            processes.append(subprocess.Popen([*COMMAND, role], env=env, cwd=tmp_path, stdout=log, stderr=log))
    try:
        # When: a task is submitted.
        with Client(f"{service.url}/graphql", token("ann"), ca_file=pki / "ca.pem") as q:
            value = q.submit("6 * 7").result(timeout=60)
    finally:
        for process in processes:
            process.terminate()
        codes = [process.wait(20) for process in processes]
    # Then: it was run, recorded by the sink, and nobody's log has a secret in it.
    logs = service.log + "".join((tmp_path / f"{role}.log").read_text() for role in ("sink", "worker"))
    assert (value, codes) == (42, [0, 0]), logs
    secrets = [node.split(":")[2].partition("@")[0], *map(token, ("ann", "worker", "sink"))]
    assert [secret for secret in secrets if secret in logs] == []
