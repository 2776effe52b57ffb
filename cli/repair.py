"""``finsent repair``: records that are missing from the tables are read again from Kafka."""

from __future__ import annotations

import typer

from cli.audit import audit_report
from cli.shared.failures import fail
from cli.shared.output import echo
from errors import many


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(repair)


def repair() -> None:
    """Read records again that the audit calls missing, from Kafka, while it still has them, and store them.

    They are scored by the champion of today. Nothing is sent to the topic scored: that was done when they were read
    first. It may run beside workers, and again: a record that is stored twice is shown once. Needs the settings of a
    worker, with FINSENT_PSEUDONYM_KEY. Exit code 1 if something is still missing.

    `finsent audit || finsent repair`
    """
    from settings import KafkaSettings
    from storage import connect
    from stream.repair import Repairing, gaps_of

    client = connect()
    report = audit_report(client)
    if report["kafka"] is None:
        fail(report["kafka_error"])
    gaps = gaps_of(report["partitions"])
    if not gaps:
        echo("nothing is missing that Kafka has")
        return
    repairing = Repairing(client, KafkaSettings())
    for gap in gaps:
        count = repairing.fill(gap)
        echo(f"{gap.topic}/{gap.partition}: offsets {gap.first} to {gap.last}: {many(count, 'record')} stored")
    if left := audit_report(client)["missing"]:
        fail(f"{many(left, 'record')} still missing; see 'finsent audit'")
