"""The page for people who do not code: all recipes, and the form of the one that is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipywidgets import VBox

from taskq_kernel.errors import TaskqError
from taskq_widgets.closing import ClosesLayout
from taskq_widgets.live import live_tasks
from taskq_widgets.panels.arguments import sentence
from taskq_widgets.recipes.form import RecipeForm
from taskq_widgets.recipes.shelf import RecipeShelf

if TYPE_CHECKING:
    from taskq_kernel.client.client import Client
    from taskq_kernel.client.recipe import Recipe


class RecipeBoard(ClosesLayout, VBox):
    """All recipes as cards with a form each, one's own runs first, and nothing of Julia unless asked.

    Parameters
    ----------
    client : Client, optional
        The connection; the kernel's own unless given.
    shared : bool
        Whether several people share the owner's name, as on a dashboard: then one's own runs are those of the same
        browser.
    theme : {"auto", "light", "dark"}
        ``auto`` follows the page.

    Attributes
    ----------
    shelf : RecipeShelf
    form : RecipeForm

    Examples
    --------
    >>> from taskq_widgets import RecipeBoard  # doctest: +SKIP
    >>> RecipeBoard()  # doctest: +SKIP
    """

    def __init__(
        self, client: Client | None = None, *, shared: bool = False, theme: str = "auto", **traits: Any
    ) -> None:
        client = live_tasks(client).client
        self.shelf = RecipeShelf(client, shared=shared, theme=theme)
        self.form = RecipeForm(client=client, shared=shared, theme=theme)
        super().__init__([self.shelf, self.form], **traits)
        self.add_class("tq-board")
        self.shelf.on_choose(self._choose)

    def _choose(self, recipe: Recipe | None, task: str, batch: str) -> None:
        self.form.load(recipe)
        try:
            if recipe is not None and task:
                self.form.show(task)
            elif recipe is not None and batch:
                self.form.show_sweep(batch)
        except TaskqError as error:
            self.form.say(sentence(str(error)))

    def close(self) -> None:
        """Take the board and its parts off every screen."""
        for part in (self.shelf, self.form):
            part.close()
        super().close()
