"""What turns templates into text. Every text that is put into one is escaped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from taskq_kernel.printable import one_line, printable
from taskq_kernel.service.shared.addresses import within
from taskq_kernel.terminal.log import as_text

_TEMPLATES = Path(__file__).parent / "templates"
#: The one style of pages and pictures.
STYLE = (_TEMPLATES / "style.css").read_text("utf-8")

# Every text is escaped but what a template itself has.
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.globals.update(style=STYLE, within=within)
_ENVIRONMENT.filters.update(line=one_line, text=lambda text: printable(as_text(text)))


def rendered(template: str, **shown: Any) -> bytes:
    """A template with what is shown in its places, as UTF-8."""
    return _ENVIRONMENT.get_template(template).render(**shown).encode("utf-8", "replace")
