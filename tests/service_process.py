"""A service process of its own for a test, and how tests talk to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import urllib3
from websockets.sync.client import ClientConnection, connect

from taskq_kernel.local.processes import free_port

#: Tokens of the service, by whom they stand for.
TOKENS = {
    "admin": ("root", "admin"), "ann": ("ann", "user"), "bob": ("bob", "user"), "runner": ("ron", "runner"),
    "worker": ("worker", "worker"), "sink": ("sink", "sink"),
}
JSON = "application/json"
STRICT = "application/graphql-response+json"


def token(who: str) -> str:
    """The token of one of `TOKENS`."""
    return f"the-token-of-{who}"


@dataclass
class ServiceProcess:
    """A running service."""

    home: Path
    port: int
    env: dict[str, str]
    process: subprocess.Popen[bytes]
    #: Whom to trust, where the service has a certificate.
    ca_file: Path | None = None
    pool: urllib3.PoolManager = field(init=False)

    def __post_init__(self) -> None:
        self.pool = urllib3.PoolManager(maxsize=4, retries=False, ca_certs=str(self.ca_file) if self.ca_file else None)

    @property
    def url(self) -> str:
        """Its root."""
        return f"{'https' if self.ca_file else 'http'}://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What it has said so far."""
        return (self.home / "service.log").read_text()

    def request(self, method: str, path: str, who: str | None = "ann", **given: Any) -> urllib3.BaseHTTPResponse:
        """One HTTP request."""
        headers = dict(given.pop("headers", {}))
        if who is not None:
            headers.setdefault("authorization", f"Bearer {token(who)}")
        return self.pool.request(method, self.url + path, headers=headers, timeout=20, **given)

    def post(self, query: str, who: str | None = "ann", **variables: Any) -> dict[str, Any]:
        """One GraphQL request; its whole answer."""
        body = json.dumps({"query": query, "variables": variables})
        answer = self.request("POST", "/graphql", who, body=body, headers={"content-type": JSON})
        return answer.json()  # type: ignore[no-any-return]  # urllib3 has no type for it

    def data(self, query: str, who: str = "ann", **variables: Any) -> Any:
        """One GraphQL request that has to succeed; its data."""
        answer = self.post(query, who, **variables)
        assert "errors" not in answer, answer
        return answer["data"]

    def error(self, query: str, who: str = "ann", **variables: Any) -> tuple[str, str]:
        """One GraphQL request that has to fail; the first error's code and message."""
        answer = self.post(query, who, **variables)
        assert answer.get("errors"), answer
        return answer["errors"][0]["extensions"]["code"], answer["errors"][0]["message"]

    @contextmanager
    def socket(self, who: str | None = "ann", *, header: bool = False) -> Iterator[ClientConnection]:
        """A WebSocket, initialised if ``who`` is given."""
        extra = {"authorization": f"Bearer {token(who)}"} if header and who else None
        with connect(
            f"ws://127.0.0.1:{self.port}/graphql", subprotocols=["graphql-transport-ws"],  # type: ignore[list-item]
            additional_headers=extra, max_size=None, close_timeout=1,
        ) as connection:
            if who is not None:
                payload = {} if header else {"authorization": f"Bearer {token(who)}"}
                connection.send(json.dumps({"type": "connection_init", "payload": payload}))
                assert json.loads(connection.recv(10)) == {"type": "connection_ack"}
            yield connection

    def stop(self, number: int = signal.SIGTERM, timeout_s: float = 10) -> int:
        """End the process; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout_s)

    def start_again(self) -> None:
        """Start it once more, in the same place."""
        self.process = _start(self.home, self.env)
        _wait_ready(self)


def subscribe(connection: ClientConnection, query: str, **variables: Any) -> None:
    """Start the operation "1"."""
    payload = {"query": query, "variables": variables}
    connection.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))


def receive(connection: ClientConnection, timeout_s: float = 10) -> Any:
    """The next message."""
    return json.loads(connection.recv(timeout_s))


def digest(data: bytes) -> str:
    """What a file of the service is called that holds this."""
    return sha256(data).hexdigest()


@contextmanager
def service_process(home: Path, trusted: Path | None = None, **settings: str) -> Iterator[ServiceProcess]:
    """Run a service; ``settings`` are variables without their prefix.

    With ``trusted``, an authority's file, it is asked by https; its ``tls_cert`` and ``tls_key`` are settings.
    """
    home.mkdir(parents=True, exist_ok=True)
    tokens = [
        {"name": name, "role": role, "sha256": sha256(token(who).encode()).hexdigest()}
        for who, (name, role) in TOKENS.items()
    ]
    (home / "tokens.json").write_text(json.dumps(tokens))
    port = free_port()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TASKQ_")}
    env = clean | {
        "TASKQ_HOME": str(home), "TASKQ_PORT": str(port), "TASKQ_TOKENS_FILE": str(home / "tokens.json"),
        **{f"TASKQ_{name.upper()}": value for name, value in settings.items()},
    }
    running = ServiceProcess(home, port, env, _start(home, env), trusted)
    try:
        _wait_ready(running)
        yield running
    finally:
        if running.process.poll() is None:
            running.process.terminate()
            try:
                running.process.wait(10)
            except subprocess.TimeoutExpired:
                running.process.kill()
                running.process.wait(5)
        running.pool.clear()


def _start(home: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    with (home / "service.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "taskq_kernel.service.main"], env=env, stdout=log, stderr=log, cwd=home
        )


def _wait_ready(running: ServiceProcess, timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            if running.request("GET", "/readyz", None).status == 200:
                return
        except urllib3.exceptions.HTTPError:
            pass
        assert running.process.poll() is None, running.log
        time.sleep(0.05)
    raise AssertionError(f"the service is not ready within {timeout_s:g} s:\n{running.log}")
