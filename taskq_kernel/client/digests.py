"""The SHA-256 of files, which are read once for as long as nothing changes in them."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import NamedTuple, Self

#: A file that was written so shortly before it was read may be written again within the clock's grain, in seconds.
_RACY_S = 2.0
_CHUNK_BYTES = 1 << 20


class Changed(Exception):
    """A file is another than it was a moment ago, or gone."""


class State(NamedTuple):
    """What changes whenever a file does."""

    size: int
    mode: int
    device: int
    inode: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """The state of the file at a path now."""
        found = path.stat()
        return cls(
            found.st_size, found.st_mode, found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns
        )

    @property
    def is_executable(self) -> bool:
        """Whether its owner may run it."""
        return bool(self.mode & 0o100)

    @property
    def is_racy(self) -> bool:
        """Whether it may have changed since in a way that no clock tells."""
        return time.time() - max(self.mtime_ns, self.ctime_ns) / 1e9 < _RACY_S


class Digests:
    """What is in files, by their SHA-256; of one that was read before and has not changed it is known."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[State, str]] = {}

    def of(self, path: Path, state: State) -> str:
        """The SHA-256 of what is in a file that had this state.

        Raises
        ------
        Changed
            If it has another length, or is gone.
        OSError
            If it cannot be read.
        """
        known = self._known.get(path)
        if known is not None and known[0] == state:
            return known[1]
        digest, size = hashlib.sha256(), 0
        try:
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    size += len(chunk)
        except FileNotFoundError:
            raise Changed from None
        if size != state.size:
            raise Changed
        if not state.is_racy:
            self._known[path] = state, digest.hexdigest()
        return digest.hexdigest()
