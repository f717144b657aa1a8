"""The sources of the runner, as the one module that they are."""

from __future__ import annotations

import re
from collections import Counter

from taskq_worker.julia.sources import JULIA_SOURCES

#: What the files of the runner include in one module; those that begin with a module of their own are apart.
ONE_MODULE = [
    text
    for text in (path.read_text() for path in sorted(JULIA_SOURCES.rglob("*.jl")))
    if "\nmodule " not in text or "\nmodule TaskqRunner\n" in text
]


def test_no_constant_is_defined_in_two_places() -> None:
    # Julia takes the last one, and what was compiled before keeps the first.
    defined = Counter(name for text in ONE_MODULE for name in re.findall(r"^const (\w+)", text, re.MULTILINE))
    assert len(defined) > 50
    assert [name for name, times in defined.items() if times > 1] == []
