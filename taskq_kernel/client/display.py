"""How tasks look in a notebook and in a terminal: plain HTML, safe and quiet.

Everything that comes from a task is escaped. Colours are the surroundings' own, light or
dark: text and lines take them over, and a status is a coloured dot beside its name, so it
can be read without seeing the colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from taskq_kernel.durations import seconds_text
from taskq_kernel.printable import one_line

#: One dot per status, of a lightness that can be seen on white and on black.
DOTS = {
    "QUEUEING": "#8a8f98",
    "RUNNING": "#3b82f6",
    "FINISHED": "#22a06b",
    "FAILED": "#e5484d",
    "CANCELLED": "#b7791f",
    "DELETED": "#8a8f98",
}
#: Rows of a batch that are shown.
_ROWS = 20
#: Characters of a text that are shown.
_TEXT = 160

_FONT = "font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:13px;line-height:1.5"
_MONO = "font-family:var(--jp-code-font-family,ui-monospace,monospace);font-size:12px"
_FAINT = "opacity:.68"
_ONE_LINE = "white-space:nowrap"
_LINE = "1px solid color-mix(in srgb,currentColor 22%,transparent)"


def cut(text: str, limit: int = _TEXT) -> str:
    """``text`` on one line and no longer than ``limit``, without control characters."""
    return _shortened(one_line(" ".join(text.split())), limit)


def _shortened(line: str, limit: int) -> str:
    return line if len(line) <= limit else line[: limit - 1] + "…"


def size_text(size_bytes: float | None) -> str:
    """A number of bytes as people read it: ``512 MiB``, ``1.5 GiB``."""
    if size_bytes is None:
        return ""
    size = float(size_bytes)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return "1 byte" if size_bytes == 1 else f"{size:.4g} {unit}"
        size /= 1024
    return f"{size:.4g} TiB"


def status_of(data: Mapping[str, Any]) -> str:
    """The status that is shown."""
    return "DELETED" if data.get("deleted") else str(data["status"])


def said_by(data: Mapping[str, Any]) -> str:
    """What a task has to say at its stage: its value, its error, its progress, and how long is ``left`` of it."""
    status, error = data["status"], data.get("error")
    if status == "FINISHED":
        return str(data.get("valueText") or "")
    if status == "FAILED" and error:
        return f"{error['name']}: {error['message']}"
    if status == "RUNNING" and data.get("progress") is not None:
        return ", ".join(
            filter(None, (f"{100 * data['progress']:.0f} %", data.get("progressMessage"), data.get("left")))
        )
    return ""


def task_line(data: Mapping[str, Any]) -> str:
    """A task on one line of plain text."""
    parts = [f"{data['number']} {_shortened(' '.join(data['name'].split()), 60)!r} {status_of(data)}"]
    said = said_by(data)
    return ": ".join([*parts, cut(said)] if said else parts)


def task_card(data: Mapping[str, Any]) -> str:
    """A task as HTML: name, status, and what it has to say."""
    facts = [
        seconds_text(data.get("seconds")),
        f"on {data['worker']}" if data.get("worker") else "",
        f"attempt {data['attempt']}" if (data.get("attempt") or 0) > 1 else "",
    ]
    shown = " · ".join([f"task {data['number']}", *filter(None, facts)])
    head = (
        f'<div style="display:flex;flex-wrap:wrap;gap:4px 12px;align-items:baseline">{_dot(status_of(data))}'
        f'<strong style="font-weight:600">{escape(cut(data["name"], 100))}</strong>'
        f'<span style="{_FAINT}">{escape(shown)}</span></div>'
    )
    body = _bar(data["progress"], 1.0) if data["status"] == "RUNNING" and data.get("progress") is not None else ""
    said = said_by(data)
    if said:
        body += (
            f'<div style="{_MONO};margin-top:4px;white-space:pre-wrap;overflow-wrap:anywhere">'
            f"{escape(_shortened(said, 2000))}</div>"
        )
    if data.get("valueNote"):
        body += f'<div style="{_FAINT}">{escape(data["valueNote"])}</div>'
    trace = (data.get("error") or {}).get("stacktrace") if data["status"] == "FAILED" else ""
    if trace:
        body += (
            f'<details style="margin-top:4px"><summary style="cursor:pointer">Stack trace</summary>'
            f'<pre style="{_MONO};margin:4px 0 0;overflow:auto;max-height:20em;background:none;'
            f'color:inherit">{escape(trace)}</pre></details>'
        )
    frame = f"{_FONT};border:{_LINE};border-radius:8px;padding:8px 12px;margin:2px 0;max-width:60em"
    return f'<div style="{frame}">{head}{body}</div>'


def batch_table(rows: Sequence[Mapping[str, Any]], left: str = "") -> str:
    """Tasks as an HTML table, the first ones and the count of the others; ``left`` is how long they still take."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[status_of(row)] = counts.get(status_of(row), 0) + 1
    summary = "".join(f"<span>{_dot(status, f'{count} {status}')}</span>" for status, count in counts.items())
    if left:
        summary += f'<span style="{_FAINT}">{escape(left)}</span>'
    cells = (
        (
            (str(row["number"]), ""), (escape(cut(row["name"], 60)), ""), (_dot(status_of(row)), _ONE_LINE),
            (escape(cut(said_by(row), 80)), _MONO), (seconds_text(row.get("seconds")), _ONE_LINE),
        )
        for row in rows[:_ROWS]
    )
    table = _table(("number", "name", "status", "value", "seconds"), cells)
    more = f'<div style="{_FAINT}">and {len(rows) - _ROWS} more</div>' if len(rows) > _ROWS else ""
    return (
        f'<div style="{_FONT}"><div style="display:flex;flex-wrap:wrap;gap:4px 16px">'
        f"<strong>{len(rows)} tasks</strong>{summary}</div>{table if rows else ''}{more}</div>"
    )


def plain_table(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Lines of text as an HTML table."""
    return _table(columns, ([(escape(one), "") for one in line] for line in lines))


def _table(columns: Sequence[str], lines: Iterable[Iterable[tuple[str, str]]]) -> str:
    """A table of cells, each its HTML and what is particular about its style."""
    style = f"padding:3px 12px 3px 0;border:0;border-bottom:{_LINE};text-align:left;vertical-align:baseline"
    head = "".join(f'<th scope="col" style="{style};font-weight:600">{escape(one)}</th>' for one in columns)
    rows = ("".join(f'<td style="{style};{own}">{content}</td>' for content, own in line) for line in lines)
    body = "".join(f'<tr style="background:none">{row}</tr>' for row in rows)
    return (
        f'<table style="border-collapse:collapse;color:inherit;{_FONT};margin:6px 0"><thead>'
        f'<tr style="background:none">{head}</tr></thead><tbody>{body}</tbody></table>'
    )


def progress_html(done: int, total: int, text: str) -> str:
    """A progress bar with its text."""
    told = f'<div style="{_FAINT}">{escape(text)}</div>'
    return f'<div style="{_FONT};max-width:40em">{_bar(done, total)}{told}</div>'


def _dot(status: str, text: str | None = None) -> str:
    circle = (
        "display:inline-block;width:8px;height:8px;border-radius:50%;margin-right:6px;"
        f"background:{DOTS.get(status, '#8a8f98')}"
    )
    return f'<span style="white-space:nowrap"><span style="{circle}"></span>{escape(text or status)}</span>'


def _bar(done: float, total: float) -> str:
    percent = 100 * done / total if total else 100
    track = (
        "height:6px;max-width:24em;margin:4px 0;border-radius:3px;overflow:hidden;"
        "background:color-mix(in srgb,currentColor 18%,transparent)"
    )
    return (
        f'<div role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-valuenow="{percent:.0f}" '
        f'style="{track}"><div style="width:{percent:.1f}%;height:100%;background:{DOTS["RUNNING"]}"></div></div>'
    )
