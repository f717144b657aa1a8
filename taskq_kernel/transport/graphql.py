"""GraphQL over HTTP: one request, one answer, or one exception that says what was wrong.

`GraphQLTransport` is what the client, the worker and the sink talk to the service with.
It is synchronous and thread-safe; asynchronous code calls it through
`asyncio.to_thread`. The live feed has a connection of its own (`taskq_kernel.client.feed`).
"""

from __future__ import annotations

import hashlib
import os
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import SplitResult, urlsplit

import urllib3

from taskq_kernel import exact_json
from taskq_kernel.errors import (
    ClientClosed,
    Forbidden,
    InvalidJSON,
    NotFound,
    ServiceError,
    ServiceUnreachable,
    SettingsError,
    Unauthorized,
    causes,
)
from taskq_kernel.tls import explain, trusting
from taskq_kernel.transport.forks import renew_after_fork

#: How long making a connection may take, in seconds.
CONNECT_TIMEOUT_S = 5.0
#: Pauses before a request that may be repeated is tried again, in seconds.
RETRY_PAUSES_S = (0.05, 0.3)
#: Answers of a proxy, or of a service that is just starting: nobody handled the request.
_NOT_THERE = frozenset({502, 503, 504})
#: Wrong tokens came from this address; whoever goes on waiting is let in again.
_TOO_MANY = 429
#: How much of an answer that is not the service's is quoted.
_QUOTED = 200

_BY_CODE: dict[str, type[ServiceError]] = {
    "NOT_FOUND": NotFound,
    "UNAUTHORIZED": Unauthorized,
    "FORBIDDEN": Forbidden,
}


class GraphQLTransport:
    """The service at one address, with one token.

    Parameters
    ----------
    url : str
        The GraphQL endpoint, such as ``http://127.0.0.1:8000/graphql``. Without a path,
        ``/graphql`` is meant.
    token : str or None
        The bearer token. It is sent, and shown nowhere.
    timeout_s : float
        How long an answer may take.
    connections : int
        How many connections are kept open for threads that ask at the same time.
    ca_file : Path, optional
        PEM file of the authorities to trust where the URL is https. Default: the system's.

    Raises
    ------
    SettingsError
        If the URL is not an HTTP one, or has a password in it, or the PEM file cannot be used.

    Attributes
    ----------
    tls : ssl.SSLContext or None
        What checks the service's certificate; None where the URL is http.
    """

    def __init__(
        self, url: str, token: str | None, timeout_s: float = 30.0, *, connections: int = 8,
        ca_file: Path | None = None,
    ) -> None:
        self.url = endpoint(url)
        self.tls = trusting(ca_file) if self.url.startswith("https:") else None
        parts = urlsplit(self.url)
        self._path = parts.path + (f"?{parts.query}" if parts.query else "")
        self._blobs = parts.path.removesuffix("graphql").rstrip("/") + "/blobs/"
        if token and not (token.isascii() and token.isprintable() and " " not in token):
            raise SettingsError("the token cannot be sent: it holds spaces, line ends or other than ASCII characters")
        self._authorization = {"authorization": f"Bearer {token}"} if token else {}
        self._new_pool = partial(_pool, parts, timeout_s, connections, self.tls)
        self._pool = self._new_pool()
        self._timeout_s = timeout_s
        self._closed = False
        renew_after_fork(self._after_fork)

    def __repr__(self) -> str:
        return f"GraphQLTransport({self.url!r})"

    @property
    def authorization(self) -> dict[str, str]:
        """The header with the token, for a connection of another kind to the same service."""
        return dict(self._authorization)

    def execute(
        self, query: str, variables: dict[str, Any] | None = None, *, repeatable: bool | None = None
    ) -> dict[str, Any]:
        """Run one GraphQL operation.

        Parameters
        ----------
        query : str
            The document, with one operation.
        variables : dict, optional
            Anything that `taskq_kernel.exact_json` can write as JSON.
        repeatable : bool, optional
            Whether the request may be sent again when the connection breaks before the
            answer is there. Default: queries may, mutations may not.

        Returns
        -------
        dict
            The answer's ``data``. Integers are exact; a number with more digits than a
            float holds (Julia's BigFloat) is a `decimal.Decimal`.

        Raises
        ------
        ServiceUnreachable
            If the service does not answer in time, or is not there.
        NotFound, Unauthorized, Forbidden, ServiceError
            If it refuses; `ServiceError.code` says why.
        """
        body = exact_json.encode({"query": query, "variables": variables or {}})
        headers = {"content-type": "application/json", "accept": _ACCEPT}
        if repeatable is None:
            repeatable = not query.lstrip().startswith("mutation")
        response = self._request("POST", self._path, headers, body, repeatable)
        return _data(response)

    def get_blob(self, ref: str) -> bytes:
        """A large value's JSON, by the SHA-256 that refers to it.

        Raises
        ------
        ServiceUnreachable, ServiceError
            As for `execute`; `NotFound` if there is no such value, or no longer.
        """
        response = self._request("GET", self._blobs + ref, {}, None, repeatable=True)
        if response.status != 200:
            raise _refusal(response)
        return response.data

    def blob_head(self, ref: str, size_bytes: int) -> bytes:
        """The begin of a large value or file; what comes after that is not waited for.

        Raises
        ------
        ServiceUnreachable, ServiceError
            As for `get_blob`.
        """
        with self._opened_blob(ref) as response:
            return bytes(response.read(size_bytes))

    def save_blob(self, ref: str, file: BinaryIO, limit_bytes: int) -> int:
        """Write a large value into a file, some of it at a time; how many bytes it has.

        Raises
        ------
        ServiceUnreachable, ServiceError
            As for `get_blob`; also if it breaks off, or is another than asked for or longer than ``limit_bytes``.
        """
        with self._opened_blob(ref) as response:
            return _copy(response, file, ref, limit_bytes)

    @contextmanager
    def _opened_blob(self, ref: str) -> Iterator[urllib3.BaseHTTPResponse]:
        """The answer with a large value, which is still to be read."""
        response = self._request("GET", self._blobs + ref, {}, None, repeatable=True, streamed=True)
        try:
            if response.status != 200:
                response.read(cache_content=True)
                raise _refusal(response)
            yield response
        except urllib3.exceptions.HTTPError as error:
            raise ServiceUnreachable(f"the value {ref} from {self.url} broke off: {_reason(error)}") from error
        finally:
            # Its connection is kept for other requests once all of it is read, and only then.
            response.close()

    def put_blob(self, sha256: str, data: bytes | BinaryIO) -> None:
        """Store a large value, or what is in a file, under its SHA-256 (hexadecimal). Safe to repeat.

        Raises
        ------
        ServiceUnreachable, ServiceError
            As for `execute`.
        """
        size = len(data) if isinstance(data, bytes) else data.seek(0, os.SEEK_END)
        headers = {"content-type": "application/octet-stream", "content-length": str(size)}
        response = self._request("PUT", self._blobs + sha256, headers, data, repeatable=True)
        if response.status not in (200, 201, 204):
            raise _refusal(response)

    def close(self) -> None:
        """Close the connections that are kept open; nothing can be asked any longer."""
        self._closed = True
        self._pool.close()

    def _after_fork(self) -> None:
        """Connect anew in a forked child: the connections are the parent's."""
        self._pool = self._new_pool()

    def _request(
        self, method: str, path: str, headers: dict[str, str], body: bytes | BinaryIO | None, repeatable: bool,
        streamed: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        if self._closed:
            raise ClientClosed(f"the client of {self.url} is closed: connect() makes another")
        for pause in (*RETRY_PAUSES_S, None) if repeatable else (None,):
            if body is not None and not isinstance(body, bytes):
                body.seek(0)
            try:
                response = self._pool.urlopen(
                    method, path, body, self._authorization | headers, retries=False, redirect=False,
                    preload_content=not streamed,
                )
            except urllib3.exceptions.ReadTimeoutError as error:
                # The service is busy with it: asking again would only add to its work.
                raise ServiceUnreachable(
                    f"the taskq service at {self.url} gave no answer within {self._timeout_s:g} s"
                ) from error
            except (urllib3.exceptions.HTTPError, OSError) as error:
                if pause is None:
                    raise ServiceUnreachable(f"no taskq service at {self.url}: {_reason(error)}") from error
            else:
                if response.status == _TOO_MANY:
                    raise ServiceUnreachable(f"{self.url} refused the token: {_refusal(response)}")
                if response.status not in _NOT_THERE:
                    return response
                response.drain_conn()
                if pause is None:
                    raise ServiceUnreachable(f"the taskq service at {self.url} is not ready (HTTP {response.status})")
            time.sleep(pause)
        raise AssertionError("the last round returns or raises")


def _copy(response: urllib3.BaseHTTPResponse, file: BinaryIO, ref: str, limit_bytes: int) -> int:
    """Write an answer into a file, if it is what has this SHA-256."""
    digest, size = hashlib.sha256(), 0
    for chunk in response.stream(_CHUNK_BYTES):
        size += len(chunk)
        if size > limit_bytes:
            raise ServiceError(f"the value {ref} has more than the {limit_bytes} bytes that it should have", "INTERNAL")
        digest.update(chunk)
        file.write(chunk)
    if digest.hexdigest() != ref:  # one that breaks off is noticed before
        raise ServiceError(f"what the service keeps as the value {ref} is another: its file is damaged", "INTERNAL")
    return size


#: What is read of a large value at once.
_CHUNK_BYTES = 1 << 20
_ACCEPT = "application/graphql-response+json, application/json;q=0.9"


def endpoint(url: str) -> str:
    """``url`` as a GraphQL endpoint: checked, and with ``/graphql`` where it has no path.

    Raises
    ------
    SettingsError
        If it is not an HTTP URL, or has a user name or password in it.
    """
    try:
        parts = urlsplit(url.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError(
            f"the service's URL is {_without_password(url)!r}; it must look like https://host:port/graphql"
        )
    if "@" in parts.netloc:
        raise SettingsError(
            f"the service's URL {_without_password(url)!r} has a user name or password in it; "
            "set TASKQ_TOKEN or TASKQ_TOKEN_FILE instead"
        )
    return parts._replace(path=parts.path.rstrip("/") or "/graphql", fragment="").geturl()


def service_error(errors: list[dict[str, Any]]) -> ServiceError:
    """The exception for the ``errors`` of a GraphQL answer."""
    extensions: dict[str, Any] = dict(errors[0].get("extensions") or {}) if errors else {}
    code = str(extensions.pop("code", "INTERNAL"))
    message = "; ".join(str(error.get("message")) for error in errors)
    message = message or "the service refused the request and did not say why"
    return _BY_CODE.get(code, ServiceError)(message, code, extensions)


def _pool(
    parts: SplitResult, timeout_s: float, connections: int, tls: ssl.SSLContext | None
) -> urllib3.HTTPConnectionPool:
    timeout = urllib3.Timeout(connect=min(CONNECT_TIMEOUT_S, timeout_s), read=timeout_s)
    assert parts.hostname is not None  # noqa: S101  (`endpoint` has checked it)
    if tls is None:
        return urllib3.HTTPConnectionPool(parts.hostname, parts.port, timeout=timeout, maxsize=connections)
    return urllib3.HTTPSConnectionPool(
        parts.hostname, parts.port, timeout=timeout, maxsize=connections, ssl_context=tls
    )


def _data(response: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    answer = _json(response)
    if answer is None or response.status in (401, 403) or answer.get("errors"):
        raise _refusal(response)
    data = answer.get("data")
    if not isinstance(data, dict):
        raise _refusal(response)
    return data


def _refusal(response: urllib3.BaseHTTPResponse) -> ServiceError:
    answer = _json(response)
    if answer is not None and answer.get("errors"):
        return service_error(answer["errors"])
    code = {401: "UNAUTHORIZED", 403: "FORBIDDEN", 404: "NOT_FOUND"}.get(response.status, "INTERNAL")
    said = response.data[:_QUOTED].decode(errors="replace").strip()
    message = f"not an answer of a taskq service (HTTP {response.status}): {said!r}"
    if code == "UNAUTHORIZED":
        message = "the service does not accept the token; set TASKQ_TOKEN or TASKQ_TOKEN_FILE"
    return _BY_CODE.get(code, ServiceError)(message, code)


def _json(response: urllib3.BaseHTTPResponse) -> dict[str, Any] | None:
    try:
        answer = exact_json.decode_kept(response.data)
    except InvalidJSON:
        return None
    return answer if isinstance(answer, dict) else None


def _reason(error: Exception) -> str:
    """What the operating system said, without the objects that urllib3 wraps it in."""
    untrusted = explain(error)
    if untrusted is not None:
        return untrusted
    for cause in causes(error):
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
    if isinstance(error, urllib3.exceptions.ConnectTimeoutError):
        return "the connection timed out"
    if isinstance(error, urllib3.exceptions.ProtocolError):
        return "the connection was closed"
    return type(error).__name__


def _without_password(url: str) -> str:
    before, at, after = url.rpartition("@")
    return f"{before.partition('//')[0]}//...@{after}" if at else url
