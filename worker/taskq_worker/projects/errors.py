"""Why a project cannot be had."""

from __future__ import annotations


class ProjectFailed(Exception):
    """A project could not be laid out or prepared; the message says why, with what Pkg says first."""


class FilesMissing(ProjectFailed):
    """A file of it is no longer kept: it can be had as soon as the project was sent again."""


class NoRoom(ProjectFailed):
    """The disk does not take it: it can be had soon after there is room."""
