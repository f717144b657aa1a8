"""The texts of manifests go along with outcomes: not with each, for a sweep has one for all of its tasks."""

from __future__ import annotations

import time

from taskq_kernel.julia_manifest import Manifest

#: How soon a text goes along again, in seconds: the outcome that had it may have been lost, or pruned.
AGAIN_S = 1800.0


class ManifestTexts:
    """Knows which texts were told by this worker lately."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}

    def take(self, manifest: Manifest) -> str | None:
        """The text of a manifest, if it is to go along with the next outcome; then it was told."""
        now = time.monotonic()
        if now - self._told.get(manifest.sha256, -AGAIN_S) < AGAIN_S:
            return None
        self._told = {sha256: at for sha256, at in self._told.items() if now - at < AGAIN_S}
        self._told[manifest.sha256] = now
        return manifest.text()
