"""What a check of ``taskq doctor`` finds out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """What was found out about one thing that taskq needs.

    Attributes
    ----------
    name : str
        The thing, in a word or two.
    ok : bool
        Whether it is as taskq needs it.
    detail : str
        What was found.
    mend : str
        What to do about it; empty if it is well.
    """

    name: str
    ok: bool
    detail: str
    mend: str = ""
