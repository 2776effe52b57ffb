"""One worker process: read the settings, load the model, make the connections, run Faust until a signal."""

from __future__ import annotations

import logging.config
from collections.abc import Callable

import faust

import model
from alerts import Evaluator, Notifier
from documents import Linker, Pseudonymiser, load_watchlist
from model.registry import current_shadow
from settings import AlertSettings, ClickHouseSettings, KafkaSettings, ModelSettings, PrivacySettings, StreamSettings
from storage import connect, migrate, replace_entities
from stream.app import TOPICS, Worker
from stream.champion.following import Swapper
from stream.champion.shadow import ShadowScoring
from stream.kafka.reread import TopicIdentity
from stream.kafka.topics import ensure_topics
from stream.steps.read import Read
from stream.steps.score import Score
from stream.steps.store import Store
from stream.upkeep.logs import logging_config
from stream.upkeep.metrics import Metrics


def run(
    settings: StreamSettings | None = None, level: str = "INFO", load: Callable[[str], model.Scorer] | None = None
) -> None:
    """Run one worker until SIGTERM or SIGINT. Raises the rooms' errors where something that it needs is missing.

    ``load`` makes the scorer of the champion at the start, for benchmarks; by default it is the champion itself.
    """
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

    def load_version(version: str, settings: ModelSettings = settings_of_model) -> model.Scorer:
        return model.load(model.version_folder(registry, version), settings)

    scorer = (load or load_version)(model.champion_name(registry))
    _ = scorer.topics  # fitted now, and not when the first batch waits for it
    metrics = Metrics()
    identity = TopicIdentity(kafka.bootstrap_servers, TOPICS)
    pseudonymiser = Pseudonymiser(privacy.pseudonym_key.get_secret_value())
    read, score = Read(Linker(watchlist), pseudonymiser, lambda: identity.assigned), Score(scorer)
    store = Store(lambda: connect(clickhouse), identity, settings.store_patience_s, metrics)
    evaluator = Evaluator(
        lambda: connect(clickhouse),
        AlertSettings(),
        explain=lambda *text: score.scorer.explain(*text),
        desks={company.ticker: company.desk for company in watchlist.companies},
        notify=Notifier(lambda: connect(clickhouse)),
    )
    swapper = Swapper(
        lambda: model.champion_name(registry),
        load_version,
        score,
        lambda: connect(clickhouse),
        metrics,
    )
    swapper.shadow = ShadowScoring(
        lambda: current_shadow(registry),
        # Without repeats: a text that the champion remembers takes it no time.
        lambda version: load_version(version, settings_of_model.model_copy(update={"repeats": 0})),
        lambda: connect(clickhouse),
        metrics,
        swapper.worker,
    )
    worker = Worker(kafka, settings, read, score, store, identity, evaluator, metrics, swapper)
    evaluator.publish = worker.publish_alerts
    faust.Worker(
        worker.app, loglevel=level, logging_config=logging_config(level), redirect_stdouts=False
    ).execute_from_commandline()
