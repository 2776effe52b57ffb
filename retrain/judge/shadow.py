"""The verdict on a version in the shadow: it is promoted by rule, rejected, or watched for longer."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from clickhouse_driver import Client

import model
from model.registry import Shadow, clear_shadow, current_shadow, describe, promote
from retrain.events import VersionEvent
from retrain.judge.agreement import Agreement, Slowdown, agreement, by_source, slowdown
from settings import RetrainSettings
from storage.reads import count_shadow_documents, shadow_scores
from storage.writes import write_model_event


@dataclass(frozen=True, slots=True)
class ShadowFigures:
    """How the version in the shadow and the champion scored the same live documents."""

    overall: Agreement
    latency: Slowdown
    sources: dict[str, Agreement]


def shadow_figures(client: Client, shadow: Shadow, champion: str) -> ShadowFigures:
    """The figures of the documents that both scored since the version went into the shadow."""
    scored = shadow_scores(client, shadow.version, champion, datetime.fromisoformat(shadow.at))
    return ShadowFigures(
        agreement(scored.champion, scored.challenger),
        slowdown(scored.champion_s, scored.challenger_s),
        by_source(scored.source, scored.champion, scored.challenger),
    )


def shadow_report(client: Client, shadow: Shadow, champion: str, settings: RetrainSettings) -> dict[str, Any]:
    """The figures of the version in the shadow as plain JSON, over all documents and by source, and ``objections``: the
    limits that it exceeds."""
    figures = shadow_figures(client, shadow, champion)
    return {
        "version": shadow.version,
        "champion": champion,
        "share": shadow.share,
        "since": shadow.at,
        "wanted_documents": shadow.documents,
        "wanted_minutes": shadow.minutes,
        "why": shadow.why,
        **asdict(figures.overall),
        "latency": asdict(figures.latency),
        "sources": {name: asdict(part) for name, part in figures.sources.items()},
        "objections": objections(figures, settings),
    }


def objections(figures: ShadowFigures, settings: RetrainSettings) -> list[str]:
    """The limits of ``settings`` that are exceeded beyond chance: the whole 95 % interval lies outside."""
    broken = []
    low, high = figures.overall.agreement_interval
    if figures.overall.agreement is not None and high < settings.shadow_agreement:
        broken.append(
            f"the same label on {figures.overall.agreement:.1%} [{low:.1%}, {high:.1%}] of the documents, wanted at "
            f"least {settings.shadow_agreement:.0%} (RETRAIN_SHADOW_AGREEMENT)"
        )
    latency = figures.latency
    if latency.ratio is not None and latency.interval is not None and latency.interval[0] > settings.slower:
        broken.append(f"{latency.ratio:.2f} times the champion's time, wanted at most {settings.slower:g}")
    for name, part in (("all documents", figures.overall), *figures.sources.items()):
        for what, shift in (("sentiment", part.sentiment_shift), ("confidence", part.confidence_shift)):
            if shift is None:
                continue
            start, end = shift.interval
            if max(start, -end) > settings.shadow_shift:
                broken.append(
                    f"{name}: {what} shift {shift.mean:+.2f} [{start:+.2f}, {end:+.2f}], wanted at most "
                    f"{settings.shadow_shift:g} (RETRAIN_SHADOW_SHIFT)"
                )
    return broken


def decide_shadow(
    client: Client, registry: str | Path, settings: RetrainSettings, now: datetime | None = None
) -> VersionEvent | None:
    """Judge the version in the shadow, if it is to be promoted by rule and has been there for long enough.

    It is promoted or taken out of the shadow. The event of that is written and returned; None if it is too early.
    Raises what ``promote`` raises.
    """
    shadow = current_shadow(registry)
    if shadow is None or not shadow.documents:
        return None
    since = datetime.fromisoformat(shadow.at)
    if (now or datetime.now(UTC)) < since + timedelta(minutes=shadow.minutes):
        return None
    champion = model.champion_name(registry)
    if count_shadow_documents(client, shadow.version, champion, since) < shadow.documents:
        return None
    figures = shadow_figures(client, shadow, champion)
    parent = describe(registry, shadow.version).parent
    broken = objections(figures, settings)
    if parent not in ("", champion):
        broken = [f"it was judged against {parent}, and {champion} is the champion now", *broken]
    if broken:
        event = VersionEvent("rejected", shadow.version, champion, f"in the shadow: {'; '.join(broken)}")
        clear_shadow(registry, shadow.version)
    else:
        why = (
            f"in the shadow: the same label on {figures.overall.agreement:.1%} of {figures.overall.documents} documents"
        )
        promote(registry, shadow.version, why)
        event = VersionEvent("promoted", shadow.version, champion, why)
    write_model_event(client, event.event, event.version, event.previous, detail=event.detail)
    return event
