"""The Julia editor: CodeMirror 6 in one bundled file, and the widget around it."""

from __future__ import annotations
