"""A recipe's file: plain Julia whose head is read without Julia.

It has three things that people who do not code need, each at the start of a line, and a function::

    parameters = [
        (name = :temperature, default = 2.0, unit = "J/k", minimum = 0.5, maximum = 5.0, step = 0.1,
         help = "Spins lose their order at 2.269."),
    ]
    shown = (kind = :number, value = :magnetization, error = :standard_error)

    \"\"\"
    # Magnet of Ising

    Spins on a square lattice, ...
    \"\"\"
    function ising(; temperature)
        ...
    end

``parameters`` is what `taskq_kernel.declarations` reads; ``shown`` says how the result is shown; the
docstring's first line is the title, the rest the help; and the function below it is called with the
parameters as keywords. Both blocks hold literals only, so nothing is ever run to read them.
"""

from __future__ import annotations

import math
import re
import textwrap
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, NoReturn

from taskq_kernel.declarations import DeclarationReader, declared, line_of, read_block
from taskq_kernel.errors import InvalidDeclaration, InvalidParameter, InvalidTask
from taskq_kernel.julia_text import only_code
from taskq_kernel.literals import JuliaValue
from taskq_kernel.parameters import Parameter, shown

_PARAMETERS = re.compile(r"^(?:const[ \t]+)?parameters[ \t]*=(?!=)", re.MULTILINE)
_SHOWN = re.compile(r"^(?:const[ \t]+)?shown[ \t]*=(?!=)[ \t]*", re.MULTILINE)
_DOCSTRING = re.compile(r'^"""(.*?)(?<!\\)"""[ \t]*\n', re.MULTILINE | re.DOTALL)
_FUNCTION = re.compile(r"(?:function[ \t]+)?([^\W\d][\w!]*)\(")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_KEYWORD = re.compile(r"\s*([^\W\d][\w!]*)")

#: The ways in which a result is shown, each with the entries that it may have.
KINDS: dict[str, tuple[str, ...]] = {
    "number": ("value", "error", "sweep", "label", "unit"),
    "table": ("columns", "sweep"),
    "line": ("x", "y", "error", "sweep", "x_label", "y_label"),
    "heatmap": ("value", "x", "y", "sweep", "label", "x_label", "y_label"),
    "picture": ("value", "sweep"),
}
#: Entries that name one field of the result or are texts, and those that may name several.
_SEVERAL = ("y", "columns")
_TEXTS = ("label", "unit", "x_label", "y_label")


@dataclass(frozen=True)
class Show:
    """How a recipe's result is shown.

    Attributes
    ----------
    kind
        ``number``, ``table``, ``line``, ``heatmap`` or ``picture``.
    value
        The field of the result that is shown; empty: the result itself.
    error
        The field with the standard error of the value, or of each value; empty: there is none.
    x
        The field with what goes to the right; empty: the places, from 1.
    y
        The fields with what goes up; of a heat map at most one, the places of its rows.
    columns
        The fields that are the columns of a table; all of them where there are none.
    sweep
        The field, a number, that is drawn where the recipe is swept; of a number by default its value.
    label, unit, x_label, y_label
        What people call the value, of what it is, and what stands at the axes.
    """

    kind: str
    value: str = ""
    error: str = ""
    x: str = ""
    y: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    sweep: str = ""
    label: str = ""
    unit: str = ""
    x_label: str = ""
    y_label: str = ""

    @property
    def swept(self) -> str:
        """The field that is drawn where the recipe is swept; empty where the recipe names none."""
        return self.sweep or (self.value if self.kind == "number" else "")

    def called(self, name: str) -> str:
        """What people call a field of the result; the result itself where the name is empty."""
        return (self.label if name == self.value else "") or name.replace("_", " ")

    def measured(self, name: str) -> str:
        """The same with its unit: what stands at an axis, or above a column."""
        unit = f" in {self.unit}" if self.unit and name == self.value else ""
        return f"{self.called(name)}{unit}"


@dataclass(frozen=True)
class RecipeFile:
    """What is read of a recipe's file.

    Attributes
    ----------
    title, help
        The first line of the docstring, and the rest of it, in Markdown.
    parameters
        What may be set.
    show
        How the result is shown.
    entry
        The function to call.
    code
        The file itself.
    """

    title: str
    help: str
    parameters: tuple[Parameter, ...]
    show: Show
    entry: str
    code: str


def check_name(name: str) -> str:
    """Return the name of a recipe if it is one.

    Raises
    ------
    InvalidTask
        If it is not.
    """
    if not _NAME.fullmatch(name):
        raise InvalidTask(
            f"is {name[:80]!r}: give a letter, then letters, digits, '_' and '-', 64 of them at most", "name"
        )
    return name


@lru_cache(64)  # each submission asks what its recipe takes
def read_recipe(code: str) -> RecipeFile:
    """Read a recipe's file.

    Raises
    ------
    InvalidDeclaration
        If it is none. It says in which line, and what should stand there.
    """
    code = code.replace("\r\n", "\n")
    parameters = _parameters(code)
    show = _show(code)
    docstring = _DOCSTRING.search(code)
    if docstring is None:
        _refuse(code, 0, 'a recipe has a docstring, """ at the start of a line, above its function')
    entry = _entry(code, docstring.end(), parameters)
    title, text = _title_and_help(code, docstring)
    return RecipeFile(title, text, parameters, show, entry, code)


def read_new_recipe(code: str) -> RecipeFile:
    """Read the file of a recipe that is to be registered: what would leave people with no value to set is refused, too.

    One that is registered is read by `read_recipe` alone, so that it stays what it was.

    Raises
    ------
    InvalidDeclaration
        If it is none.
    """
    recipe = read_recipe(code)
    for one in recipe.parameters:
        if reason := _why_useless(one):
            start = _only(code.replace("\r\n", "\n"), _PARAMETERS, "parameters = [")
            _refuse(code, start.start(), reason)
    return recipe


def _why_useless(parameter: Parameter) -> str | None:
    """Why a number's range, step or choices cannot be meant; None where they can."""
    for entry in ("minimum", "maximum", "step"):
        number = getattr(parameter, entry)
        if number is not None and not math.isfinite(number):
            return f"{entry} of {parameter.name} is {number}: give a number, or leave it out"
    if parameter.step is not None and parameter.step <= 0:
        return f"step of {parameter.name} is {shown(parameter.step)}: give a number above 0"
    for choice in parameter.choices:
        try:
            parameter.checked(choice)
        except InvalidParameter:
            said = f"{shown(choice)}, a choice of {parameter.name},"
            return f"{said} can never be taken: it has to lie between minimum and maximum"
    return None


def _refuse(code: str, at: int, reason: str) -> NoReturn:
    raise InvalidDeclaration(line_of(code, at), reason)


def _only(code: str, pattern: re.Pattern[str], example: str) -> re.Match[str]:
    """The one place where a block begins."""
    found = list(pattern.finditer(code))
    if not found:
        _refuse(code, 0, f"a recipe has a line that begins with {example}")
    if len(found) > 1:
        _refuse(code, found[1].start(), f"{example.split()[0]} stands here a second time: a recipe has one")
    return found[0]


def _parameters(code: str) -> tuple[Parameter, ...]:
    start = _only(code, _PARAMETERS, "parameters = [")
    found = declared(code)
    if not found:
        _refuse(code, start.start(), "[(name = :n, default = 10), ...] should stand here: a parameter at least")
    return found


# -- the line that says how the result is shown ----------------------------------------------


def _show(code: str) -> Show:
    start = _only(code, _SHOWN, "shown = (kind = :number,)")
    entries = read_block(code, start.end(), DeclarationReader.named_tuple)

    def refuse(reason: str) -> NoReturn:
        _refuse(code, start.start(), reason)

    kind = _word(entries.pop("kind", None))
    if kind not in KINDS:
        refuse(f"shown begins with kind = one of {', '.join(f':{one}' for one in KINDS)}")
    if unknown := [entry for entry in entries if entry not in KINDS[kind]]:
        refuse(f"shown has no {unknown[0]} where its kind is :{kind}; it may have {', '.join(KINDS[kind])}")
    read: dict[str, Any] = {}
    for entry, given in entries.items():
        several = entry in _SEVERAL
        words = [_word(one) for one in given] if isinstance(given, list) and several else [_word(given)]
        if None in words or (entry in _TEXTS and not isinstance(given, str)):
            wanted = "text" if entry in _TEXTS else f"the name of a field, such as :{entry}"
            refuse(f"{entry} of shown is {wanted}{', or a list of such' if several else ''}")
        read[entry] = tuple(words) if several else words[0]
    if kind == "number" and "value" in read:
        read.setdefault("sweep", read["value"])
    show = Show(kind, **read)
    if kind == "line" and not show.y:
        refuse("shown has y where its kind is :line: the field, or the fields, that are drawn")
    if kind == "heatmap" and len(show.y) > 1:
        refuse("shown has one y where its kind is :heatmap: the field with the places of the rows")
    return show


def _word(given: Any) -> str | None:
    if isinstance(given, JuliaValue) and given.tag == "$symbol":
        return str(given.content)
    return given if isinstance(given, str) else None


# -- the docstring and the function below it -------------------------------------------------


def _title_and_help(code: str, docstring: re.Match[str]) -> tuple[str, str]:
    text = docstring[1]
    if hidden := re.search(r"(?<!\\)(?:\\\\)*\$", text):
        _refuse(code, docstring.start(1) + hidden.start(), "a docstring without $, or with \\$, should stand here")
    text = textwrap.dedent(text).strip()
    text = re.sub(r"\\([\\\"$])", r"\1", text)
    title, _, rest = text.partition("\n")
    title = title.lstrip("#").strip()
    if not title:
        _refuse(code, docstring.start(), "the docstring's first line is the recipe's title")
    return title, rest.strip()


def _entry(code: str, at: int, parameters: tuple[Parameter, ...]) -> str:
    found = _FUNCTION.match(code, at)
    if found is None:
        _refuse(code, at, "the recipe's function, function name(; ...), should stand right below its docstring")
    declared_names = [one.name for one in parameters]
    keywords = _keywords(code, found.end())
    if keywords is None:
        return found[1]
    names, required = keywords
    example = f"function {found[1]}(; {', '.join(declared_names)})"
    if missing := [one for one in declared_names if one not in names]:
        _refuse(code, at, f"{found[1]} has no keyword {missing[0]}, which is declared: write {example}")
    if extra := [one for one in required if one not in declared_names]:
        _refuse(code, at, f"{found[1]} needs {extra[0]}, which is not declared: declare it, or write {example}")
    return found[1]


def _keywords(code: str, at: int) -> tuple[list[str], list[str]] | None:
    """The keywords of a signature whose parenthesis is open, and all that has to be given; None where it takes any."""
    places, separator, named = _signature(code, at).partition(";")
    required = [part for part in _parts(places) if part.strip() and "=" not in part]
    keywords = _parts(named) if separator else []
    if any(part.strip().endswith("...") for part in keywords):
        return None
    names = [match[1] for part in keywords if (match := _KEYWORD.match(part))]
    required += [part for part in keywords if part.strip() and "=" not in part]
    return names, [match[1] if (match := _KEYWORD.match(part)) else part.strip() for part in required]


def _signature(code: str, at: int) -> str:
    """What stands up to the parenthesis that closes, without comments and what is in texts."""
    text = only_code(code[at:])
    depth = 1
    for place, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if not depth:
            return text[:place]
    return text


def _parts(text: str) -> list[str]:
    """What stands between commas that are in no brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return parts


# -- as the client and the service tell each other -------------------------------------------


def show_from(given: dict[str, Any]) -> Show:
    """How a result is shown, of attributes by their names."""
    said: dict[str, Any] = {one.name: given[one.name] or "" for one in fields(Show)}
    return Show(**said | {name: tuple(given[name] or ()) for name in _SEVERAL})
