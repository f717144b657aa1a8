"""Write ``taskq_kernel/schema.graphql``: ``python -m taskq_kernel.service.export_schema``."""

from __future__ import annotations

from pathlib import Path

from taskq_kernel.service.schema.build import schema_text

SCHEMA_FILE = Path(__file__).parent.parent / "schema.graphql"


def main() -> None:
    """Write the file."""
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
