"""The pages of reference that are made from the code: ``python -m deploy.reference`` writes docs/dictionary.md."""

from __future__ import annotations

import tempfile
from pathlib import Path

from deploy.local import Stack
from storage import ClickHouseSettings, connect, migrate
from storage.dictionary import faults, render, views

DOCS = Path(__file__).parent.parent / "docs"


def main() -> None:
    """Write the pages, from a ClickHouse that lives as long as that takes."""
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder)) as stack:
        client = connect(ClickHouseSettings(url=stack.clickhouse_url))
        migrate(client)
        found = views(client)
        for fault in faults(found):
            print(fault)
        (DOCS / "dictionary.md").write_text(render(found), encoding="utf-8")


if __name__ == "__main__":
    main()
