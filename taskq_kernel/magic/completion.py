"""Completion of the line with ``%%julia``: its options, and what may stand behind each.

Nothing is started or connected for it: queues are asked of the service that this kernel has spoken to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskq_kernel.client.options import PRIORITY_NAMES
from taskq_kernel.errors import TaskqError
from taskq_kernel.jupyter.source import names_in
from taskq_kernel.magic.options import make_parser
from taskq_kernel.paths import absolute

if TYPE_CHECKING:
    from IPython.core.completer import CompletionContext, SimpleMatcherResult

_MAGIC = re.compile(r"\s*%%julia(?=\s)")
#: What stands between spaces that are not quoted; the last quote need not be closed yet.
_WORD = re.compile(r"""(?:[^\s"']|"[^"]*(?:"|$)|'[^']*(?:'|$))+""")


def complete(context: CompletionContext) -> SimpleMatcherResult:
    """IPython's matcher for the cursor in that line; it has nothing to say elsewhere."""
    from IPython.core.completer import SimpleCompletion

    before = context.text_until_cursor
    found = list(_offers(context.full_text, context.cursor_line, before))
    shown = [SimpleCompletion(text, type=kind) for text, kind in found]
    fragment = _words(before)[-1] if found else ""
    return {"completions": shown, "matched_fragment": fragment, "suppress": bool(found), "ordered": True}


complete.matcher_api_version = 2  # type: ignore[attr-defined]  # what IPython looks for


def _offers(cell: str, line: int, before: str) -> Iterator[tuple[str, str]]:
    """What may take the place of the word before the cursor, and what kind of thing that is."""
    lines = cell.split("\n")
    if any(one.strip() for one in lines[:line]) or not (magic := _MAGIC.match(before)):
        return
    *words, typed = _words(before[magic.end() :])
    option = words[-1] if words else ""
    if "=" in typed and typed.startswith("--"):  # --queue=big
        option, _, typed = typed.partition("=")
        yield from ((f"{option}={text}", kind) for text, kind in _values(option, typed, lines[line + 1 :]))
    elif option in _TAKES:
        yield from _values(option, typed, lines[line + 1 :])
    elif option not in _options_with_a_value():
        yield from ((one, "option") for one in _unused(words) if one.startswith(typed))


def _words(text: str) -> list[str]:
    """The words of a line; the last one, at its end, may be empty."""
    words = [(found.group(), found.end()) for found in _WORD.finditer(text)]
    return [word for word, _end in words] + ([] if words and words[-1][1] == len(text) else [""])


def _options_with_a_value() -> set[str]:
    return {name for one in make_parser().actions() if one.nargs != 0 for name in one.option_strings}


def _unused(words: Iterable[str]) -> Iterator[str]:
    """The options that the line may still have."""
    given = {word.partition("=")[0] for word in words}
    for one in make_parser().actions():
        name = one.option_strings[-1]
        if name not in given or one.default == []:  # those of lists may be repeated
            yield name


def _values(option: str, typed: str, code: list[str]) -> Iterator[tuple[str, str]]:
    take, kind = _TAKES.get(option, (None, ""))
    if take is not None:
        start = typed.replace("'", "").replace('"', "")
        yield from ((_quoted(one), kind) for one in take(start, "\n".join(code)) if one.startswith(start))


# -- what stands behind an option ----------------------------------------------------------


def _queues(_typed: str, _code: str) -> list[str]:
    # late: it is there once somebody has connected
    from taskq_kernel.client.connecting import connected_client

    client = connected_client()
    try:
        served = [] if client is None else [queue for worker in client.workers() for queue in worker.queues]
    except TaskqError:
        served = []
    return sorted({"default", *(queue for queue in served if not queue.startswith("session-"))})


def _priorities(_typed: str, _code: str) -> list[str]:
    return list(PRIORITY_NAMES)


def _folders(typed: str, _code: str) -> list[str]:
    return [one for one in _paths(typed) if one.endswith("/")]


def _files(typed: str, _code: str) -> list[str]:
    """Paths, alone or behind the name that the file is to have."""
    name, equals, path = typed.rpartition("=")
    return [f"{name}{equals}{one}" for one in _paths(path)]


def _paths(typed: str) -> list[str]:
    folder, slash, start = typed.rpartition("/")
    head = folder + slash
    try:
        return [
            f"{head}{one.name}{'/' if one.is_dir() else ''}" for one in sorted(absolute(Path(head or ".")).iterdir())
            if start.startswith(".") or not one.name.startswith(".")
        ]
    except (OSError, ValueError):  # nothing that can be looked into, or no path at all
        return []


def _quoted(text: str) -> str:
    return f"'{text}'" if re.search(r"\s", text) else text


def _arguments(_typed: str, code: str) -> list[str]:
    """The parameters that the code declares, and the names that it takes from nowhere."""
    from taskq_kernel.declarations import declared

    try:
        named = [one.name for one in declared(code)]
    except TaskqError:
        named = []
    return [f"{name}=" for name in dict.fromkeys([*named, *_free_names(code)])]


def _free_names(code: str) -> list[str]:
    """Names in the code that it neither defines nor calls, as far as can be seen without Julia."""
    return sorted(
        name for name in names_in(code, shortest=1)
        if not re.search(rf"(?<!\w){re.escape(name)}\s*(?:\(|=(?!=)|::)", code)
    )


_TAKES: dict[str, tuple[Any, str]] = {
    "--queue": (_queues, "queue"),
    "--priority": (_priorities, "priority"),
    "--project": (_folders, "path"),
    "--file": (_files, "path"),
    "--arg": (_arguments, "param"),
    "--sweep": (_arguments, "param"),
}
