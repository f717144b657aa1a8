"""The task database: its tables, and every operation on them as a plain function.

Transactions
    `Store`, `Write`, `StoreUnavailable`
Schema
    `upgrade`
Rules
    `Policy`
"""

from __future__ import annotations

from taskq_kernel.store.database import Store, StoreUnavailable, Write
from taskq_kernel.store.migrate import upgrade
from taskq_kernel.store.policy import Policy

__all__ = ["Policy", "Store", "StoreUnavailable", "Write", "upgrade"]
