"""The form that submits a task: name, code, arguments, and what else there is to say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

import traitlets
from ipywidgets import widget_serialization

from taskq_kernel.arguments import encode_arguments
from taskq_kernel.client.refusals import keyword
from taskq_kernel.declarations import declared
from taskq_kernel.errors import InvalidDeclaration, InvalidTask, TaskqError
from taskq_kernel.parameters import Parameter, typed_default
from taskq_widgets.assets import bundle, stylesheet
from taskq_widgets.editor.editor import JuliaEditor
from taskq_widgets.examples import EXAMPLES, Example
from taskq_widgets.live import in_background, live_tasks
from taskq_widgets.needs import NEEDS, Needs, whole
from taskq_widgets.panels.arguments import described, read_arguments, reading, rows_of, sentence
from taskq_widgets.panels.panel import Panel

if TYPE_CHECKING:
    from taskq_kernel.client.client import Client
    from taskq_kernel.client.task import Task

#: The fields that a submission consists of besides the code, and what they are when left alone.
FIELDS: dict[str, str] = {"name": "", "queue": "", "priority": "normal", "timeout": "", "attempts": "", **NEEDS}
#: Those that are folded away as *More options*.
_OPTIONS = FIELDS.keys() - NEEDS.keys() - {"name"}

#: What stands where, by GraphQL's name of a task's field: the form's field, and what it is called beside it.
_PLACES = {
    "name": ("name", "The name"),
    "code": ("code", "The code"),
    "queue": ("queue", "The queue"),
    "priority": ("priority", "The priority"),
    "timeoutSeconds": ("timeout", "The timeout"),
    "memoryLimit": ("memory", "The memory limit"),
    "maxAttempts": ("attempts", "The number of attempts"),
    "project": ("project", "The project"),
    "threads": ("threads", "The number of threads"),
    "gpus": ("gpus", "The number of devices"),
    "env": ("env", "What is given as variables"),
    "inputFiles": ("files", "What is given as files"),
    "outputs": ("outputs", "What is kept of its folder"),
    "arguments": ("arguments", "What is given as arguments"),
}

#: What is said to those whose token runs recipes alone.
RUNS_RECIPES = (
    "Your token runs recipes, and no code of your own: they are in RecipeBoard(). "
    "For code, ask an administrator for a token with the role user."
)

SubmitHandler = Callable[["Task"], None]


class SubmitForm(Panel):
    """A form to submit Julia code with.

    Parameters
    ----------
    client : Client, optional
        The connection; the kernel's own unless given.
    code, name : str
        What is there at first.
    examples : sequence of Example
        What the user may start from.
    **traits
        ``theme``, and what every ipywidget has.

    Attributes
    ----------
    editor : JuliaEditor
        Where the code is written.
    name, queue, priority, timeout, attempts : str
        As typed.
    project, threads, memory, gpus, env, files, outputs : str
        What the task needs, as typed: a folder on the kernel's machine or the id of a project that was sent, numbers,
        ``NAME=value`` a line, a path or ``name=path`` a line, and patterns.
    arguments : list of [str, str]
        Names and values, as typed. A value that is JSON or a literal of Julia means what it says, any other
        is a string.
    parameters : list of dict
        Those that the code declares (`taskq_kernel.declarations`), each with a field of its own.
    folded : bool
        Whether the code is folded away; it is when an example with parameters is chosen.
    blocked : str
        Why nothing can be submitted now; empty when it can.
    problems : dict of str to str
        What was wrong with the last submission, by field: ``arguments.n`` for one of the arguments, ``form`` for
        what belongs to none.
    """

    _esm = bundle("form")
    _css = stylesheet("panel", "form")
    _handlers: ClassVar[dict[str, str]] = {"example": "_on_example", "fields": "_on_fields", "submit": "_on_submit"}

    editor = traitlets.Instance(JuliaEditor).tag(sync=True, **widget_serialization)
    name = traitlets.Unicode().tag(sync=True)
    arguments = traitlets.List(traitlets.List(traitlets.Unicode())).tag(sync=True)
    parameters = traitlets.List(traitlets.Dict()).tag(sync=True)
    #: Of each row of `arguments`, as it is typed: the name and the text, what it is taken for, and what is wrong.
    readings = traitlets.List(traitlets.List(traitlets.Unicode())).tag(sync=True)
    folded = traitlets.Bool(False).tag(sync=True)
    queue = traitlets.Unicode().tag(sync=True)
    priority = traitlets.Enum(["low", "normal", "high"], "normal").tag(sync=True)
    timeout = traitlets.Unicode().tag(sync=True)
    attempts = traitlets.Unicode().tag(sync=True)
    project = traitlets.Unicode().tag(sync=True)
    threads = traitlets.Unicode().tag(sync=True)
    memory = traitlets.Unicode().tag(sync=True)
    gpus = traitlets.Unicode().tag(sync=True)
    env = traitlets.Unicode().tag(sync=True)
    files = traitlets.Unicode().tag(sync=True)
    outputs = traitlets.Unicode().tag(sync=True)
    #: Whether the options, and what the task needs, are unfolded.
    more = traitlets.Bool(False).tag(sync=True)
    needs = traitlets.Bool(False).tag(sync=True)
    #: Folders that the field of the project offers.
    folders = traitlets.List(traitlets.Unicode()).tag(sync=True)
    offered = traitlets.List(traitlets.Dict()).tag(sync=True)
    note = traitlets.Unicode().tag(sync=True)
    blocked = traitlets.Unicode().tag(sync=True)
    may_insist = traitlets.Bool(False).tag(sync=True)
    busy = traitlets.Bool(False).tag(sync=True)
    problems = traitlets.Dict().tag(sync=True)
    said = traitlets.Unicode().tag(sync=True)
    #: What stood there at first: a browser that kept something else puts that in its place.
    initial = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        client: Client | None = None,
        *,
        code: str = "",
        name: str = "",
        examples: Sequence[Example] = EXAMPLES,
        **traits: Any,
    ) -> None:
        self._live = live_tasks(client)
        self._examples = list(examples)
        self._submit_handlers: list[SubmitHandler] = []
        self._needs = Needs()
        editor = JuliaEditor(
            value=code,
            placeholder="The last expression is the value.",
            label="Julia code",
            min_height="200px",
            max_height="60vh",
            theme=traits.get("theme", "auto"),
        )
        initial = {"code": code, "name": name, "arguments": rows_of(code, {})}
        offered = [{"title": one.title, "note": one.note} for one in self._examples]
        super().__init__(editor=editor, name=name, offered=offered, initial=initial,
                         folders=self._needs.folders, **traits)  # fmt: skip
        self._declared: tuple[Parameter, ...] = ()
        #: What the editor remarks on a declaration that cannot be read.
        self._undeclared: list[dict[str, Any]] = []
        editor.observe(lambda _: self._declare(), "value")
        editor.observe(lambda _: self._judge(), ["value", "syntax_error"])
        editor.on_submit(lambda code: self._submit(code, editor.syntax_error))
        self.observe(lambda _: self._judge(), "arguments")
        self._declare()
        self._judge()
        self._leave: Callable[[], None] = self._live.on_state(lambda _: self._refresh_soon())

    def on_submit(self, handler: SubmitHandler) -> None:
        """Call ``handler(task)`` for each task submitted, on a thread of its own."""
        self._submit_handlers.append(handler)

    def close(self) -> None:
        """Take the widget off every screen."""
        self._leave()
        self.editor.close()
        super().close()

    def load(self, task: Mapping[str, Any]) -> None:
        """Fill the form with a task as GraphQL gives it, to be changed and submitted again."""
        self._fill(
            task["code"], task.get("name", ""), task.get("arguments") or {},
            queue="" if task.get("queue") in (None, "default") else str(task["queue"]),
            priority=("low", "normal", "high")[task.get("priority", 1)],
            timeout=_short(task.get("timeoutSeconds")),
            attempts="" if task.get("maxAttempts", 1) == 1 else str(task["maxAttempts"]),
            **self._needs.load(task),
        )  # fmt: skip
        self.editor.focus()

    # -- from the browser

    def _on_example(self, content: dict[str, Any]) -> None:
        example = self._examples[int(content["index"])]
        self._fill(example.code, example.title, encode_arguments(example.arguments), note=example.note)
        self.folded = bool(self.parameters)

    def _on_fields(self, content: dict[str, Any]) -> None:
        fields = {field: str(content["form"].get(field, alone)) for field, alone in FIELDS.items()}
        arguments = [[str(name), str(value)] for name, value in content["form"]["arguments"]]
        with self.hold_trait_notifications():
            for field, text in fields.items():
                self.set_trait(field, text)
            self.arguments = arguments

    def _on_submit(self, content: dict[str, Any]) -> None:
        code = str(content["code"])
        self._on_fields(content)
        self._submit(code, content.get("syntax_error"), insist=bool(content.get("insist")))

    # -- inside

    def _fill(self, code: str, name: str, arguments: Mapping[str, Any], **fields: str) -> None:
        with self._together():
            self.name = name
            self.arguments = rows_of(code, arguments)
            for field in FIELDS.keys() - {"name"}:
                self.set_trait(field, fields.get(field, FIELDS[field]))
            self.folded = False
            self.more = any(getattr(self, field) != FIELDS[field] for field in _OPTIONS)
            self.needs = any(getattr(self, field) for field in NEEDS)
            self.note, self.said, self.problems = fields.get("note", ""), "", {}
        self.editor.diagnostics = []
        self.editor.value = code
        self._judge()

    def _refresh(self) -> None:
        if self._live.state.name == "ready":
            with suppress(TaskqError):  # it went away meanwhile: asked again
                self._live.me()
        self._judge()

    def _declare(self) -> None:
        """Give each parameter that the code declares a field, and take those away that it no longer does."""
        try:
            parameters = declared(self.editor.value)
        except InvalidDeclaration as problem:  # it may be in the middle of being written: what was there stays
            self._undeclared = [{"line": problem.line, "message": f"parameters: {problem.reason}"}]
            self.editor.diagnostics = self._undeclared
            return
        if self._undeclared and self.editor.diagnostics == self._undeclared:
            self.editor.diagnostics = []
        self._undeclared = []
        if parameters == self._declared:
            return
        gone = {one.name for one in self._declared} - {one.name for one in parameters}
        kept = [row for row in self.arguments if row[0] not in gone]
        missing = [one for one in parameters if one.name not in {name for name, _ in kept}]
        self._declared = parameters
        with self._together():
            self.parameters = [described(one) for one in parameters]
            self.arguments = [*kept, *([one.name, typed_default(one)] for one in missing)]
            self.folded = self.folded and bool(parameters)

    def _judge(self) -> None:
        """Say what is typed is taken for, and why nothing can be submitted, if nothing can."""
        reason, may_insist = self._reason(self.editor.value, self.editor.syntax_error)
        with self._together():
            self.editor.names = [name.strip() for name, _ in self.arguments if name.strip()]
            self.readings = [[name, text, *reading(name, text, self._declared)] for name, text in self.arguments]
            self.blocked, self.may_insist = reason, may_insist

    def _reason(self, code: str, syntax_error: Mapping[str, Any] | None) -> tuple[str, bool]:
        state = self._live.state
        if state.name == "loading":
            return "Connecting to the service…", False
        if state.name == "away":
            return "The service is away. What you typed is kept.", False
        if state.name == "refused":
            return f"The service refuses: {state.reason}", False
        if self._live.runs_recipes_only:
            return RUNS_RECIPES, False
        if not code.strip():
            return "Write some code, or start from an example.", False
        if syntax_error:
            return f"Line {syntax_error['line']}: {syntax_error['message']}", True
        refused = (problem for name, text in self.arguments if (problem := reading(name, text, self._declared)[1]))
        return next(refused, ""), False

    def _submit(self, code: str, syntax_error: Mapping[str, Any] | None, *, insist: bool = False) -> None:
        reason, may_insist = self._reason(code, syntax_error)
        with self._guard:
            if self.busy:
                return
            if reason and not (insist and may_insist):
                self.blocked, self.may_insist = reason, may_insist
                return
            self.busy, self.said = True, ""
        in_background(self._deliver, code)

    def _deliver(self, code: str) -> None:
        problems, task, said = {}, None, ""
        try:
            task = self._live.client.submit(code, **self._options())
            said = f"Submitted as number {task.number}."
        except TaskqError as error:
            problems = remarks_on(error)
        finally:
            with self._together():
                self.busy, self.problems, self.said = False, problems, said
                self.more = self.more or bool(problems.keys() & _OPTIONS)
                self.needs = self.needs or bool(problems.keys() & NEEDS.keys())
                self.folders = self._needs.folders
        if task is not None:
            for handler in list(self._submit_handlers):
                handler(task)

    def _options(self) -> dict[str, Any]:
        options: dict[str, Any] = {"priority": self.priority}
        if self.name.strip():
            options["name"] = self.name.strip()
        if self.queue.strip():
            options["queue"] = self.queue.strip()
        if self.timeout.strip():
            options["timeout"] = self.timeout.strip()
        if self.attempts.strip():
            options["max_attempts"] = whole(self.attempts, "maxAttempts")
        options |= self._needs.read(self._live.client, {field: getattr(self, field) for field in NEEDS})
        if arguments := read_arguments(self.arguments, self._declared):
            options["arguments"] = arguments
        return options


def remarks_on(error: TaskqError) -> dict[str, str]:
    """Return the sentence that says what was wrong, by the field that it stands beside.

    That is ``arguments.n`` for one of the arguments, and ``form`` where it is about no field.
    """
    field = error.field if isinstance(error, InvalidTask) else ""
    top, _, argument = field.partition(".")
    if not isinstance(error, InvalidTask) or top not in _PLACES:
        return {"form": sentence(str(error))}
    place, called = _PLACES[top]
    # An argument, and a line of the code, have a name of their own already.
    named = error if argument or error.place not in (top, keyword(top)) else error.at(called)
    return {f"{place}.{argument}" if argument else place: sentence(str(named))}


def _short(number: float | None) -> str:
    return "" if number is None else f"{number:g}"
