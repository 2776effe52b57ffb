"""``finsent scheduler``: retraining whenever it is due."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from cli.shared.retraining import settings_of
from cli.shared.service import kafka_answering


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(scheduler)


def scheduler(
    log_level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = "INFO",
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Settings in a YAML file, over those of RETRAIN_*.")
    ] = None,
) -> None:
    """Retrain when it is due, until Ctrl-C or SIGTERM: at RETRAIN_CRON, or when there are RETRAIN_NEW_LABELS.

    It runs beside the workers; 'finsent up' starts one. Of several schedulers one is active. If runs became due while
    none was up, one run is made for all of them.

    `RETRAIN_CRON="0 3 * * *" finsent scheduler`
    """
    import logging.config
    import os

    import model
    from cli.shared.rollout import announce
    from model import yield_processor
    from retrain import Scheduler
    from settings import ClickHouseSettings, ModelSettings
    from storage import check_one_server, connect, migrate
    from stream.upkeep import logging_config

    logging.config.dictConfig(logging_config(log_level.upper()))
    logging.getLogger("apscheduler").setLevel("ERROR")  # it logs every check, and every check that a run delayed
    settings = settings_of(config)
    yield_processor(settings.nice)  # the gate scores here, beside the workers
    kafka_answering()
    client = connect()
    check_one_server(client, ClickHouseSettings())
    migrate(client)
    registry = ModelSettings().registry
    model.ensure_default(registry)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    Scheduler(connect, registry, settings, announce).serve(stop)
    logging.shutdown()
    os._exit(0)  # do not wait for the thread of a run: the run ends with this process
