"""What commands that move the champion tell the workers, and how they wait for them."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from cli.shared.failures import fail
from cli.shared.output import echo
from cli.shared.service import user_name
from errors import many
from settings import given

PATIENCE_S = 90.0


def announce(event: str, version: str, previous: str, detail: str = "") -> None:
    """Send a model event over Kafka, so that the workers act at once. Without a broker, they do at their next poll."""
    from kafka.errors import KafkaError

    from documents.messages import ModelEvent
    from settings import KafkaSettings
    from stream.champion import announce as send

    change = ModelEvent(event, version, previous, "", 0.0, detail, datetime.now(UTC))  # type: ignore[arg-type]
    try:
        send(KafkaSettings(), change)
    except KafkaError as error:
        echo(f"finsent: the workers were not told and will find out by themselves: {error}", err=True)


def moved(event: str, version: str, previous: str, detail: str = "") -> None:
    """Record that the champion changed, send the event, and wait until every live worker scores with ``version``.

    Fails at once if a worker refuses it, with its reason, and with the names of the workers that do not take it within
    ``PATIENCE_S`` seconds. Without a configured ClickHouse no
    worker can be asked.
    """
    from storage import connect
    from storage.reads import live_workers, refusals
    from storage.writes import record_action, write_model_event

    if not given("CLICKHOUSE_URL"):
        echo("finsent: no service is configured (CLICKHOUSE_URL), so no worker was asked", err=True)
        return
    since = datetime.now(UTC).replace(microsecond=0)
    client = connect()
    write_model_event(client, event, version, previous, detail=detail)
    record_action(
        client, user_name(), event.replace("_", " "), version, f"after {previous} {detail}".strip(), "command line"
    )
    if given("KAFKA_BOOTSTRAP_SERVERS"):
        announce(event, version, previous, detail)
    deadline = time.monotonic() + PATIENCE_S
    while behind := {w: v for w, v in live_workers(client, since).items() if v != version}:
        for worker, why in refusals(client, version, since).items():
            fail(
                f"{version} is the champion, but {worker} refused it and goes on with the version before: {why}; "
                "'finsent model rollback' takes it back"
            )
        if time.monotonic() > deadline:
            names = ", ".join(f"{worker} ({found or 'silent'})" for worker, found in behind.items())
            fail(f"{version} is the champion, but after {PATIENCE_S:.0f} s not of {names}; see their logs")
        time.sleep(0.2)
    echo(f"{many(len(live_workers(client)), 'live worker', 'scores')} with {version}", err=True)
