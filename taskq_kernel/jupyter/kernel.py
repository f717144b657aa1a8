"""The kernel *Julia (taskq)*, as Jupyter sees it."""

from __future__ import annotations

from typing import Any

from ipykernel.kernelbase import Kernel
from traitlets import List, Unicode

import taskq_kernel
from taskq_kernel import displays
from taskq_kernel.client.connecting import default_client
from taskq_kernel.client.task import Task
from taskq_kernel.domain import TaskStatus, ValueKind
from taskq_kernel.errors import TaskqError
from taskq_kernel.jupyter.completion import ANSWER_S, Completer, inspection
from taskq_kernel.jupyter.options import directive_of, make_parser, read_options
from taskq_kernel.jupyter.session import NotebookSession
from taskq_kernel.jupyter.source import ends_with_semicolon, in_mode, name_at, with_caret
from taskq_kernel.magic.options import HelpShown

Reply = dict[str, Any]

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
    session_options = Unicode("", help="What its sessions are asked for, as behind %session.").tag(config=True)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._notebook = NotebookSession(default_client, read_options(self.session_options))
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
        if (asked := directive_of(code)) is not None:
            return self._begin(asked)
        shows = not silent and not ends_with_semicolon(code)
        name = f"In[{self.execution_count}]: {next(line for line in code.splitlines() if line.strip()).strip()[:80]}"
        try:
            julia = in_mode(code)
            task = self._notebook.run(julia if shows else f"{julia}\nnothing", name, self._write)
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
        name = name_at(code, cursor_pos)
        text = None if name is None else self._notebook.ask(inspection(name), ANSWER_S)
        data = {"text/plain": text, "text/markdown": text} if isinstance(text, str) else {}
        return {"status": "ok", "found": bool(data), "data": data, "metadata": {}}

    def do_shutdown(self, restart: bool) -> Reply:
        """End the session: its slot is free, and the next cell begins with a fresh module."""
        self._notebook.close()
        return {"status": "ok", "restart": restart}

    def _begin(self, asked: str) -> Reply:
        """Have the next cell begin a session that is asked for with such options."""
        try:
            self._notebook.ask_for(read_options(asked))
        except HelpShown:
            self._write("stdout", make_parser().format_help())
        except TaskqError as error:
            return self._failed(type(error).__name__, str(error), "")
        else:
            self._write("stdout", f"The next cell begins with a fresh module{asked and f', with {asked}'}.\n")
        return self._done()

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
        lines = with_caret(f"{name}: {message}") if name == "ParseError" else [f"{name}: {message}"]
        content = {"ename": name, "evalue": message, "traceback": [*lines, *trace.splitlines()]}
        self.send_response(self.iopub_socket, "error", content)
        return {"status": "error", "execution_count": self.execution_count, **content}

    def _write(self, stream: str, text: str) -> None:
        if stream == displays.STREAM:
            content = {"data": displays.bundle_of(text), "metadata": {}, "transient": {}}
            self.send_response(self.iopub_socket, "display_data", content)
            return
        self.send_response(self.iopub_socket, "stream", {"name": stream, "text": text})


def bundle_of(task: Task) -> dict[str, Any]:
    """What a cell's value shows, by MIME type: as text what the REPL shows, and whatever else there is of it."""
    row = task.entry.row
    note = f"\n({row['valueNote']})" if row.get("valueNote") else ""
    plain = {"text/plain": f"{row.get('valueText') or ''}{note}"}
    if row.get("valueKind") in (ValueKind.JSON, ValueKind.ARRAY, ValueKind.REPR):
        return plain
    value = task.value
    if isinstance(value, taskq_kernel.RichValue):
        return {**value.bundle, **plain}
    html = getattr(value, "_repr_html_", lambda: None)()  # a table, as a DataFrame shows itself
    return {**plain, **({"text/html": html} if html else {})}
