"""Julia code as highlighted pieces of text."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby

#: Longer code is shown plain: highlighting it would take seconds.
MOST_CHARACTERS = 100_000


@lru_cache(maxsize=64)
def pieces(code: str) -> list[list[str]]:
    """Return Julia code as pairs of a kind and a text, which together are the code.

    The kind is ``keyword``, ``string``, ``number``, ``comment``, ``function``, ``type``, ``operator`` or empty.
    """
    if len(code) > MOST_CHARACTERS:
        return [["", code]]
    return [[kind, "".join(text for _, text in run)] for kind, run in groupby(_tokens(code), lambda token: token[0])]


def _tokens(code: str) -> Iterator[tuple[str, str]]:
    from pygments.lexers.julia import JuliaLexer  # here: whoever opens no task needs none of it
    from pygments.token import Comment, Keyword, Name, Number, Operator, String

    kinds = (
        (Comment, "comment"), (String, "string"), (Number, "number"), (Keyword.Type, "type"), (Keyword, "keyword"),
        (Name.Function, "function"), (Name.Decorator, "function"), (Name.Class, "type"), (Operator, "operator"),
    )  # fmt: skip
    for token, text in JuliaLexer(stripnl=False, ensurenl=False).get_tokens(code):
        yield next((kind for parent, kind in kinds if token in parent), ""), text
