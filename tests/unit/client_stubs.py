"""Servers on real sockets that answer the client with what a test puts into them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

TOKEN = "a-token-that-nobody-may-see"


# -- over HTTP -------------------------------------------------------------------------------


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that gave up."""


class HttpStub:
    """An HTTP server on a free port. ``answers`` are taken one by one, the last one for ever.

    An answer is a status and a body, or None to break the connection.
    """

    def __init__(self, *answers: tuple[int, bytes] | None) -> None:
        self.answers = list(answers)
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.peers: list[tuple[str, int]] = []
        self.delay_s = 0.0
        #: Writes the first answer's body in its own way.
        self.parts: Callable[[Callable[[bytes], object]], None] | None = None
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                stub.peers.append(self.client_address)
                stub.requests.append((self.command, self.path, dict(self.headers.items()), body))
                time.sleep(stub.delay_s)
                answer = stub.answers[0] if len(stub.answers) == 1 else stub.answers.pop(0)
                if answer is None:
                    self.close_connection = True
                    return
                status, data = answer
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                parts, stub.parts = stub.parts, None
                if parts is None:
                    self.wfile.write(data)
                else:
                    parts(self.wfile.write)

            do_GET = do_POST = do_PUT = handle_one  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = _QuietServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/graphql"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def http_stub(*answers: tuple[int, bytes] | None) -> Iterator[HttpStub]:
    stub = HttpStub(*answers)
    try:
        yield stub
    finally:
        stub.close()


def data(**fields: Any) -> tuple[int, bytes]:
    return 200, json.dumps({"data": fields}).encode()


def errors(code: str, message: str = "no", status: int = 200, **extensions: Any) -> tuple[int, bytes]:
    error = {"message": message, "extensions": {"code": code, **extensions}}
    return status, json.dumps({"data": None, "errors": [error]}).encode()


# -- over a WebSocket ------------------------------------------------------------------------


class SocketStub:
    """A graphql-transport-ws server on a free port.

    Each connection is greeted, then handled by the next of ``scripts``, the last for ever.
    """

    def __init__(self, *scripts: Callable[[Subscriber], None]) -> None:
        self.scripts = list(scripts)
        self.subscriptions: list[dict[str, Any]] = []
        self.inits: list[dict[str, Any]] = []
        self._server = serve(self._handle, "127.0.0.1", 0, subprotocols=[Subprotocol("graphql-transport-ws")])
        self.url = f"http://127.0.0.1:{self._server.socket.getsockname()[1]}/graphql"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _handle(self, socket: ServerConnection) -> None:
        self.inits.append(json.loads(socket.recv())["payload"])
        script = self.scripts[0] if len(self.scripts) == 1 else self.scripts.pop(0)
        script(Subscriber(self, socket))

    def close(self) -> None:
        self._server.shutdown()


class Subscriber:
    """One connection, as a script sees it."""

    def __init__(self, stub: SocketStub, socket: ServerConnection) -> None:
        self._stub = stub
        self.socket = socket
        self.id = ""

    def accept(self) -> Any:
        """Acknowledge; the cursor that the client goes on from."""
        self.socket.send('{"type": "connection_ack"}')
        message = json.loads(self.socket.recv())
        assert message["type"] == "subscribe"
        self.id = message["id"]
        self._stub.subscriptions.append(message["payload"])
        return message["payload"]["variables"]["since"]

    def tell(
        self, version: int, *tasks: dict[str, Any], deleted: tuple[str, ...] = (), database: str = ""
    ) -> None:
        changes = {"version": version, "database": database, "tasks": list(tasks), "deleted": list(deleted)}
        self.send("next", {"data": {"taskChanges": changes}})

    def send(self, kind: str, payload: Any = None) -> None:
        self.socket.send(json.dumps({"id": self.id, "type": kind, "payload": payload}))

    def stay(self) -> None:
        """Keep the connection until the client ends it."""
        for _ in self.socket:
            pass
