"""How tasks look in a notebook and in a terminal: plain HTML, safe and quiet.

Everything that comes from a task is escaped. Colours are the surroundings' own, light or
dark: text and lines take them over, and a status is a coloured dot beside its name, so it
can be read without seeing the colour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

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
_LINE = "1px solid color-mix(in srgb,currentColor 22%,transparent)"


def cut(text: str, limit: int = _TEXT) -> str:
    """``text`` on one line and no longer than ``limit``, without control characters."""
    return _shortened(one_line(" ".join(text.split())), limit)


def _shortened(line: str, limit: int) -> str:
    return line if len(line) <= limit else line[: limit - 1] + "…"


def seconds_text(seconds: float | None) -> str:
    """A duration as people read it: ``12 ms``, ``3.4 s``, ``2 min 05 s``, ``3 h 12 min``."""
    if seconds is None:
        return ""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def size_text(size_bytes: float | None) -> str:
    """A number of bytes as people read it: ``512 MiB``, ``1.5 GiB``."""
    if size_bytes is None:
        return ""
    size = float(size_bytes)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.4g} {unit}"
        size /= 1024
    return f"{size:.4g} TiB"


def status_of(data: Mapping[str, Any]) -> str:
    """The status that is shown."""
    return "DELETED" if data.get("deleted") else str(data["status"])


def said_by(data: Mapping[str, Any]) -> str:
    """What a task has to say at its stage: its value, its error, its progress."""
    status, error = data["status"], data.get("error")
    if status == "FINISHED":
        return str(data.get("valueText") or "")
    if status == "FAILED" and error:
        return f"{error['name']}: {error['message']}"
    if status == "RUNNING" and data.get("progress") is not None:
        message = data.get("progressMessage")
        return f"{100 * data['progress']:.0f} %" + (f", {message}" if message else "")
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


def batch_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Tasks as an HTML table, the first ones and the count of the others."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[status_of(row)] = counts.get(status_of(row), 0) + 1
    summary = "".join(f"<span>{_dot(status, f'{count} {status}')}</span>" for status, count in counts.items())
    cell = f"padding:3px 12px 3px 0;border:0;border-bottom:{_LINE};text-align:left;vertical-align:baseline"
    head = "".join(
        f'<th scope="col" style="{cell};font-weight:600">{title}</th>'
        for title in ("number", "name", "status", "value", "seconds")
    )
    body = "".join(
        f'<tr style="background:none"><td style="{cell}">{row["number"]}</td>'
        f'<td style="{cell}">{escape(cut(row["name"], 60))}</td>'
        f'<td style="{cell};white-space:nowrap">{_dot(status_of(row))}</td>'
        f'<td style="{cell};{_MONO}">{escape(cut(said_by(row), 80))}</td>'
        f'<td style="{cell};white-space:nowrap">{seconds_text(row.get("seconds"))}</td></tr>'
        for row in rows[:_ROWS]
    )
    more = f'<div style="{_FAINT}">and {len(rows) - _ROWS} more</div>' if len(rows) > _ROWS else ""
    table = (
        f'<table style="border-collapse:collapse;color:inherit;{_FONT};margin:6px 0"><thead>'
        f'<tr style="background:none">{head}</tr></thead><tbody>{body}</tbody></table>'
    )
    return (
        f'<div style="{_FONT}"><div style="display:flex;flex-wrap:wrap;gap:4px 16px">'
        f"<strong>{len(rows)} tasks</strong>{summary}</div>{table if rows else ''}{more}</div>"
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
