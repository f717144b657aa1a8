"""A recipe as a form: what may be set, a button, and the result as the recipe says."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

import traitlets

from taskq_kernel.domain import FINAL
from taskq_kernel.errors import NotFound, TaskqError
from taskq_widgets.assets import bundle, stylesheet
from taskq_widgets.live import in_background, live_tasks
from taskq_widgets.panels.arguments import sentence
from taskq_widgets.panels.highlight import pieces
from taskq_widgets.panels.panel import Panel
from taskq_widgets.panels.sharing import answer_share
from taskq_widgets.recipes.curve import CurveShown
from taskq_widgets.recipes.earlier import SWEEP, earlier
from taskq_widgets.recipes.estimate import estimate_of
from taskq_widgets.recipes.fields import Fields, described_recipe
from taskq_widgets.recipes.ranges import pilot_of
from taskq_widgets.recipes.runs import RunShown

if TYPE_CHECKING:
    from taskq_kernel.client.client import Client
    from taskq_kernel.client.feed import Changes
    from taskq_kernel.client.recipe import Recipe
    from taskq_kernel.client.task import Task

#: How often a sweep's points are read while they change, and the earlier runs while one looks, in seconds.
POINTS_S, EARLIER_S = 0.5, 10.0

RunHandler = Callable[["Task"], None]


class RecipeForm(Panel):
    """A recipe as a form, for people who do not code.

    Parameters
    ----------
    recipe : str or Recipe, optional
        The recipe, or its name; without one the form is empty until `load`.
    client : Client, optional
        The connection; the kernel's own unless given.
    values : dict, optional
        What stands in the fields at first, where that is not the default.
    **traits
        ``theme``, and what every ipywidget has.

    Attributes
    ----------
    values : dict of str to str
        What stands in the fields, as it is typed.
    problems : dict of str to str
        What is wrong, by parameter; ``low``, ``high`` and ``count`` of a sweep, ``form`` for what belongs to none.
    task : Task or None
        The run that is shown.
    sweep : Sweep or None
        The sweep that is shown.

    Raises
    ------
    NotFound
        If there is no recipe of this name.

    Examples
    --------
    >>> from taskq_widgets import RecipeForm  # doctest: +SKIP
    >>> RecipeForm("ising")  # doctest: +SKIP
    """

    _esm = bundle("recipe")
    _css = stylesheet("panel", "form", "detail", "sharing", "picture", "result", "recipe")
    _handlers: ClassVar[dict[str, str]] = {
        "values": "_on_values", "run": "_on_run", "sweep": "_on_sweep", "cancel": "_on_cancel", "reset": "_on_reset",
        "code": "_on_code", "open": "_on_open", "clear": "_on_clear", "mine": "_on_mine",
        "share": "_on_share",
    }  # fmt: skip

    #: Name, title, help and parameters; nothing without a recipe.
    recipe = traitlets.Dict().tag(sync=True)
    values = traitlets.Dict(key_trait=traitlets.Unicode(), value_trait=traitlets.Unicode()).tag(sync=True)
    #: Counts the times that Python has filled the fields: a browser that typed since leaves its own alone.
    filled = traitlets.Int(0).tag(sync=True)
    problems = traitlets.Dict().tag(sync=True)
    blocked = traitlets.Unicode().tag(sync=True)
    busy = traitlets.Bool(False).tag(sync=True)
    estimate = traitlets.Unicode().tag(sync=True)
    #: Whether no run has ended well yet, from which the estimate could be made: a sweep can try three points first.
    untried = traitlets.Bool(False).tag(sync=True)
    run = traitlets.Dict().tag(sync=True)
    #: What the run that is shown was given, as it is typed.
    ran = traitlets.Dict().tag(sync=True)
    result = traitlets.Dict().tag(sync=True)
    curve = traitlets.Dict().tag(sync=True)
    earlier: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    code: traitlets.List[list[str]] = traitlets.List().tag(sync=True)
    #: Whether whoever looks may cancel and share; not those whose token runs recipes alone.
    may_change = traitlets.Bool(False).tag(sync=True)
    #: Whether the page's address has the run, as on a dashboard, and several people share an owner's name.
    shared = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self, recipe: str | Recipe | None = None, client: Client | None = None, *,
        values: Mapping[str, Any] | None = None, **traits: Any,
    ) -> None:
        self._live = live_tasks(client)
        self._recipe: Recipe | None = None
        self._fields = Fields()
        self._shown: RunShown | None = None
        self._curve: CurveShown | None = None
        self._points_read = float("-inf")
        self._earlier_read = float("-inf")
        #: For which values the estimate was made, and what had ended then.
        self._estimated: tuple[dict[str, str], list[Any]] | None = None
        #: How often something was asked for: of two runs that are found at the same time the later one counts.
        self._choices = 0
        self._mine: list[str] = []
        self._me: str | None = None
        self._run_handlers: list[RunHandler] = []
        super().__init__(blocked=self._reason(), **traits)
        self._leave = [
            self._live.on_changes(self._on_changes),
            self._live.on_state(lambda _: self._refresh_soon()),
        ]
        if recipe is not None:
            try:
                self.load(self._live.client.recipe(recipe) if isinstance(recipe, str) else recipe, values)
            except BaseException:
                self.close()
                raise

    @property
    def task(self) -> Task | None:
        """The run that is shown."""
        return None if self._shown is None else self._shown.task

    @property
    def sweep(self) -> Any:
        """The sweep that is shown."""
        return None if self._curve is None else self._curve.sweep

    def on_run(self, handler: RunHandler) -> None:
        """Call ``handler(task)`` for each run that is submitted, on a thread of its own."""
        self._run_handlers.append(handler)

    def load(self, recipe: Recipe | None, values: Mapping[str, Any] | None = None) -> None:
        """Show another recipe, with these values in its fields, or none."""
        with self._together():
            self._choose()
            self._recipe, self._fields, self._shown, self._curve = recipe, Fields(recipe), None, None
            self._earlier_read, self._estimated = float("-inf"), None
            self.recipe = {} if recipe is None else described_recipe(recipe)
            self.run, self.ran, self.result, self.curve, self.code = {}, {}, {}, {}, []
            self.problems, self.busy, self.earlier = {}, False, []
            self.estimate, self.untried = "", False
            self._fill(values or {})
        self._refresh_soon()

    def show(self, task: Task | int | str) -> None:
        """Show a run of this recipe, with what it was given in the fields.

        Raises
        ------
        TaskqError
            If there is none such.
        """
        self._show(task, self._choose())

    def _show(self, task: Task | int | str, choice: int) -> None:
        found = self._live.client.task(task) if isinstance(task, int | str) else task
        recipe = self._recipe
        if recipe is None or found.recipe != recipe.name:
            raise NotFound(f"task {found.number} is no run of this recipe", "NOT_FOUND")
        with self._together():
            if choice != self._choices:
                return
            self._shown, self._curve = RunShown(self._live, recipe, found), None
            self.curve, self.problems = {}, {}
            self._fill(found.field("arguments"))
            self.ran = dict(self.values)
        self._refresh_soon()

    def show_sweep(self, name: str) -> None:
        """Show a sweep of this recipe, by its name or its id.

        Raises
        ------
        TaskqError
            If there is none such.
        """
        self._show_sweep(name, self._choose())

    def _show_sweep(self, name: str, choice: int) -> None:
        recipe, found = self._recipe, self._live.client.batch(name)
        if recipe is None or found.recipe != recipe.name:
            raise NotFound(f"the batch {found.name!r} is no sweep of this recipe", "NOT_FOUND")
        curve = CurveShown(self._live, recipe, found)
        curve.read()
        with self._together():
            if choice != self._choices:
                return
            self._curve, self._shown, self._points_read = curve, None, time.monotonic()
            self.run, self.ran, self.result, self.problems = {}, {}, {}, {}
            self._fill(curve.arguments)
            self.curve = curve.shown() | {"parameter": curve.parameter}
        self._refresh_soon()

    def _choose(self) -> int:
        """Count what is asked for; nothing that was asked for before is shown any more."""
        with self._guard:
            self._choices += 1
            return self._choices

    def say(self, problem: str) -> None:
        """Say what is wrong with the whole, in a sentence."""
        with self._together():
            self.problems = self.problems | {"form": problem}

    def close(self) -> None:
        """Take the widget off every screen."""
        for leave in self._leave:
            leave()
        super().close()

    # -- from the browser

    def _on_values(self, content: dict[str, Any]) -> None:
        self._take_values(content)

    def _on_run(self, content: dict[str, Any]) -> None:
        self._take_values(content)
        arguments = self._arguments()
        if arguments is not None and not self._runs_already() and self._begin():
            in_background(self._submit, self._recipe, arguments, dict(self.values))
        else:
            self.send({"type": "unsent"})

    def _on_sweep(self, content: dict[str, Any]) -> None:
        self._take_values(content)
        name = str(content["parameter"])
        arguments, values = self._arguments(leave_out=name), self._range(name, content)
        if arguments is not None and values is not None and self._begin():
            swept = pilot_of(values) if content.get("pilot") else values
            in_background(self._submit_sweep, self._recipe, arguments | {name: swept}, name)
        else:
            self.send({"type": "unsent"})

    def _on_cancel(self, _content: dict[str, Any]) -> None:
        shown = self._curve.sweep if self._curve is not None else self.task
        if shown is not None:
            in_background(self._cancel, shown)

    def _on_share(self, content: dict[str, Any]) -> None:
        """Make a link to the run or the sweep that is shown, or revoke one."""
        if content.get("of") in (self.run.get("id"), self.curve.get("id")):
            in_background(lambda: self.send(answer_share(self._live.client, content)))

    def _on_reset(self, _content: dict[str, Any]) -> None:
        with self._together():
            self.problems = {}
            self._fill({})

    def _on_code(self, content: dict[str, Any]) -> None:
        self.code = pieces(self._recipe.code) if content.get("shown") and self._recipe is not None else []

    def _on_clear(self, _content: dict[str, Any]) -> None:
        """Show no run: the back button leads to the form as it was."""
        with self._together():
            self._choose()
            self._shown, self._curve = None, None
            self.run, self.ran, self.result, self.curve, self.problems = {}, {}, {}, {}, {}

    def _on_open(self, content: dict[str, Any]) -> None:
        in_background(self._open, content, self._choose())

    def _open(self, content: dict[str, Any], choice: int) -> None:
        try:
            if content.get("batch"):
                self._show_sweep(str(content["batch"]), choice)
            else:
                self._show(str(content["id"]), choice)
        except TaskqError as error:
            with self._together():
                if choice == self._choices:
                    self.say(sentence(str(error)))

    def _on_mine(self, content: dict[str, Any]) -> None:
        """Hear which runs and sweeps were submitted in this browser."""
        self._mine = [str(one) for one in content["ids"]][:200]
        self._earlier_read = float("-inf")

    # -- what is typed

    def _fill(self, arguments: Mapping[str, Any]) -> None:
        self.values = self._fields.filled(arguments)
        self.filled += 1

    def _take_values(self, content: dict[str, Any]) -> None:
        known = self.values.keys()
        typed = {str(name): str(text) for name, text in content["values"].items() if name in known}
        with self._together():
            self.values = self.values | typed
            # What was wrong with a sweep is looked at when that is asked for again.
            self.problems = self._fields.wrong(self.values)

    def _arguments(self, leave_out: str = "") -> dict[str, Any] | None:
        """What the fields mean; None where one of them means nothing, which is said beside it."""
        typed = {name: text for name, text in self.values.items() if name != leave_out}
        self.problems = self._fields.wrong(typed)
        return None if self.problems or self._recipe is None else self._fields.meant(typed)

    def _range(self, name: str, content: dict[str, Any]) -> list[float] | None:
        """The values of a sweep; None where there are none, which is said beside its fields."""
        values, wrong = self._fields.swept(name, content)
        self.problems = self.problems | wrong
        return None if wrong else values

    # -- submitting

    def _runs_already(self) -> bool:
        """Whether what is shown runs with just these values: another press is none."""
        return self.run.get("status") in ("QUEUEING", "RUNNING") and self.ran == self.values

    def _begin(self) -> bool:
        """Take the form for one submission; False where one is under way: a button may be pressed twice."""
        with self._guard:
            if self.busy or self._reason():
                return False
            self.busy = True
            return True

    def _submit(self, recipe: Recipe, arguments: dict[str, Any], typed: dict[str, str]) -> None:
        problems, task = {}, None
        try:
            task = recipe.submit(arguments)
        except TaskqError as error:
            problems = self._fields.remarks(error)
        with self._together():
            if recipe is self._recipe:  # else another one is open by now
                self.busy, self.problems = False, problems
                if task is not None:
                    self._shown, self._curve = RunShown(self._live, recipe, task), None
                    self._earlier_read = float("-inf")
                    self.curve, self.ran = {}, typed
                    self.run, self.result = self._shown.head(), self._shown.result()
        self._refresh_soon()
        if task is not None:
            self.send({"type": "submitted", "id": task.id})
            for handler in list(self._run_handlers):
                handler(task)

    def _submit_sweep(self, recipe: Recipe, arguments: dict[str, Any], name: str) -> None:
        problems, sweep = {}, None
        try:
            sweep = recipe.sweep(arguments)
        except TaskqError as error:
            problems = self._fields.remarks(error)
        with self._together():
            if recipe is self._recipe:  # else another one is open by now
                self.busy, self.problems = False, problems
                if sweep is not None:
                    self._curve, self._shown = CurveShown(self._live, recipe, sweep, name), None
                    self._points_read = self._earlier_read = float("-inf")
                    self.run, self.ran, self.result = {}, {}, {}
                    self.curve = self._curve.shown() | {"parameter": name}
        self._refresh_soon()
        if sweep is not None:
            self.send({"type": "submitted", "id": f"{SWEEP}{sweep.id}"})

    def _cancel(self, shown: Any) -> None:
        try:
            shown.cancel()
        except TaskqError as error:
            self.say(sentence(str(error)))

    # -- from the feed, and on the panel's thread

    def _on_changes(self, changes: Changes) -> None:
        batch = None if self._curve is None else self._curve.sweep.id
        task = None if self.task is None else self.task.id
        if changes.anew:
            self._points_read = self._earlier_read = float("-inf")
        if changes.anew or any(row["id"] == task or (batch and row.get("batch") == batch) for row in changes.tasks):
            self._refresh_soon()

    @property
    def _pause_s(self) -> float:
        waits = self._curve is not None and not self._curve.done
        return POINTS_S if waits else 2.0 if self.run.get("status") in ("QUEUEING", "RUNNING") else 5.0

    def _refresh(self) -> None:
        with self._guard:
            run, curve = self._shown, self._curve
        reason = self._reason()
        if reason != self.blocked:
            with self._together():
                self.blocked = reason
        if self._recipe is None or reason:
            return
        with suppress(TaskqError):  # the service went away meanwhile: looked at again
            self._ask_who()
            if run is not None:
                self._show_run(run)
            if curve is not None and not curve.done and time.monotonic() - self._points_read >= POINTS_S:
                self._points_read = time.monotonic()
                curve.read()
                self._show_curve(curve)
            self._show_estimate()
            self._show_earlier()

    def _reason(self) -> str:
        """Why nothing can be run now; empty where it can."""
        state = self._live.state
        reasons = {
            "loading": "Connecting to the service…",
            "away": "The service is away. What you chose is kept, and this page goes on by itself when it is back.",
            "refused": f"The service refuses: {state.reason}",
        }
        return reasons.get(state.name, "")

    def _ask_who(self) -> None:
        if self._me is None:
            self._me = self._live.me()[0]
            with self._together():
                self.may_change = not self._live.runs_recipes_only

    def _show_run(self, run: RunShown) -> None:
        head, result = run.head(), run.result()
        with self._together():
            if run is self._shown:
                self.run, self.result = head, result

    def _show_curve(self, curve: CurveShown) -> None:
        shown = curve.shown() | {"parameter": curve.parameter}
        with self._together():
            if curve is self._curve:
                self.curve = shown

    def _show_estimate(self) -> None:
        """Say how long it takes, from earlier runs, where the recipe can tell."""
        with self._guard:
            recipe, fields, values = self._recipe, self._fields, dict(self.values)
        ended = [self.run.get("id") if self.run.get("status") in FINAL else None,
                 self.curve.get("id") if self.curve.get("done") else None]  # fmt: skip
        if (values, ended) == self._estimated or recipe is None:
            return
        wrong = fields.wrong(values)
        estimate = "" if wrong else estimate_of(recipe, fields.meant(values))
        with self._together():
            if recipe is self._recipe:
                self._estimated = values, ended
                self.estimate, self.untried = estimate, not wrong and not estimate

    def _show_earlier(self) -> None:
        recipe = self._recipe
        ended = {self.run.get("id") if self.run.get("status") in FINAL else None,
                 self.curve.get("id") if self.curve.get("done") else None}  # fmt: skip
        passed = any(one["id"] in ended and one["status"] not in FINAL for one in self.earlier)
        if recipe is None or (time.monotonic() - self._earlier_read < EARLIER_S and not passed):
            return
        self._earlier_read = time.monotonic()
        me = "" if self.shared or self._me is None else self._me
        found = earlier(self._live, {recipe.name: recipe}, self._mine, me, recipe.name)
        with self._together():
            if recipe is self._recipe:
                self.earlier = found
