"""Names of arguments: what Julia takes for the name of a variable.

Where a task's code runs, Julia's own parser has the last word, and brings names into the form
that it gives those in code (``µ`` and ``μ`` are one). Here names are refused that no code could
use, before a task is made of them.

Source of the categories: ``jl_id_start_char`` and ``jl_id_char`` in Julia's
``src/flisp/julia_extensions.c``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from taskq_kernel.errors import InvalidTask

#: Words that Julia's parser never takes for a name.
KEYWORDS = frozenset({
    "baremodule", "begin", "break", "catch", "const", "continue", "do", "else", "elseif", "end", "export",
    "false", "finally", "for", "function", "global", "if", "import", "let", "local", "macro", "module", "quote",
    "return", "struct", "true", "try", "using", "while",
})  # fmt: skip

#: Letters, letter-like numbers, currencies and other symbols; from the Latin-1 block on.
_STARTS = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nl", "Sc", "So"})
#: Beside those: marks, digits, connectors.
_CONTINUES = _STARTS | {"Mn", "Mc", "Me", "Nd", "Pc", "Sk", "No"}
#: Mathematical symbols, some of which are letters to Julia (∂, ∇, ∞) and some operators: Julia decides.
_UNDECIDED = frozenset({"Sm", "Po", "Cn"})

#: What Julia's parser replaces in names, beside Unicode's composition (``src/flisp/julia_charmap.h``).
_REPLACED = str.maketrans({"ɛ": "ε", "µ": "μ"})


def check_argument_names(names: Iterable[str]) -> None:
    """Refuse names that no Julia code could use.

    Raises
    ------
    InvalidTask
        If one is none, or two are the same to Julia. It is named.
    """
    seen: dict[str, str] = {}
    for name in names:
        reason = why_no_name(name)
        if reason:
            raise _refusal(name, f"is no name that Julia takes: {reason}")
        other = seen.setdefault(normalized(name), name)
        if other != name:
            raise _refusal(name, f"and {other!r} are the same name to Julia: give one of them")


def _refusal(name: str, problem: str) -> InvalidTask:
    return InvalidTask(problem, f"arguments.{name[:80]}", place=f"argument {name[:80]!r}")


def named_only(names: Iterable[str]) -> list[str]:
    """The arguments of a call that go by name: ``"1"``, ``"2"``, ... go by position.

    Raises
    ------
    InvalidTask
        If the positions do not run from 1 without a gap.
    """
    places = [name for name in names if is_place(name)]
    if places and sorted(map(int, places)) != list(range(1, len(places) + 1)):
        raise InvalidTask(f"have the positions {', '.join(places)}: give 1, 2, and so on, without a gap", "arguments")
    return [name for name in names if not is_place(name)]


def is_place(name: str) -> bool:
    """Whether an argument of a call goes by position."""
    return name.isascii() and name.isdigit() and not name.startswith("0") and len(name) < 6


def place_of(column: str) -> str | None:
    """The place of an argument by position that a frame's column is named for: ``"1"`` of ``arg1``; else None."""
    place = column.removeprefix("arg")
    return place if column != place and is_place(place) else None


def why_no_name(name: str) -> str:
    """Why Julia does not take this for the name of a variable; empty if it may."""
    advice = "use letters, digits and _, not beginning with a digit"
    if not name:
        return f"its name is empty; {advice}"
    if name in KEYWORDS:
        return f"{name} is a keyword of Julia, which no variable can be named; choose another name"
    if not name.strip("_"):
        return "a variable named by underscores only cannot be read in Julia; choose another name"
    for index, character in enumerate(name):
        if not _fits(character, first=index == 0):
            return f"a variable of Julia cannot be named so, because of {character!r}; {advice}"
    return ""


def normalized(name: str) -> str:
    """A name as Julia's parser writes it."""
    return unicodedata.normalize("NFC", name.translate(_REPLACED))


def _fits(character: str, *, first: bool) -> bool:
    if character.isascii():
        return character.isalpha() or character == "_" or (not first and (character.isdigit() or character == "!"))
    if character < "\xa1" or character == "\ufffd":
        return False
    category = unicodedata.category(character)
    return category in (_STARTS if first else _CONTINUES) or (category in _UNDECIDED and character > "\xff")
