"""Where the service is: given, set by variables, or a local stack that runs."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from taskq_kernel.errors import ServiceUnreachable, SettingsError, TaskqError
from taskq_kernel.paths import from_text
from taskq_kernel.secret_file import read_secret_file
from taskq_kernel.settings import Settings, load_settings, read_token

if TYPE_CHECKING:
    from taskq_kernel.transport.graphql import GraphQLTransport


@dataclass(frozen=True, repr=False)
class Address:
    """A service's URL, the token for it, and whom to trust where the URL is https."""

    url: str
    token: str | None
    ca_file: Path | None = None

    def transport(self, timeout_s: float = 30.0) -> GraphQLTransport:
        """What single requests are made with, each answered within ``timeout_s``."""
        # late: importing `connect` connects to nothing yet
        from taskq_kernel.transport.graphql import GraphQLTransport

        return GraphQLTransport(self.url, self.token, timeout_s, ca_file=self.ca_file)

    def __repr__(self) -> str:
        return f"Address({self.url!r})"


def configured() -> Address | None:
    """The address that ``TASKQ_URL`` or ``taskq.toml`` sets; None if they set none.

    Raises
    ------
    SettingsError
        If they set one, and no token.
    """
    settings = load_settings()
    return given(settings.url, None, None, settings) if settings.url is not None else None


def existing() -> Address:
    """The address that is configured, else that of the local stack that runs.

    Raises
    ------
    ServiceUnreachable
        If there is neither. The message says how to start a stack.
    """
    settings = load_settings()
    if settings.url is not None:
        return given(settings.url, None, None, settings)
    local = local_address(settings)
    if local is None:
        raise ServiceUnreachable("no taskq stack is running; start one with `taskq up`, or set TASKQ_URL")
    return local


def connecting_code(url: str) -> str:
    """The Python that connects to the service at a URL, as short as it can be from here."""
    try:
        return "connect()" if existing().url == url else f"connect({url!r})"
    except TaskqError:
        return f"connect({url!r})"


def given(url: str, token: str | None, ca_file: Path | None, settings: Settings) -> Address:
    """An address whose token and authorities are the settings', where they are not given."""
    if token is None:
        token = visitors_token(settings)
    if token is None and (settings.token is not None or settings.token_file is not None):
        token = read_token(settings)
    if not token:
        raise SettingsError(f"there is no token for {url}; set TASKQ_TOKEN or TASKQ_TOKEN_FILE")
    return Address(url, token, ca_file if ca_file is not None else settings.ca_file)


def visitors_token(settings: Settings) -> str | None:
    """The token of `Settings.visitor_token_file`; None where that is not set."""
    file = settings.visitor_token_file
    return None if file is None else read_secret_file(file, "TASKQ_VISITOR_TOKEN_FILE")


# -- the local stack -----------------------------------------------------------------------


def local_address(settings: Settings) -> Address | None:
    """The address of the local stack, with the token that is to be used for it; None if it is down."""
    address = stack_address(settings.home)
    token = visitors_token(settings)
    return address if address is None or token is None else replace(address, token=token)


def stack_address(home: Path) -> Address | None:
    """The local stack's address, from the file that it leaves when it is up."""
    try:
        info = json.loads((home / "stack.json").read_text("utf-8"))
        return Address(info["graphql"], from_text(info["token_file"]).read_text("utf-8").strip())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ServiceUnreachable(f"{home / 'stack.json'} cannot be read: {error}; run `taskq up`") from error
