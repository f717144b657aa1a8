"""Bearer tokens: from a header to an identity."""

from __future__ import annotations

import hmac
import time
from pathlib import Path

import msgspec

from taskq_kernel.domain import Role
from taskq_kernel.errors import InvalidTask, SettingsError, Unauthorized
from taskq_kernel.service.async_store import AsyncStore
from taskq_kernel.service.security.throttle import Throttle
from taskq_kernel.store.tokens import Identity, hash_token, identity_of

#: How long the answer of the database is believed: after so many seconds a token that was
#: revoked or made behind this process's back is worthless, or works.
BELIEVED_S = 5.0
_REMEMBERED = 1000

MISSING = "the request carries no token: send the header Authorization: Bearer <token>"
WRONG = "the token is wrong, expired or revoked"


class _Entry(msgspec.Struct, frozen=True):
    """One token of the tokens file."""

    name: str
    role: Role
    sha256: str


class FileToken(msgspec.Struct, frozen=True):
    """A token of the tokens file as it is listed, beside the rows of the database."""

    id: str
    name: str
    role: Role
    created_at: None = None
    expires_at: None = None
    revoked_at: None = None


class Tokens:
    """The tokens that are accepted: those of the tokens file, and those of the database.

    Parameters
    ----------
    file : Path or None
        JSON: a list of ``{"name", "role", "sha256"}``. It is read once.
    store : AsyncStore
        The database.
    throttle : Throttle
        Makes those wait who send wrong ones.

    Raises
    ------
    SettingsError
        If the file cannot be read.
    """

    def __init__(self, file: Path | None, store: AsyncStore, throttle: Throttle) -> None:
        self._store = store
        self._throttle = throttle
        self._of_file = _read(file) if file else {}
        self._believed: dict[str, tuple[float, Identity | None]] = {}

    async def identify(self, authorization: str | None, address: str) -> Identity:
        """Whom the value of an Authorization header stands for.

        Parameters
        ----------
        address : str
            Where it came from.

        Raises
        ------
        Unauthorized
            If it is missing or worthless.
        TooManyFailures
            If too many worthless ones came from this address.
        """
        scheme, _, token = (authorization or "").strip().partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise Unauthorized(MISSING, "UNAUTHORIZED")
        digest = hash_token(token)
        self._throttle.check(address, digest)
        identity = await self._lookup(digest)
        if identity is None:
            self._throttle.failed(address, digest)
            raise Unauthorized(WRONG, "UNAUTHORIZED")
        self._throttle.succeeded(address, digest)
        return identity

    @property
    def of_file(self) -> list[FileToken]:
        """Those of the tokens file, in its order. Their ids are their places in it."""
        identities = enumerate(self._of_file.values(), 1)
        return [FileToken(f"file:{place}", one.name, one.role) for place, one in identities]

    def check_revocable(self, token_id: str) -> None:
        """Raise `InvalidTask` if this is the id of one that only the tokens file can revoke."""
        if any(one.id == token_id.strip().lower() for one in self.of_file):
            raise InvalidTask(
                f"the token {token_id.strip()} is one of the service's tokens file: take it out of the file, and "
                "start the service again"
            )

    def forget(self) -> None:
        """Believe nothing that was read before: a token has just been revoked."""
        self._believed.clear()

    async def _lookup(self, digest: str) -> Identity | None:
        # Hashes are looked up, not tokens: how long that takes tells nothing about a token.
        for known, identity in self._of_file.items():
            if hmac.compare_digest(known, digest):
                return identity
        now = time.monotonic()
        believed = self._believed.get(digest)
        if believed is not None and believed[0] > now:
            known_as = believed[1]
            return known_as if known_as is not None and known_as.good(time.time()) else None
        found = await self._store.read(identity_of, digest, time.time())
        if len(self._believed) >= _REMEMBERED:
            self._believed.clear()
        self._believed[digest] = (now + BELIEVED_S, found)
        return found


def _read(file: Path) -> dict[str, Identity]:
    try:
        entries = msgspec.json.decode(file.read_bytes(), type=list[_Entry])
    except (OSError, msgspec.MsgspecError) as error:
        raise SettingsError(f"the tokens file {file} cannot be read: {error}") from error
    return {entry.sha256.lower(): Identity(entry.name, entry.role) for entry in entries}
