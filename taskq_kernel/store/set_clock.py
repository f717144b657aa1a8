"""When the wall clock was turned back: what was to happen soon must not wait until it is that late again.

The database's times are the wall clock's, so that people can read them, and other
processes and machines compare them. Leases start afresh (`renew_all_leases`); this is the
rest.
"""

from __future__ import annotations

import sqlalchemy as sa

from taskq_kernel.domain import TaskStatus
from taskq_kernel.store.database import Write
from taskq_kernel.store.policy import LONGEST_DELAY_S
from taskq_kernel.store.tables import outbox, tasks


def catch_up(write: Write, turned_back_s: float = 0.0) -> None:
    """Bring forward what the outbox is to hand over, and has handed over, in a future that is none.

    Parameters
    ----------
    turned_back_s : float
        By how much the clock was turned back; 0 where that is not known, such as at the
        start. What is due later than any delay that there is becomes due now either way.
    """
    later = sa.update(outbox).where(outbox.c.available_at > write.now)
    if turned_back_s > 0:
        write.conn.execute(later.values(available_at=outbox.c.available_at - turned_back_s))
    write.conn.execute(
        sa.update(outbox).where(outbox.c.available_at > write.now + LONGEST_DELAY_S).values(available_at=write.now)
    )
    write.conn.execute(
        sa.update(tasks)
        .where(
            tasks.c.status == TaskStatus.QUEUEING, tasks.c.deleted_at.is_(None), tasks.c.published_at > write.now
        )
        .values(published_at=write.now)
    )
    write.look = True  # the publisher sleeps until what was due next
