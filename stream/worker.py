"""One worker process: read the settings, load the model, make the connections, run Faust until a signal."""

from __future__ import annotations

import logging.config
from typing import Any

import faust

import model
from alerts.evaluator import Evaluator
from alerts.receivers.notifier import Notifier
from documents.privacy import Pseudonymiser
from documents.watchlist import Linker, load_watchlist
from model.registry import current_shadow
from settings import AlertSettings, ClickHouseSettings, KafkaSettings, ModelSettings, PrivacySettings, StreamSettings
from storage import connect, migrate, replace_entities
from stream.app import TOPICS, Worker
from stream.champion.following import Swapper
from stream.champion.shadow import ShadowScoring
from stream.kafka.reread import TopicIdentity
from stream.kafka.topics import ensure_topics
from stream.steps.read import Pipeline
from stream.steps.store import Store
from stream.upkeep.metrics import Metrics


def logging_config(level: str) -> dict[str, Any]:
    """One JSON object a line on stderr, whoever logs."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": "pythonjsonlogger.json.JsonFormatter",
                "fmt": "%(asctime)s %(levelname)s %(name)s %(message)s",
                "rename_fields": {"asctime": "at", "levelname": "level", "name": "logger"},
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {"kafka": {"level": "WARNING"}, "aiokafka": {"level": "WARNING"}},
    }


def run(settings: StreamSettings | None = None, level: str = "INFO") -> None:
    """Run one worker until SIGTERM or SIGINT. Raises what the rooms raise when something needed is missing."""
    logging.config.dictConfig(logging_config(level))
    settings = settings or StreamSettings()
    kafka, privacy, clickhouse = KafkaSettings(), PrivacySettings(), ClickHouseSettings()
    watchlist = load_watchlist()
    client = connect(clickhouse)
    migrate(client)
    replace_entities(client, watchlist.companies)
    client.disconnect()
    ensure_topics(kafka.bootstrap_servers, kafka.partitions)
    settings_of_model = ModelSettings()
    registry = settings_of_model.registry
    model.ensure_default(registry)

    def load(version: str, settings: ModelSettings = settings_of_model) -> model.Scorer:
        return model.load(model.version_folder(registry, version), settings)

    scorer = load(model.champion_name(registry))
    _ = scorer.topics  # fitted now, and not when the first batch waits for it
    pipeline = Pipeline(scorer, Linker(watchlist), Pseudonymiser(privacy.pseudonym_key.get_secret_value()))
    metrics = Metrics()
    identity = TopicIdentity(kafka.bootstrap_servers, TOPICS)
    store = Store(lambda: connect(clickhouse), identity, settings.store_patience_s, metrics)
    evaluator = Evaluator(
        lambda: connect(clickhouse),
        AlertSettings(),
        explain=lambda *text: pipeline.scorer.explain(*text),
        desks={company.ticker: company.desk for company in watchlist.companies},
        notify=Notifier(lambda: connect(clickhouse)),
    )
    swapper = Swapper(
        lambda: model.champion_name(registry),
        load,
        pipeline,
        lambda: connect(clickhouse),
        metrics,
    )
    swapper.shadow = ShadowScoring(
        lambda: current_shadow(registry),
        # Without repeats: a text that the champion remembers takes it no time.
        lambda version: load(version, settings_of_model.model_copy(update={"repeats": 0})),
        lambda: connect(clickhouse),
        metrics,
        swapper.worker,
    )
    worker = Worker(kafka, settings, pipeline, store, identity, evaluator, metrics, swapper)
    evaluator.publish = worker.publish_alerts
    faust.Worker(
        worker.app, loglevel=level, logging_config=logging_config(level), redirect_stdouts=False
    ).execute_from_commandline()
