"""Packages by their names, for whoever has no project of one's own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

from taskq_kernel.client.project import ProjectSource, SentProject
from taskq_kernel.client.uploads import Source
from taskq_kernel.julia_environment import ENVIRONMENT_FILE, check_packages, encode_packages
from taskq_kernel.project_manifest import ProjectFile, ProjectManifest

if TYPE_CHECKING:
    from taskq_kernel.client.session import Session


class Environment(ProjectSource):
    """Packages that tasks have at hand; `Client.environment` makes one.

    Its versions are chosen once on each machine of a worker, and kept there: the task's `manifest_sha256` says
    which these were. The same packages are the same environment, whoever names them.

    Attributes
    ----------
    packages : tuple of str
        ``Name`` or ``Name@version``, in the order of their names.
    """

    def __init__(self, client: Session, packages: Iterable[str]) -> None:
        super().__init__(client)
        self.packages = tuple(check_packages(packages))

    def send(self) -> SentProject:
        """Tell the service of it, if it does not know it; a submission does it by itself.

        Raises
        ------
        ServiceUnreachable
            If the service does not answer.
        """
        encoded = encode_packages(self.packages)
        file = ProjectFile(ENVIRONMENT_FILE, hashlib.sha256(encoded).hexdigest(), len(encoded))
        return self._send(ProjectManifest([file]), {file.sha256: Source(file.path, partial(BytesIO, encoded))})

    def __reduce__(self) -> tuple[Any, ...]:
        return Environment, (self._client, self.packages)

    def __repr__(self) -> str:
        return f"<environment {', '.join(self.packages)}>"
