"""The kernel *Julia (taskq)*, as Jupyter sees it."""

from __future__ import annotations

import re
from typing import Any

from ipykernel.kernelbase import Kernel
from traitlets import List

import taskq_kernel
from taskq_kernel.client.connecting import default_client
from taskq_kernel.client.task import Task
from taskq_kernel.domain import TaskStatus, ValueKind
from taskq_kernel.errors import TaskqError
from taskq_kernel.jupyter.completion import ANSWER_S, Completer, inspection
from taskq_kernel.jupyter.session import NotebookSession
from taskq_kernel.jupyter.source import ends_with_semicolon

Reply = dict[str, Any]

#: Where documentation is asked for: the name that the cursor is in or behind.
_NAME = re.compile(r"@?[^\W\d][\w.!]*")
#: What notebooks say of the language of their cells.
_LANGUAGE: dict[str, object] = {
    "name": "julia",
    "version": "1",
    "mimetype": "text/x-julia",
    "file_extension": ".jl",
    "pygments_lexer": "julia",
    "codemirror_mode": "julia",
}


class TaskqKernel(Kernel):
    """Runs each cell as a task of the notebook's session."""

    implementation = "taskq"
    implementation_version = taskq_kernel.__version__
    banner = "Julia (taskq): each cell is a task, and the tasks of a notebook share a module."
    language_info = _LANGUAGE
    help_links = List([{"text": "Julia", "url": "https://docs.julialang.org"}])

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._notebook = NotebookSession(default_client)
        self._completer = Completer(self._notebook.ask)

    def do_execute(
        self,
        code: str,
        silent: bool,
        store_history: bool = True,
        user_expressions: dict[str, Any] | None = None,
        allow_stdin: bool = False,
        *,
        cell_meta: dict[str, Any] | None = None,
        cell_id: str | None = None,
    ) -> Reply:
        """Run a cell; its value is shown unless it ends with a semicolon."""
        if not code.strip():
            return self._done()
        shows = not silent and not ends_with_semicolon(code)
        name = f"In[{self.execution_count}]: {next(line for line in code.splitlines() if line.strip()).strip()[:80]}"
        try:
            task = self._notebook.run(code if shows else f"{code}\nnothing", name, self._write)
            self._completer.note(code)
            return self._told(task, shows=shows)
        except KeyboardInterrupt:
            return self._failed("InterruptException", "the cell was interrupted", "")
        except TaskqError as error:
            return self._failed(type(error).__name__, str(error), "")

    def do_complete(self, code: str, cursor_pos: int) -> Reply:
        """Complete what stands before the cursor."""
        matches, start, end = self._completer.complete(code, cursor_pos)
        return {"status": "ok", "matches": matches, "cursor_start": start, "cursor_end": end, "metadata": {}}

    def do_inspect(
        self, code: str, cursor_pos: int, detail_level: int = 0, omit_sections: Any = ()
    ) -> Reply:
        """The documentation of the name at the cursor."""
        name = next((one.group() for one in _NAME.finditer(code) if one.start() <= cursor_pos <= one.end()), None)
        text = None if name is None else self._notebook.ask(inspection(name.rstrip(".")), ANSWER_S)
        data = {"text/plain": text, "text/markdown": text} if isinstance(text, str) else {}
        return {"status": "ok", "found": bool(data), "data": data, "metadata": {}}

    def do_shutdown(self, restart: bool) -> Reply:
        """End the session: its slot is free, and the next cell begins with a fresh module."""
        self._notebook.close()
        return {"status": "ok", "restart": restart}

    # -- what is told ----------------------------------------------------------------------

    def _told(self, task: Task, *, shows: bool) -> Reply:
        row = task.entry.row
        if row["status"] == TaskStatus.FINISHED:
            if shows and row.get("valueType") not in ("Nothing", None):
                content = {"execution_count": self.execution_count, "data": bundle_of(task), "metadata": {}}
                self.send_response(self.iopub_socket, "execute_result", content)
            return self._done()
        error = row.get("error") or {}
        if row["status"] == TaskStatus.CANCELLED or task.entry.deleted or error.get("name") == "InterruptException":
            return self._failed("InterruptException", "the cell was cancelled", "")
        return self._failed(
            error.get("name") or "Failed", error.get("message") or "no reason was recorded",
            error.get("stacktrace") or "",
        )  # fmt: skip

    def _done(self) -> Reply:
        return {
            "status": "ok", "execution_count": self.execution_count, "payload": [], "user_expressions": {},
        }  # fmt: skip

    def _failed(self, name: str, message: str, trace: str) -> Reply:
        content = {"ename": name, "evalue": message, "traceback": [f"{name}: {message}", *trace.splitlines()]}
        self.send_response(self.iopub_socket, "error", content)
        return {"status": "error", "execution_count": self.execution_count, **content}

    def _write(self, stream: str, text: str) -> None:
        self.send_response(self.iopub_socket, "stream", {"name": stream, "text": text})


def bundle_of(task: Task) -> dict[str, Any]:
    """What a cell's value shows, by MIME type."""
    row = task.entry.row
    text = str(row.get("valueText") or "")
    note = f"\n({row['valueNote']})" if row.get("valueNote") else ""
    kind = row.get("valueKind")
    if kind in (ValueKind.JSON, ValueKind.ARRAY):
        return {"text/plain": text + note}
    value = task.value
    if kind == ValueKind.REPR:
        return {"text/plain": f"{value}{note}"}
    if kind == ValueKind.MIME and isinstance(value, taskq_kernel.RichValue):
        return {"text/plain": text, **value.bundle}
    html = getattr(value, "_repr_html_", lambda: None)()  # a table, as a DataFrame shows itself
    return {"text/plain": f"{value!r}{note}", **({"text/html": html} if html else {})}
