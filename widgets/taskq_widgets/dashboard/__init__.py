"""The dashboard: the board as a page of its own, for people who do not code.

``dashboard.ipynb`` is the page, ``voila.json`` how Voilà serves it, and ``voila/templates``
what it looks like; `taskq_widgets.dashboard.launch` starts it.
"""

from __future__ import annotations
