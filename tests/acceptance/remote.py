"""A test's hand in a notebook's kernel: code that it sends runs there, on a thread of its own.

A notebook calls `serve`; the test reads the address from the file and uses `Remote`. Code
runs beside the kernel's main thread, as a live feed does, so it works while a cell runs.
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
import time
import traceback
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


def serve(namespace: dict[str, Any], address_file: str) -> None:
    """Serve code execution in ``namespace`` on loopback, and write the address to a file."""
    token = secrets.token_hex(16)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            source = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if not hmac.compare_digest(self.headers.get("X-Token", ""), token):
                self.send_error(403)
                return
            body = json.dumps(_evaluate(source, namespace)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    path = Path(address_file)
    part = path.with_suffix(".part")
    part.write_text(json.dumps({"port": server.server_address[1], "token": token}))
    part.chmod(0o600)
    part.rename(path)


def _evaluate(source: str, namespace: dict[str, Any]) -> dict[str, Any]:
    try:
        try:
            return {"value": eval(source, namespace)}
        except SyntaxError:
            exec(source, namespace)
            return {"value": None}
    except BaseException:
        return {"error": traceback.format_exc()}


class Remote:
    """A hand in the kernel whose address stands in a file now, or as soon as there is one."""

    def __init__(self, address_file: Path, timeout_s: float = 60) -> None:
        self._address = _read(address_file, timeout_s)

    def __call__(self, source: str, timeout_s: float = 60) -> Any:
        """Run a statement, or return the value of an expression, which must be JSON."""
        url = f"http://127.0.0.1:{self._address['port']}/"
        request = urllib.request.Request(url, source.encode(), {"X-Token": self._address["token"]})
        with urllib.request.urlopen(request, timeout=timeout_s) as response:
            answer = json.load(response)
        if "error" in answer:
            raise AssertionError(f"in the kernel:\n{answer['error']}")
        return answer["value"]

    def wait(self, expression: str, timeout_s: float = 10) -> Any:
        """Return the value of an expression as soon as it is true."""
        deadline = time.monotonic() + timeout_s
        while not (value := self(expression)):
            assert time.monotonic() < deadline, f"not true within {timeout_s} s: {expression}"
            time.sleep(0.02)
        return value


def _read(address_file: Path, timeout_s: float) -> dict[str, Any]:
    deadline = time.monotonic() + timeout_s
    while not address_file.exists():
        assert time.monotonic() < deadline, "the notebook did not start its remote"
        time.sleep(0.02)
    address: dict[str, Any] = json.loads(address_file.read_text())
    return address
