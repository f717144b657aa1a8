"""All recipes as cards, and the runs that were there before: one's own first."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

import traitlets

from taskq_kernel.errors import NotFound, TaskqError
from taskq_widgets.assets import bundle, stylesheet
from taskq_widgets.live import in_background, live_tasks
from taskq_widgets.panels.arguments import sentence
from taskq_widgets.panels.panel import Panel
from taskq_widgets.recipes.earlier import earlier

if TYPE_CHECKING:
    from taskq_kernel.client.client import Client
    from taskq_kernel.client.recipe import Recipe

#: How often recipes and runs are read while somebody looks, in seconds.
READ_S = 10.0

#: Called with the recipe that is chosen, None for none; and with the run or the sweep that is to be shown.
ChooseHandler = Callable[["Recipe | None", str, str], None]


class RecipeShelf(Panel):
    """The recipes that can be run, as cards.

    Parameters
    ----------
    client : Client, optional
        The connection; the kernel's own unless given.
    shared : bool
        Whether several people share the owner's name: then one's own runs are those of the same browser.
    **traits
        ``theme``, and what every ipywidget has.

    Attributes
    ----------
    chosen : str
        The name of the recipe that is chosen; empty where the cards are shown.
    """

    _esm = bundle("shelf")
    _css = stylesheet("panel", "recipe", "shelf")
    _handlers: ClassVar[dict[str, str]] = {"go": "_on_go", "mine": "_on_mine"}

    recipes: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    earlier: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    chosen = traitlets.Unicode().tag(sync=True)
    #: Why what was asked for is not there, or nothing is.
    message = traitlets.Unicode().tag(sync=True)
    away = traitlets.Unicode().tag(sync=True)
    ready = traitlets.Bool(False).tag(sync=True)

    def __init__(self, client: Client | None = None, *, shared: bool = False, **traits: Any) -> None:
        self._live = live_tasks(client)
        self._shared = shared
        self._known: dict[str, Recipe] = {}
        self._mine: list[str] = []
        self._read_at = float("-inf")
        #: How often a recipe was chosen: of two that are found at the same time the later one counts.
        self._choices = 0
        self._handlers_of_choice: list[ChooseHandler] = []
        super().__init__(**traits)
        self._leave = [
            self._live.on_state(lambda _: self._refresh_soon()),
            self._live.on_changes(self._on_changes),
        ]

    def on_choose(self, handler: ChooseHandler) -> None:
        """Call ``handler(recipe, task, batch)`` when a recipe is chosen, on a thread of its own.

        ``recipe`` is None where the cards are shown again; ``task`` and ``batch`` name the run or the sweep of it that
        is to be shown, and are empty where none is.
        """
        self._handlers_of_choice.append(handler)

    def close(self) -> None:
        """Take the widget off every screen."""
        for leave in self._leave:
            leave()
        super().close()

    # -- from the browser

    def _on_mine(self, content: dict[str, Any]) -> None:
        self._mine = [str(one) for one in content["ids"]][:200]
        self._read_at = float("-inf")

    def _on_go(self, content: dict[str, Any]) -> None:
        asked = (str(content.get(name) or "") for name in ("recipe", "task", "batch"))
        with self._guard:
            self._choices += 1
            in_background(self._go, self._choices, *asked)

    def _go(self, choice: int, name: str, task: str, batch: str) -> None:
        recipe, message = None, ""
        try:
            name = name or self._recipe_of(task, batch)
            recipe = self._live.client.recipe(name) if name else None
        except NotFound:
            message = f"There is no recipe “{name}”." if name else "What this address leads to was deleted."
        except TaskqError as error:
            message = sentence(str(error))
        with self._together():
            if choice != self._choices:
                return
            self.chosen, self.message = "" if recipe is None else recipe.name, message
        for handler in list(self._handlers_of_choice):
            handler(recipe, task, batch)
        self._read_at = float("-inf")
        self._refresh_soon()

    def _recipe_of(self, task: str, batch: str) -> str:
        """The name of the recipe that a run or a sweep is of; empty where neither is asked for."""
        if not task and not batch:
            return ""
        found: Any = self._live.client.task(task) if task else self._live.client.batch(batch)
        if not found.recipe:
            raise NotFound("it was made of no recipe", "NOT_FOUND")
        return str(found.recipe)

    # -- from the feed, and on the panel's thread

    def _on_changes(self, changes: Any) -> None:
        shown = {one["id"]: one["status"] for one in self.earlier}
        if changes.anew or any(shown.get(row["id"], row["status"]) != row["status"] for row in changes.tasks):
            self._read_at = float("-inf")
            self._refresh_soon()

    def _refresh(self) -> None:
        state = self._live.state
        away = {"away": "The service is away. This page goes on by itself when it is back.",
                "refused": f"The service refuses: {state.reason}"}.get(state.name, "")  # fmt: skip
        if away != self.away:
            with self._together():
                self.away = away
        if state.name == "ready" and not self.chosen and time.monotonic() - self._read_at >= READ_S:
            self._read_at = time.monotonic()
            with suppress(TaskqError):  # the service went away meanwhile: read again
                self._read()

    def _read(self) -> None:
        self._known = {one.name: one for one in self._live.client.recipes()}
        me = "" if self._shared else self._live.me()[0]
        runs = earlier(self._live, self._known, self._mine, me)
        with self._together():
            self.recipes = [_card(one) for one in self._known.values()]
            self.earlier, self.ready = runs, True


def _card(recipe: Recipe) -> dict[str, Any]:
    first = recipe.help.strip().split("\n\n")[0].replace("\n", " ")
    return {"name": recipe.name, "title": recipe.title, "said": first.replace("`", ""), "kind": recipe.show.kind}
