"""What a task computes: what tells it from others, and the seed that follows from it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from taskq_kernel import exact_json
from taskq_kernel.seeds import seed_from

_sorted = msgspec.json.Encoder(decimal_format="number", order="sorted")
#: A task among arguments, which stands for its value.
_TASK = re.compile(rb'\{"\$task":"[^"]*"\}')


@dataclass(frozen=True, slots=True)
class Work:
    """What a task computes.

    Attributes
    ----------
    kind : str
        How its code is run.
    source : str
        SHA-256 of its code.
    entry : str or None
        The function to call.
    arguments : str
        Its arguments, as JSON.
    needs : str
        What it asks of the machine, as far as that tells it from others (`taskq_kernel.needs.told_apart_by`).
    input_files, outputs : str or None
        What it is given in files, and which files of its folder are kept, as JSON.
    """

    kind: str
    source: str
    entry: str | None
    arguments: str
    needs: str = ""
    input_files: str | None = None
    outputs: str | None = None

    def seed(self) -> int:
        """The seed that follows from what is computed, for whoever is given none.

        Of a task that stands among the arguments for its value, which is not known yet, nothing counts.
        """
        return seed_from(self._digest(_TASK.sub(b'{"$task":""}', self._canonical())))

    def key(self, seed: int | None) -> str:
        """What two tasks have in common that compute the same."""
        # Files come with a value: one of a task that has kept none, or others, does not stand for these.
        kept = f"\n{self.outputs}" if self.outputs else ""
        return sha256(self._digest(self._canonical()) + f"{seed}{self.needs}{kept}".encode()).hexdigest()

    def _canonical(self) -> bytes:
        """The arguments, so written that no order of their names tells them apart."""
        return _sorted.encode(exact_json.decode_kept(self.arguments))

    def _digest(self, arguments: bytes) -> bytes:
        files = f"\n{self.input_files}" if self.input_files else ""
        code = f"{self.kind}\n{self.source}\n{self.entry or ''}\n"
        return sha256(code.encode() + arguments + files.encode()).digest()
