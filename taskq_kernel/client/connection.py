"""Where the service is: given, set by variables, or a local stack, found or started."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from taskq_kernel.client.progress import Notice, in_notebook, leave_line
from taskq_kernel.errors import ServiceUnreachable, SettingsError, TaskqError
from taskq_kernel.paths import from_text
from taskq_kernel.settings import Settings, load_settings, read_token

if TYPE_CHECKING:
    from taskq_kernel.client.client import Client
    from taskq_kernel.client.transport import GraphQLTransport


@dataclass(frozen=True, repr=False)
class Address:
    """A service's URL, the token for it, and whom to trust where the URL is https."""

    url: str
    token: str | None
    ca_file: Path | None = None

    def transport(self) -> GraphQLTransport:
        """What single requests are made with."""
        # late: importing `connect` connects to nothing yet
        from taskq_kernel.client.transport import GraphQLTransport

        return GraphQLTransport(self.url, self.token, ca_file=self.ca_file)

    def client(self, timeout_s: float = 30.0) -> Client:
        """A client; nothing is asked of the service yet."""
        # late: commands that make single requests make no client
        from taskq_kernel.client.client import Client

        return Client(self.url, self.token, timeout_s=timeout_s, ca_file=self.ca_file)

    def __repr__(self) -> str:
        return f"Address({self.url!r})"


def connect(
    url: str | None = None, token: str | None = None, *, ca_file: str | Path | None = None, timeout_s: float = 30.0
) -> Client:
    """Connect to a taskq service.

    Without a URL: to ``TASKQ_URL`` where that is set, else to the local stack, which is
    started if it does not run. Several programs and notebooks share one local stack. In a
    notebook it leaves a line that says what runs and how it ends.

    Parameters
    ----------
    url : str, optional
        The service's GraphQL URL, such as ``https://taskq.example.org/graphql``.
    token : str, optional
        The bearer token. Default: ``TASKQ_TOKEN``, or what the file ``TASKQ_TOKEN_FILE``
        holds; for a local stack, the stack's own.
    ca_file : str or Path, optional
        PEM file of the authorities to trust where the URL is https. Default:
        ``TASKQ_CA_FILE``, else those of the system.
    timeout_s : float
        How long one answer of the service may take.

    Raises
    ------
    ServiceUnreachable
        If there is no service at the URL, or its certificate is not trusted.
    Unauthorized
        If the service does not accept the token.
    SettingsError
        If a setting cannot be used, or there is a URL and no token for it.
    StackError, SetupError
        If no local stack can be started; the message says what is missing.
    """
    client = _connected(url, token, Path(ca_file) if ca_file is not None else None, timeout_s)
    if in_notebook():
        leave_line(_what_runs(client, here=url is None and configured() is None))
    return client


def _connected(url: str | None, token: str | None, authority: Path | None, timeout_s: float) -> Client:
    address = _given(url, token, authority, load_settings()) if url is not None else configured()
    if address is None:
        address = _started_stack()
    client = replace(address, ca_file=authority or address.ca_file).client(timeout_s)
    try:
        client._transport.execute("{ me { name } }")
    except BaseException:
        client.close()
        raise
    return client


def _what_runs(client: Client, *, here: bool) -> str:
    """What a client is connected to, and how that ends, for whoever reads the notebook."""
    try:
        slots = client.statistics().slots
        with_slots = f", with {slots} slot{'s' * (slots != 1)},"
    except TaskqError:  # a token that may not see them, for one
        with_slots = ""
    if not here:
        return f"connected to taskq at {client.url}{with_slots.removesuffix(',')}; tasks go on without this notebook"
    return (
        f"taskq runs on this machine{with_slots} and goes on without this notebook; "
        "`taskq down` in a terminal, or `!taskq down` here, ends it"
    )


_default_lock = threading.Lock()
_default: Client | None = None


def default_client() -> Client:
    """The client that magics and widgets share in this process; connected when first asked for."""
    global _default
    with _default_lock:
        if _default is None or _default.closed:
            _default = _connected(None, None, None, 30.0)
        return _default


def configured() -> Address | None:
    """The address that ``TASKQ_URL`` or ``taskq.toml`` sets; None if they set none.

    Raises
    ------
    SettingsError
        If they set one, and no token.
    """
    settings = load_settings()
    return _given(settings.url, None, None, settings) if settings.url is not None else None


def existing() -> Address:
    """The address that is configured, else that of the local stack that runs.

    Raises
    ------
    ServiceUnreachable
        If there is neither. The message says how to start a stack.
    """
    settings = load_settings()
    if settings.url is not None:
        return _given(settings.url, None, None, settings)
    local = stack_address(settings.home)
    if local is None:
        raise ServiceUnreachable("no taskq stack is running; start one with `taskq up`, or set TASKQ_URL")
    return local


def _given(url: str, token: str | None, ca_file: Path | None, settings: Settings) -> Address:
    """An address whose token and authorities are the settings', where they are not given."""
    if token is None and (settings.token is not None or settings.token_file is not None):
        token = read_token(settings)
    if not token:
        raise SettingsError(f"there is no token for {url}; set TASKQ_TOKEN or TASKQ_TOKEN_FILE")
    return Address(url, token, ca_file if ca_file is not None else settings.ca_file)


# -- the local stack -----------------------------------------------------------------------


def stack_address(home: Path) -> Address | None:
    """The local stack's address, from the file that it leaves when it is up."""
    try:
        info = json.loads((home / "stack.json").read_text("utf-8"))
        return Address(info["graphql"], from_text(info["token_file"]).read_text("utf-8").strip())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ServiceUnreachable(f"{home / 'stack.json'} cannot be read: {error}; run `taskq up`") from error


def _started_stack() -> Address:
    # late: a client of a service that runs needs nothing of RabbitMQ
    from taskq_kernel.local.stack import LocalStack

    stack = LocalStack(load_settings())
    info = stack.info() if stack.healthy() else None
    if info is None:
        with Notice() as notice:
            info = stack.up(on_step=lambda step: notice(f"starting taskq: {step}"))
    return Address(info.graphql, from_text(info.token_file).read_text("utf-8").strip())
