"""``finsent worker``: one worker process."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from cli.shared.service import kafka_answering


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(worker)


def worker(
    log_level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = "INFO",
) -> None:
    """Run one worker until Ctrl-C or SIGTERM: news and comments from Kafka, scored, into ClickHouse.

    Start as many as there are partitions; they share them. Logs are JSON lines on stderr; /metrics, /health and
    /ready are served on STREAM_WEB_PORT.

    `KAFKA_BOOTSTRAP_SERVERS=kafka:9092 CLICKHOUSE_URL=clickhouse://user@db:9000/default
    CLICKHOUSE_PASSWORD_FILE=/run/secrets/clickhouse finsent worker`
    """
    # Its matrix products are small: on a busy machine a second thread of them waits more than it works.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from stream import run

    kafka_answering()
    run(level=log_level.upper())
