"""How a result is cited: a text, and BibTeX."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Braces by name: BibTeX counts those of ``\{`` too, and one without the other ends its reading of the whole file.
_TEX = {
    "\\": r"\textbackslash{}", "{": r"\textbraceleft{}", "}": r"\textbraceright{}",
    "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_", "^": r"\^{}", "~": r"\~{}",
}  # fmt: skip


@dataclass(frozen=True)
class Citation:
    """A citation; ``print`` writes its text, and below that its BibTeX.

    Attributes
    ----------
    text : str
        For a list of references.
    bibtex : str
        An entry for BibTeX or BibLaTeX.
    """

    text: str
    bibtex: str

    def __str__(self) -> str:
        return f"{self.text}\n\n{self.bibtex}"

    def _repr_pretty_(self, printer: object, cycle: bool) -> None:
        printer.text(str(self))  # type: ignore[attr-defined]  # IPython's


def cite(title: str, author: str, day: str, what: str, made: str, key: str, url: str = "") -> Citation:
    """Cite a result.

    Parameters
    ----------
    title, author : str
        What it is called, and whose it is.
    day : str
        When it was computed, in ISO 8601.
    what : str
        What kind of thing it is, and how it is found again: ``"value of task 7"``.
    made : str
        How it came about, in a few words.
    key : str
        Names the entry.
    url : str
        Where it is; empty where it is nowhere yet.
    """
    title, author = _one_line(title), _one_line(author)
    at = f" {url}" if url else ""
    text = f"{author} ({day[:4]}). {title}: {what}, computed on {day[:10]}. {made}.{at}"
    fields = {
        "author": f"{{{_tex(author)}}}", "title": f"{{{_tex(title)}}}", "year": day[:4], "month": day[5:7],
        "howpublished": f"{what[:1].upper()}{what[1:]}", "note": f"Computed on {day[:10]}. {_tex(made)}",
    } | ({"url": url} if url else {})  # fmt: skip
    body = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    return Citation(text, f"@misc{{{re.sub(r'[^A-Za-z0-9-]', '-', key)},\n{body}\n}}")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _tex(text: str) -> str:
    return "".join(_TEX.get(c, c) for c in text)
