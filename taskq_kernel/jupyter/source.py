"""What the kernel has to know of Julia's syntax: where a cell ends, and which names it has."""

from __future__ import annotations

import re

from taskq_kernel.julia_text import only_code

_NAME = re.compile(r"[^\W\d]\w*!*")
#: What may stand before the cursor and be completed: names with dots, macros, and LaTeX names of symbols.
_BEFORE = re.compile(r"(?:\\[\w^:+-]*|@?[^\W\d][\w.!]*|@)\Z")

#: A name with the modules that it is in, or of a macro.
_WHOLE_NAME = re.compile(r"@?[^\W\d][\w.!]*")
_WHOLE_NAME_BEFORE = re.compile(rf"(?:{_WHOLE_NAME.pattern})\Z")

KEYWORDS = frozenset({
    "abstract", "baremodule", "begin", "break", "catch", "const", "continue", "do", "else", "elseif", "end", "export",
    "false", "finally", "for", "function", "global", "if", "import", "in", "isa", "let", "local", "macro", "module",
    "mutable", "primitive", "quote", "return", "struct", "true", "try", "type", "using", "where", "while",
})  # fmt: skip


def name_at(code: str, cursor: int) -> str | None:
    """The name that the cursor is in or behind, or whose brackets it is in: what documentation is asked of."""
    for found in _WHOLE_NAME.finditer(code):
        if found.start() <= cursor <= found.end():
            return found.group().rstrip(".")
    depth = 0
    for place in range(cursor - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(code[place], 0)
        if depth < 0:
            before = _WHOLE_NAME_BEFORE.search(code[:place])
            return before.group() if before else None
    return None


def ends_with_semicolon(code: str) -> bool:
    """Whether a cell asks for its value not to be shown."""
    return only_code(code).rstrip().endswith(";")


def names_in(code: str, shortest: int = 2) -> set[str]:
    """The names in a cell that can be completed to later; those in texts and comments are not among them.

    Parameters
    ----------
    shortest : int
        Names of fewer characters are left out. Default: what is not worth completing.
    """
    return {name for name in _NAME.findall(only_code(code)) if len(name) >= shortest} - KEYWORDS


def word_before(code: str, cursor: int) -> str:
    """What stands right before the cursor and is to be completed; empty where nothing is."""
    found = _BEFORE.search(code[:cursor])
    return found.group() if found else ""


#: What the REPL has modes for, by the character that they begin with: its help, a shell, and the package manager.
_MODES = {
    "?": """let REPL = Base.require(Base.PkgId(Base.UUID("3fa0cd96-eef1-5676-8a61-b3b8758bbffb"), "REPL"))
    Core.eval(Main, Base.invokelatest(REPL.helpmode, stdout, {line}))
end""",
    ";": "Core.eval(Main, :(Base.repl_cmd(Base.cmd_gen($(Base.shell_parse({line})[1])), stdout)))",
    "]": "import Pkg; Pkg.@pkg_str({line})",
}


def in_mode(code: str) -> str:
    """A cell as plain Julia: one that begins as a mode of the REPL does, ``?sin``, ``;ls`` or ``]status``, is that."""
    line = code.strip()
    mode = _MODES.get(line[:1])
    if mode is None or "\n" in line:
        return code
    return mode.format(line=julia_string(line[1:].strip()))


def julia_string(text: str) -> str:
    """A text as a literal of Julia's."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return '"' + "".join(one if one.isprintable() else f"\\U{ord(one):08x}" for one in escaped) + '"'


#: Where the parser's complaint says that it stands, with the line itself behind it.
_PLACE = re.compile(r" in line [0-9]+(?:, column (?P<column>[0-9]+))?: (?P<line>[^\n]*)\Z")


def with_caret(message: str) -> list[str]:
    """What is wrong with a cell's syntax, in lines: the complaint, the line, and a caret below its place."""
    found = _PLACE.search(message)
    if found is None:
        return message.splitlines()
    place, _colon, _line = found.group().partition(": ")
    shown = [message[: found.start()] + place, f"  {found['line']}"]
    return shown + ([" " * (int(found["column"]) + 1) + "^"] if found["column"] else [])
