"""Julia code without what only looks like code: texts, characters and comments."""

from __future__ import annotations

import re

#: In this order, so that none is looked for inside of another.
_OPAQUE = re.compile(
    r'"""(?:\\.|[^\\])*?"""'
    r'|"(?:\\.|[^"\\])*"'
    r"|'(?:\\.[^'\n]*|[^'\\\n])'"
    r"|\#=.*?=\#"
    r"|\#[^\n]*",
    re.DOTALL,
)


def only_code(code: str) -> str:
    """Code with a blank for each comment, and an empty text for each text and character: no name or bracket is hidden.

    It is told apart without a parser, so a comment within a comment is not seen.
    """
    return _OPAQUE.sub(lambda found: " " if found[0].startswith("#") else '""', code)
