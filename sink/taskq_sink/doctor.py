"""What ``taskq doctor`` says of the sink: whether outcomes move on to the service."""

from __future__ import annotations

import time

import sqlalchemy as sa

from taskq_kernel.local.checks import Check
from taskq_kernel.settings import Settings
from taskq_sink.database import results

#: An outcome that was kept so long ago, in seconds, and is not told, does not move.
STUCK_S = 30.0


def check_outcomes(settings: Settings) -> Check:
    """No outcome waits in the results database for long."""
    file = settings.home / "results.db"
    if settings.results_database is None and not file.exists():
        return Check("outcomes", True, "no outcome was kept here yet")
    # Read only: where nobody is to write, a journal is not to be left behind.
    engine = sa.create_engine(settings.results_database or f"sqlite:///file:{file}?mode=ro&uri=true")
    query = sa.select(sa.func.count(), sa.func.min(results.c.received_at)).where(results.c.verdict.is_(None))
    try:
        with engine.connect() as connection:
            count, oldest = connection.execute(query).one()
    except sa.exc.SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or type(error).__name__).splitlines()[0]
        mend = "start the results database, or mend TASKQ_RESULTS_DATABASE; outcomes wait in RabbitMQ meanwhile"
        return Check("outcomes", False, f"the results database cannot be read: {reason}", mend)
    finally:
        engine.dispose()
    age_s = time.time() - oldest if count else 0.0
    if age_s <= STUCK_S:
        return Check("outcomes", True, f"{count} are on their way to the service")
    return Check(
        "outcomes", False, f"{count} were kept and the service does not have them, the oldest for {age_s:.0f} s",
        "start the service and the sink, with taskq up where the stack is local; the sink's log says what holds "
        "them up",
    )  # fmt: skip
