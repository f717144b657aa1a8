"""A door before the service, at which a test counts who comes in."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Relay:
    """Carries connections to a service, and keeps what each of them asked for first."""

    url: str
    heads: list[bytes] = field(default_factory=list, repr=False)  # tokens among them

    def websockets(self) -> int:
        """Return how many of the connections so far were WebSockets."""
        return sum(b"upgrade: websocket" in head.lower() for head in self.heads)


@contextlib.contextmanager
def relay(url: str) -> Iterator[Relay]:
    """Listen on a port of loopback, and carry what comes to the service at ``url``."""
    service = urlsplit(url)
    address = service.hostname or "127.0.0.1", service.port or 80
    with socket.create_server(("127.0.0.1", 0)) as door:
        made = Relay(service._replace(netloc=f"127.0.0.1:{door.getsockname()[1]}").geturl())
        ends: list[socket.socket] = []
        threading.Thread(target=_welcome, args=(door, address, made, ends), daemon=True).start()
        try:
            yield made
        finally:
            for end in ends:
                _cut(end)


def _welcome(door: socket.socket, address: tuple[str, int], made: Relay, ends: list[socket.socket]) -> None:
    with contextlib.suppress(OSError):  # the door is closed
        while True:
            near, _ = door.accept()
            far = socket.create_connection(address)
            ends += [near, far]
            threading.Thread(target=_carry, args=(near, far, made.heads), daemon=True).start()
            threading.Thread(target=_carry, args=(far, near, []), daemon=True).start()


def _carry(source: socket.socket, target: socket.socket, heads: list[bytes]) -> None:
    """Carry bytes until one end closes, and keep the first of them."""
    with contextlib.suppress(OSError):
        first = True
        while data := source.recv(1 << 16):
            if first:
                heads.append(data)
                first = False
            target.sendall(data)
    _cut(source)
    _cut(target)


def _cut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
