"""What the kernel has to know of Julia's syntax: where a cell ends, and which names it has."""

from __future__ import annotations

import re

#: Texts, characters and comments; in this order, so that none is looked for inside of another.
_OPAQUE = re.compile(
    r'"""(?:\\.|[^\\])*?"""'
    r'|"(?:\\.|[^"\\])*"'
    r"|'(?:\\[^']*|[^'\\\n])'"
    r"|\#=.*?=\#"
    r"|\#[^\n]*",
    re.DOTALL,
)
_NAME = re.compile(r"[^\W\d]\w*!*")
#: What may stand before the cursor and be completed: names with dots, macros, and LaTeX names of symbols.
_BEFORE = re.compile(r"(?:\\[\w^:+-]*|@?[^\W\d][\w.!]*|@)\Z")

KEYWORDS = frozenset({
    "abstract", "baremodule", "begin", "break", "catch", "const", "continue", "do", "else", "elseif", "end", "export",
    "false", "finally", "for", "function", "global", "if", "import", "in", "isa", "let", "local", "macro", "module",
    "mutable", "primitive", "quote", "return", "struct", "true", "try", "type", "using", "where", "while",
})  # fmt: skip


def ends_with_semicolon(code: str) -> bool:
    """Whether a cell asks for its value not to be shown."""
    return _OPAQUE.sub(lambda found: "" if found.group().startswith("#") else "x", code).rstrip().endswith(";")


def names_in(code: str) -> set[str]:
    """The names in a cell that can be completed to later; those in texts and comments are not among them."""
    return {name for name in _NAME.findall(_OPAQUE.sub(" ", code)) if len(name) > 1} - KEYWORDS


def word_before(code: str, cursor: int) -> str:
    """What stands right before the cursor and is to be completed; empty where nothing is."""
    found = _BEFORE.search(code[:cursor])
    return found.group() if found else ""
