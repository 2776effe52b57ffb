"""``finsent drift``: whether the documents, or what the model makes of them, have changed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.shared.failures import fail
from cli.shared.output import Format, echo, print_rows, write_text


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(drift)


def drift(
    now: Annotated[
        bool, typer.Option("--now", help="Test now; otherwise the scheduler tests every RETRAIN_DRIFT_S.")
    ] = False,
    json_out: Annotated[str | None, typer.Option("--json", metavar="OUT", help="Write JSON; - is stdout.")] = None,
) -> None:
    """Show how the latest documents of each kind and source differ from those before them.

    Measures: embedding (how far from known documents), vocabulary (share of unknown words), sentiment and neutral
    (predictions), confidence, and the mix of sources. The effect is in standard deviations of a document. An alarm
    begins where ADWIN finds a change and the effect is at least RETRAIN_DRIFT_EFFECT; it lasts until the documents are
    as before or another version scores, and puts their source first in 'finsent label queue'.

    `finsent drift`

    `finsent drift --now --json drift.json`
    """
    from retrain.drift import announce_alarms
    from settings import ClickHouseSettings, RetrainSettings
    from storage import check_one_server, connect, migrate
    from storage.reads import drift_now

    client, settings = connect(), RetrainSettings()
    if now:
        from cli.shared.rollout import announce
        from retrain import Busy, exclusive

        check_one_server(client, ClickHouseSettings())
        migrate(client)
        try:
            with exclusive(settings.place() / "drift"):
                announce_alarms(client, settings, datetime.now(UTC), announce)
        except Busy as error:
            fail(str(error))
    rows = drift_now(client)
    if json_out:
        write_text(json.dumps(rows, indent=1, default=lambda value: value.isoformat()), json_out)
        return
    if not rows:
        needed = 3 * settings.drift_documents
        echo(f"nothing was looked at yet; a kind or source needs {needed:,} documents of the version that scores")
        return
    columns = [
        "kind",
        "source",
        "measure",
        "reference",
        "current",
        "effect",
        "documents",
        "alarm",
        "since",
        "looked at",
    ]
    cells = [
        [
            *(row["kind"], row["source"] or "(all)", row["measure"]),
            *(f"{row['reference_mean']:.3f}", f"{row['current_mean']:.3f}", f"{row['effect']:+.2f}"),
            f"{row['reference_documents']:,} and {row['current_documents']:,}",
            *(row["alarm"], f"{row['began_at']:%Y-%m-%d %H:%M}" if row["alarm"] else "", f"{row['at']:%Y-%m-%d %H:%M}"),
        ]
        for row in rows
    ]
    print_rows(columns, cells, Format.table)
