"""`connect`: a client of the service that is set, or of the local stack, found or started."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

from taskq_kernel.client.client import Client, client_at
from taskq_kernel.client.connection import Address, configured, given, local_address
from taskq_kernel.client.pickling import clients_in_mind
from taskq_kernel.client.progress import Notice, in_notebook, leave_line
from taskq_kernel.errors import ServiceUnreachable, TaskqError
from taskq_kernel.settings import load_settings


def connect(
    url: str | None = None, token: str | None = None, *, ca_file: str | Path | None = None, timeout_s: float = 30.0
) -> Client:
    """Connect to a taskq service.

    Without a URL: to ``TASKQ_URL`` where that is set, else to the local stack, which is
    started if it does not run, unless ``TASKQ_START=false``. Several programs and notebooks
    share one local stack. In a notebook it leaves a line that says what runs and how it ends.

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
    address = given(url, token, authority, load_settings()) if url is not None else configured()
    if address is None:
        address = _started_stack()
    client = client_at(replace(address, ca_file=authority or address.ca_file), timeout_s)
    try:
        client.transport.execute("{ me { name } }")
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


def connected_client() -> Client | None:
    """That client, where there is one already; else one that this process has made with `connect`, or None."""
    others = (one for one in clients_in_mind() if isinstance(one, Client))
    return next((one for one in (_default, *others) if one is not None and not one.closed), None)


def _started_stack() -> Address:
    # late: a client of a service that runs needs nothing of RabbitMQ
    from taskq_kernel.local.stack import LocalStack

    settings = load_settings()
    stack = LocalStack(settings)
    if settings.start and not stack.healthy():
        with Notice() as notice:
            stack.up(on_step=lambda step: notice(f"starting taskq: {step}"))
    address = local_address(settings)
    if address is None:
        raise ServiceUnreachable("no taskq stack is running, and TASKQ_START=false: start one with `taskq up`")
    return address
