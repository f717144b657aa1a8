"""``python -m taskq_kernel.cli`` is ``taskq``."""

from __future__ import annotations

import sys

from taskq_kernel.cli import main

sys.exit(main())
