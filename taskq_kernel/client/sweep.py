"""A batch that the service keeps: a definition, its points, and what has become of them.

A `Sweep` knows its name and how many points it has, and asks for everything else when it is asked:
it is as light for a million points as for ten.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self, overload

from taskq_kernel.client import batch_operations, designs, operations, recipe_operations
from taskq_kernel.client.batch import Batch
from taskq_kernel.client.batch_seeds import content_seeds
from taskq_kernel.client.options import call_options
from taskq_kernel.client.task import Task, task_from
from taskq_kernel.client.task_list import TaskList
from taskq_kernel.client.why import FIELDS as WHY
from taskq_kernel.client.why import why_of
from taskq_kernel.domain import FINAL, TaskStatus
from taskq_kernel.errors import NotFound, TaskDeleted, TaskqError, TaskTimeout
from taskq_kernel.seeds import point_seed
from taskq_kernel.task_fields import SHARED_FIELDS

if TYPE_CHECKING:
    import pandas as pd

    from taskq_kernel.client.feed import Changes
    from taskq_kernel.client.session import Session
    from taskq_kernel.client.sharing import Share

#: How often what ended is asked for at least while somebody waits, in seconds; the feed says when sooner.
POLL_S = 1.0
#: How much is gathered before it is asked for: one request for all that ends in this time.
GATHER_S = 0.05


class Sweep(TaskList):
    """The points of a definition under one name.

    Sweeps come from `Definition.sweep`, `Definition.map` and `Definition.sample`, and from
    `Client.batch`, which finds them by name. It behaves like a list of tasks, in the order of its
    points; ``await b`` gives their values.

    Attributes
    ----------
    id : str
        Its UUID, for ``q.frame(batch=...)``.
    name : str
        Its name: the same sweep under the same name resumes.
    owner : str
        Whose it is.
    definition : str
        The id of the definition that its points call.
    recipe : str or None
        The name of the recipe that its points are made of; None: of none.
    seed : int or None
        What the seeds of its points follow from, see `taskq_kernel.seeds.point_seed`; None where that
        of each point follows from what it computes: it was submitted with ``cache`` and without a seed.
    """

    def __init__(self, client: Session, row: Mapping[str, Any]) -> None:
        self._client = client
        self._row = dict(row)
        self.id = str(row["id"])
        self.name = str(row["name"])
        self.owner = str(row["owner"])
        self.definition = str(row["definition"])
        self.recipe: str | None = row.get("recipe")
        self.seed: int | None = None if row["seed"] is None else int(row["seed"])

    # -- a list --------------------------------------------------------------------------

    def __len__(self) -> int:
        return int(self._row["total"])

    def __bool__(self) -> bool:
        return True

    @overload
    def __getitem__(self, index: int) -> Task: ...
    @overload
    def __getitem__(self, index: slice) -> Batch: ...
    def __getitem__(self, index: int | slice) -> Task | Batch:
        if isinstance(index, slice):
            places = range(*index.indices(len(self)))
            tasks: list[Task] = []
            for start in range(0, len(places), operations.ID_CHUNK):
                tasks += self._tasks(places[start : start + operations.ID_CHUNK])
            return Batch(self._client, tasks, self.id)
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(f"point {index} of {len(self)}")
        return self._tasks([place])[0]

    def __iter__(self) -> Iterator[Task]:
        for start in range(0, len(self), operations.ID_CHUNK):
            yield from self[start : start + operations.ID_CHUNK]

    def _tasks(self, places: Sequence[int]) -> list[Task]:
        """The tasks of some points; those that have none yet get one now."""
        self._client.feed.start()
        with self._client.cache.reading():
            found = {row["point"]: row for row in batch_operations.points(self._client.transport, self.id, places)}
            missing = [place for place in places if place not in found]
            if missing:
                batch_operations.make_points(self._client.transport, self.id, missing)
                made = batch_operations.points(self._client.transport, self.id, missing)
                found |= {row["point"]: row for row in made}
            if lost := [place for place in places if place not in found]:
                raise TaskDeleted(f"point {lost[0]} of the batch {self.name!r} is gone")
            return [task_from(self._client, found[place]) for place in places]

    # -- waiting -------------------------------------------------------------------------

    def as_completed(self, timeout: float | None = None, *, progress: bool = True) -> Iterator[Task]:
        from taskq_kernel.client.progress import ProgressBar

        bar: ProgressBar | None = None
        seen: set[int] = set()
        version = 0
        try:
            for figures in self._followed(timeout):
                if progress and bar is None:
                    bar = ProgressBar(len(self), figures["done"])
                for row in self._ended_after(version):
                    if row["point"] not in seen:
                        seen.add(row["point"])
                        if bar is not None:
                            bar.advance(row["status"])
                        yield task_from(self._client, row)
                version = figures["version"]
        finally:
            if bar is not None:
                bar.close()

    def wait(self, timeout: float | None = None, *, progress: bool = True) -> Self:
        # Counting them is enough: no task of them is read, and no value.
        from taskq_kernel.client.progress import ProgressBar

        bar: ProgressBar | None = None
        try:
            for figures in self._followed(timeout):
                if progress and bar is None:
                    bar = ProgressBar(len(self), figures["done"])
                if bar is not None:
                    bar.show(figures["done"], figures["done"] - _counts(figures)[TaskStatus.FINISHED])
        finally:
            if bar is not None:
                bar.close()
        return self

    def _followed(self, timeout: float | None) -> Iterator[dict[str, Any]]:
        """How far it is, and again when points have ended, until all have."""
        deadline = None if timeout is None else time.monotonic() + timeout
        news = threading.Event()
        stop = self._client.feed.subscribe(self._tell(news))
        self._client.feed.start()
        try:
            while True:
                news.clear()
                now = self.refresh()["figures"]
                yield now
                if now["done"] >= len(self):
                    return
                self._wait_for(news, deadline, timeout, len(self) - now["done"])
        finally:
            stop()

    def _tell(self, news: threading.Event) -> Callable[[Changes], None]:
        """Sets ``news`` when a point ends; it may know nothing of the sweep, which nobody may hold any more."""
        batch = self.id

        def look(changes: Changes) -> None:
            if changes.anew or changes.deleted or any(
                row.get("batch") == batch and row["status"] in FINAL for row in changes.tasks
            ):
                news.set()

        return look

    def _ended_after(self, version: int) -> list[dict[str, Any]]:
        chosen = {"batch": self.id, "status": [str(status) for status in sorted(FINAL)], "changedAfter": version}
        rows = operations.pages(self._client.transport, chosen, batch_operations.POINT)
        points = [row for row in rows if row["point"] is not None]
        return sorted(points, key=lambda row: (row["finishedAt"] or "", row["version"]))

    def _wait_for(self, news: threading.Event, deadline: float | None, timeout: float | None, left: int) -> None:
        patience = POLL_S if deadline is None else min(POLL_S, deadline - time.monotonic())
        if patience <= 0:
            raise TaskTimeout(
                f"{left} of {len(self)} points of the batch {self.name!r} are not done after {timeout:g} s, "
                f"and go on{self._why_not()}"
            )
        if news.wait(patience):
            time.sleep(min(GATHER_S, patience))

    def _why_not(self) -> str:
        """Why its first point that waits does, as far as it can be had now."""
        chosen = {"batch": self.id, "status": [TaskStatus.QUEUEING]}
        with suppress(TaskqError):
            for point in operations.page(self._client.transport, chosen, WHY, first=1)["nodes"]:
                return f"; {why_of(point['why'])}"
        return ""

    def finished(self) -> list[Task]:
        chosen = {"batch": self.id, "status": [TaskStatus.FINISHED], "isPoint": True}
        rows = operations.pages(self._client.transport, chosen, batch_operations.POINT)
        return [task_from(self._client, row) for row in sorted(rows, key=lambda row: int(row["point"]))]

    async def _result(self) -> list[Any]:
        import asyncio

        return await asyncio.to_thread(self.results)

    # -- how far -------------------------------------------------------------------------

    def refresh(self) -> dict[str, Any]:
        """Read how far it is, and how many points it has."""
        fields = f"{batch_operations.BATCH} {batch_operations.FIGURES}"
        self._row = batch_operations.get(self._client.transport, batch_id=self.id, fields=fields)
        return self._row

    def counts(self) -> dict[TaskStatus, int]:
        """How many points have each status; those without a task yet wait."""
        return _counts(self.refresh()["figures"])

    @property
    def done(self) -> bool:
        """Whether nothing more happens to any point."""
        return bool(self.refresh()["figures"]["done"] >= len(self))

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes at the pace of the last points; None where there is no pace yet."""
        left = self.refresh()["figures"]["secondsLeft"]
        return None if left is None else float(left)

    def seeds(self) -> list[int]:
        """The seeds of its points, in their order."""
        if self.seed is not None:
            return [point_seed(self.seed, place) for place in range(len(self))]
        return content_seeds(self._client.transport, self.id)

    # -- acting --------------------------------------------------------------------------

    def extend(
        self, axes: Mapping[str, Any] | None = None, *, frame: pd.DataFrame | None = None,
        where: Callable[[Any], Any] | None = None, **named: Any,
    ) -> int:
        """Add points, given as to `Definition.sweep`; those that it has are left alone.

        Returns
        -------
        int
            How many are new.
        """
        design = designs.rows(frame) if frame is not None else designs.product({**(axes or {}), **named}, where)
        return self.submit(design, resume=False)[0]

    def resume(self) -> int:
        """Have run what failed, was cancelled or is missing; how many of these had a task. What finished stays."""
        return batch_operations.change(self._client.transport, "resume", self.id)

    def retry(self) -> int:
        """As `resume`."""
        return self.resume()

    def cancel(self) -> int:
        """Cancel what is not done; how many points that was. `resume` takes it up again."""
        return batch_operations.change(self._client.transport, "cancel", self.id)

    def share(self, days: float | None = 30) -> Share:
        """Make a link by which others see it, with its picture, its table and its points, as `Task.share` does."""
        from taskq_kernel.client.sharing import create_share

        return create_share(self._client.transport, self.id, days)

    def delete(self) -> int:
        """Delete it with its tasks and their values; how many points it had."""
        return batch_operations.change(self._client.transport, "delete", self.id)

    def submit(self, design: str, *, resume: bool) -> tuple[int, int]:
        """Submit more points as a design; how many are new, and how many run again."""
        given = {"name": self.name, "design": design, "resume": resume}
        if self.recipe is not None:
            given |= {"recipe": self.recipe, "cache": self._row["cache"]}
            done = recipe_operations.submit_sweep(self._client.transport, given)
        else:
            given |= {"definition": self.definition}
            given |= {field.graphql: self._row[field.graphql] for field in SHARED_FIELDS}
            done = batch_operations.submit(self._client.transport, given)
        self._row = done["batch"]
        return done["added"], done["again"]

    # -- looking -------------------------------------------------------------------------

    def frame(self, *, values: bool = True) -> pd.DataFrame:
        """One row a point: its arguments, what has become of it, and its value.

        Parameters
        ----------
        values : bool
            Whether to fetch the values as well.

        Returns
        -------
        pandas.DataFrame
            Index ``point``; a column for each argument, of its own type; ``status`` (ordered
            category), ``progress``, ``seconds``, ``seed``, ``cached_from``, ``worker``, ``attempt``,
            ``error``, ``started_at``, ``finished_at``, ``number``; then ``value``, or, where the values are
            named tuples or dictionaries, a column for each of their fields. Where a name is
            taken, the column to the right has an underscore behind it (``error_``).
        """
        from taskq_kernel.client.sweep_frame import sweep_frame

        return sweep_frame(self._client, self.id, values=values)

    def failures(self) -> pd.DataFrame:
        """Why points failed: a row for each cause, the most frequent first.

        Returns
        -------
        pandas.DataFrame
            ``cause`` (the exception's name and the line of the code), ``count``, ``example`` (the
            number of the first task), ``point`` (its place) and ``message`` (what its error says).
        """
        from taskq_kernel.client.sweep_frame import failures_frame

        found = batch_operations.get(self._client.transport, batch_id=self.id, fields=batch_operations.FAILURES)
        return failures_frame(found["failures"])

    def plot(self, x: str | None = None, y: str | None = None, color: str | None = None, **options: Any) -> Any:
        """Draw its frame with matplotlib; see `taskq_kernel.client.sweep_plot.plot`."""
        from taskq_kernel.client.sweep_plot import plot

        usual = ""
        if self.recipe is not None:
            with suppress(NotFound):  # it was removed since
                row = recipe_operations.recipe(self._client.transport, self.recipe)
                usual = recipe_operations.show_of(row).swept
        return plot(self, x, y, color, usual=usual, **options)

    # -- showing -------------------------------------------------------------------------

    def __reduce__(self) -> tuple[Any, ...]:
        return Sweep, (self._client, self._row)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sweep) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        with suppress(TaskqError):
            self.refresh()
        counts = {one["status"]: one["count"] for one in self._row.get("figures", {}).get("counts", ())}
        shown = ", ".join(f"{count} {status}" for status, count in counts.items() if count) or "no points"
        return f"<Sweep {self.name!r} of {len(self)}: {shown}>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from taskq_kernel.client.display import progress_html

        text = repr(self)
        done = self._row.get("figures", {}).get("done", 0)
        return {"text/plain": text, "text/html": progress_html(done, len(self), text[1:-1])}


def _counts(figures: Mapping[str, Any]) -> dict[TaskStatus, int]:
    return {TaskStatus(one["status"]): one["count"] for one in figures["counts"]}


def submitted(
    client: Session, definition: str, function: str, design: str, name: str | None, seed: int | None, **options: Any
) -> Sweep:
    """Submit a new batch, or more of the one of this name; ``options`` are those of `Client.submit`."""
    batch_id = operations.new_id()
    given = call_options(**options, seed=seed, transport=client.transport) | {
        "id": batch_id, "name": name or f"{function} {batch_id[:8]}", "definition": definition, "design": design,
    }
    return Sweep(client, batch_operations.submit(client.transport, given)["batch"])
