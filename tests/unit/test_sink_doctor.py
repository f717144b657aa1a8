"""The doctor sees outcomes that were kept and do not reach the service."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sample_messages import OUTCOME
from taskq_sink.database import ResultsDatabase, results
from taskq_sink.doctor import check_outcomes

from taskq_kernel.domain import Verdict
from taskq_kernel.settings import load_settings


def test_outcomes_that_do_not_move_are_told_with_their_age(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path)
    assert check_outcomes(settings).ok
    database = ResultsDatabase(f"sqlite:///{tmp_path / 'results.db'}")
    database.commit([OUTCOME])
    assert check_outcomes(settings).ok
    with database._engine.begin() as connection:
        connection.execute(sa.update(results).values(received_at=results.c.received_at - 600))

    check = check_outcomes(settings)

    assert not check.ok
    assert "1 were kept and the service does not have them, the oldest for 60" in check.detail
    assert "start the service and the sink" in check.mend
    database.mark_reported([((OUTCOME.id, OUTCOME.attempt), Verdict.ACCEPTED)])
    assert check_outcomes(settings).ok
    database.close()


def test_a_results_database_that_is_away_is_told(tmp_path: Path) -> None:
    (tmp_path / "results.db").write_bytes(b"no database" * 100)
    check = check_outcomes(load_settings(home=tmp_path))
    assert not check.ok
    assert "the results database cannot be read: file is not a database" in check.detail
