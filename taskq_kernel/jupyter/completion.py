"""Completion and documentation: asked of the session while it is idle, else from what the kernel has seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from taskq_kernel.jupyter.source import KEYWORDS, julia_string, names_in, word_before

#: How long the session may take to answer, in seconds.
ANSWER_S = 10.0
#: The most names that are offered.
MOST = 200

#: Asks code of the session, for so long at most.
Ask = Callable[[str, float], Any]


class Completer:
    """Completes names: Julia's own, and those that the cells have defined.

    Parameters
    ----------
    ask : callable
        Asks the session; None where it does not answer.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._seen: set[str] = set()

    def note(self, code: str) -> None:
        """A cell was run: its names can be completed to, whether the session answers or not."""
        self._seen |= names_in(code)

    def complete(self, code: str, cursor: int) -> tuple[list[str], int, int]:
        """What may stand at the cursor, and from where to where it takes the place of what stands there."""
        line = code.rfind("\n", 0, cursor) + 1
        answer = self._ask(completions_of(code[line:cursor]), ANSWER_S)
        if isinstance(answer, dict) and answer.get("texts"):
            # Julia counts bytes, and Jupyter characters.
            before = len(code[line:cursor].encode()[: int(answer["first"]) - 1].decode(errors="ignore"))
            return [str(text) for text in answer["texts"]], line + before, cursor
        word = word_before(code, cursor)
        known = sorted(name for name in KEYWORDS | self._seen if word and name.startswith(word) and name != word)
        return known[:MOST], cursor - len(word), cursor


def completions_of(text: str) -> str:
    """Julia code whose value is what completes a line up to the cursor: the texts, and from which byte they stand."""
    return f"""let line = {julia_string(text)}
    repl = Base.PkgId(Base.UUID("3fa0cd96-eef1-5676-8a61-b3b8758bbffb"), "REPL")
    completions = Base.require(repl).REPLCompletions
    found, range, _ = Base.invokelatest(completions.completions, line, lastindex(line), Main)
    # What a function takes is no text that could stand here.
    found = [one for one in found if nameof(typeof(one)) !== :MethodCompletion]
    # 1.12 and later: of a symbol's LaTeX name the text alone is not told.
    text = isdefined(completions, :named_completion) ?
        (one -> Base.invokelatest(completions.named_completion, one).completion) :
        (one -> Base.invokelatest(completions.completion_text, one))
    texts = unique(String[text(one) for one in found])
    (texts = texts[1:min(end, {MOST})], first = first(range))
end"""


def inspection(name: str) -> str:
    """Julia code whose value is the documentation of a name as Markdown; nothing where it is not known."""
    return f"""let name = Meta.parse({julia_string(name)}; raise = false)
    # From 1.11 on it is the REPL that makes text of documentation.
    Base.require(Base.PkgId(Base.UUID("3fa0cd96-eef1-5676-8a61-b3b8758bbffb"), "REPL"))
    known = name isa Symbol || name isa Expr && name.head in (:., :macrocall)
    ask = Expr(:macrocall, GlobalRef(Base.Docs, Symbol("@doc")), LineNumberNode(1), name)
    known ? string(Base.invokelatest(Core.eval, Main, ask)) : nothing
end"""

