"""Alembic's environment: it works on the connection that `migrate.upgrade` opened."""

from __future__ import annotations

from alembic import context

from taskq_kernel.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
