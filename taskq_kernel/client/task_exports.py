"""What others can have of a task, and what they want to know of it first: how it was made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskq_kernel.client import operations
from taskq_kernel.client.task_facts import TaskFacts

if TYPE_CHECKING:
    from pathlib import Path

    from taskq_kernel.client.provenance import Provenance
    from taskq_kernel.client.sharing import Share
    from taskq_kernel.export.citation import Citation


class TaskExports(TaskFacts):
    """A task, as it is handed to others: as files, as a citation, by a link."""

    @property
    def provenance(self) -> Provenance:
        """How its value was made: code, arguments, seed, Julia, machine, times; a mapping that shows itself.

        It is asked for each time. ``task.provenance.to_json()`` is all of it as JSON.
        """
        from taskq_kernel.client.provenance import read_provenance

        return read_provenance(self._client, self.id)

    def export_script(self, path: str | Path) -> Path:
        """Write it as a Julia script that prints the same value without taskq.

        Parameters
        ----------
        path : str or Path
            A file that ends in ``.jl``; else a folder, which takes its project, the files that it was given and
            large arguments as well.

        Returns
        -------
        Path
            The script.

        Raises
        ------
        InvalidTask
            If one file is not enough for it, or another file lies where one that it needs beside it belongs.
        """
        from taskq_kernel.client.exports import export_script, read_exported

        return export_script(read_exported(self._client, self.id), path)

    def export_notebook(self, path: str | Path) -> Path:
        """Write it as a Jupyter notebook for Julia's own kernel, with the files that it needs beside it; its path."""
        from taskq_kernel.client.exports import export_notebook, read_exported

        return export_notebook(read_exported(self._client, self.id), path)

    def export_crate(self, path: str | Path, *, license: str = "") -> Path:
        """Write it as an RO-Crate, a zip with its value, code, project and how it was made; its path.

        Parameters
        ----------
        license : str, optional
            The address of the licence that the crate is given under, as archives ask for.
        """
        from taskq_kernel.client.exports import cite_task, export_crate
        from taskq_kernel.export.source import EXPORTED

        row = operations.get(self._client.transport, self.id, EXPORTED)
        return export_crate(self._client, [row], self.name, cite_task(row), path, license)

    def cite(self) -> Citation:
        """How its value is cited: ``.text`` and ``.bibtex``; ``print`` writes both."""
        from taskq_kernel.client.exports import cite_task
        from taskq_kernel.export.source import CITED

        return cite_task(operations.get(self._client.transport, self.id, CITED))

    def share(self, days: float | None = 30) -> Share:
        """Make a link by which others see it: its result, parameters, log and how it was made, and nothing else.

        They need no account and no notebook. ``print(task.share())`` is the whole address.

        Parameters
        ----------
        days : float or None
            For how long the link is good; None: until it is revoked.

        Returns
        -------
        Share
            The link, with its ``url`` and ``revoke()``. `Client.shares` lists those that there are.

        Raises
        ------
        NotFound, Forbidden
            If it was deleted, or is another's.
        """
        from taskq_kernel.client.sharing import create_share

        return create_share(self._client.transport, self.id, days)
