"""Does a RabbitMQ answer, and take this password? One login, spoken on a bare socket.

A client library would do the same with more noise: it logs every refused connection, and
some leave the socket of a failed login open. The few frames below are AMQP 0-9-1's opening
(sections 2.2.4 and 4.2 of its specification): header, Start, Tune, Open, Close.
"""

from __future__ import annotations

import socket
import struct

_METHOD_FRAME = 1
_FRAME_END = 0xCE
_START, _START_OK = (10, 10), (10, 11)
_TUNE, _TUNE_OK = (10, 30), (10, 31)
_OPEN, _OPEN_OK = (10, 40), (10, 41)
_CLOSE, _CLOSE_OK = (10, 50), (10, 51)
_ACCESS_REFUSED = 403
#: RabbitMQ's own messages before the login are far smaller; anything else is no RabbitMQ.
_LARGEST_FRAME = 1 << 17
#: How long a server may take for each of its answers, in seconds.
ANSWER_TIMEOUT_S = 3.0


class LoginRefused(Exception):
    """The server answers, and does not take the user's password."""


def can_log_in(port: int, user: str, password: str) -> bool:
    """Log in to the virtual host ``/`` of a server on the loopback address, and out again.

    Returns
    -------
    bool
        False if nobody answers there, or not within `ANSWER_TIMEOUT_S`, or not as AMQP.

    Raises
    ------
    LoginRefused
        If the user is unknown or the password wrong.
    """
    try:
        with socket.create_connection(("127.0.0.1", port), ANSWER_TIMEOUT_S) as server:
            return _log_in(server, user, password)
    except (OSError, struct.error):
        return False


def _log_in(server: socket.socket, user: str, password: str) -> bool:
    server.sendall(b"AMQP\x00\x00\x09\x01")
    if _receive(server)[0] != _START:
        return False
    # With this capability a refusal comes as Close 403, not as a connection that just ends.
    properties = _table(capabilities=b"F" + _table(authentication_failure_close=b"t\x01"))
    response = f"\0{user}\0{password}".encode()
    _send(server, _START_OK, properties + _short("PLAIN") + _long(response) + _short("en_US"))
    method, arguments = _receive(server)
    if method == _CLOSE and struct.unpack_from(">H", arguments)[0] == _ACCESS_REFUSED:
        _send(server, _CLOSE_OK, b"")
        raise LoginRefused(f"the password of {user!r} is not taken")
    if method != _TUNE:
        return False
    _send(server, _TUNE_OK, arguments)  # as the server proposes
    _send(server, _OPEN, _short("/") + _short("") + b"\0")
    if _receive(server)[0] != _OPEN_OK:
        return False
    _send(server, _CLOSE, struct.pack(">H", 200) + _short("done") + struct.pack(">HH", 0, 0))
    return _receive(server)[0] == _CLOSE_OK


def _send(server: socket.socket, method: tuple[int, int], arguments: bytes) -> None:
    payload = struct.pack(">HH", *method) + arguments
    server.sendall(struct.pack(">BHL", _METHOD_FRAME, 0, len(payload)) + payload + bytes([_FRAME_END]))


def _receive(server: socket.socket) -> tuple[tuple[int, int], bytes]:
    kind, _, size = struct.unpack(">BHL", _exactly(server, 7))
    if kind != _METHOD_FRAME or size > _LARGEST_FRAME:
        raise ConnectionError("this is not AMQP")
    payload = _exactly(server, size + 1)[:-1]
    class_id, method_id = struct.unpack_from(">HH", payload)
    return (class_id, method_id), payload[4:]


def _exactly(server: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        part = server.recv(size - len(received))
        if not part:
            raise ConnectionError("the server closed the connection")
        received += part
    return received


def _short(text: str) -> bytes:
    encoded = text.encode()
    return bytes([len(encoded)]) + encoded


def _long(data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + data


def _table(**values: bytes) -> bytes:
    return _long(b"".join(_short(name) + value for name, value in values.items()))
