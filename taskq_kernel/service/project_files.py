"""The files of projects among the values that the service keeps."""

from __future__ import annotations

import time

from taskq_kernel.errors import InvalidTask
from taskq_kernel.project_manifest import MAX_MANIFEST_BYTES, ProjectManifest, decode_manifest
from taskq_kernel.service.blobs import KEEP_S, Blobs


def read_project(blobs: Blobs, project: str, most_bytes: int, most_files: int) -> ProjectManifest:
    """The manifest of a project that is to be registered.

    Raises
    ------
    InvalidTask
        If it is no manifest, is too large, or not all of its files are there.
    NotFound
        If it is not there.
    """
    path = blobs.find(project)
    if path.stat().st_size > MAX_MANIFEST_BYTES:
        raise InvalidTask(f"has {path.stat().st_size} bytes: at most {MAX_MANIFEST_BYTES} are read", "manifest")
    manifest = decode_manifest(path.read_bytes())
    if len(manifest.files) > most_files or manifest.size > most_bytes:
        raise InvalidTask(
            f"has {len(manifest.files)} files and {manifest.size} bytes: this service takes {most_files} files and "
            f"{most_bytes} bytes (project_files, project_size)", "manifest",
        )
    since = time.time() - KEEP_S / 2
    missing = [ref for ref in (project, *sorted(manifest.refs)) if not blobs.keep(ref, since)]
    if missing:
        raise InvalidTask(
            f"names {len(missing)} files that are not there, such as {missing[0]}: upload them first", "manifest"
        )
    return manifest
