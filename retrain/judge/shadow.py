"""What becomes of a challenger in the shadow: promoted by rule, turned down, or still watched."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from clickhouse_driver import Client

import model
from retrain.judge import beside
from settings import RetrainSettings
from storage.reads import count_shadow_documents, shadow_scores
from storage.writes import write_model_event


def report(client: Client, shadow: model.Shadow, champion: str, settings: RetrainSettings) -> dict[str, Any]:
    """Plain JSON: what the version in the shadow said of live documents beside ``champion``, over all and by source,
    and ``objections``: the rules that it breaks."""
    found = shadow_scores(client, shadow.version, champion, datetime.fromisoformat(shadow.at))
    told = {
        "version": shadow.version,
        "champion": champion,
        "share": shadow.share,
        "since": shadow.at,
        "wanted_documents": shadow.documents,
        "wanted_minutes": shadow.minutes,
        "why": shadow.why,
        **beside.agreement(found.champion, found.challenger),
        "latency": beside.slower(found.champion_s, found.challenger_s),
        "sources": beside.by_source(found.source, found.champion, found.challenger),
    }
    return told | {"objections": objections(told, settings)}


def objections(told: dict[str, Any], settings: RetrainSettings) -> list[str]:
    """Which limits of ``settings`` a ``report`` breaks beyond chance: where the whole interval lies outside."""
    if not told["documents"]:
        return []
    broken = []
    low, high = told["agreement_interval"]
    if high < settings.shadow_agreement:
        broken.append(
            f"the same label on {told['agreement']:.1%} [{low:.1%}, {high:.1%}] of the documents, wanted at least "
            f"{settings.shadow_agreement:.0%} (RETRAIN_SHADOW_AGREEMENT)"
        )
    latency = told["latency"]
    if latency["ratio"] is not None and latency["interval"][0] > settings.slower:
        broken.append(f"{latency['ratio']:.2f} times the champion's time, wanted at most {settings.slower:g}")
    for name, part in (("all documents", told), *told["sources"].items()):
        for what in ("sentiment_shift", "confidence_shift"):
            start, end = part[what]["interval"]
            if max(start, -end) > settings.shadow_shift:
                broken.append(
                    f"{name}: {what.replace('_', ' ')} {part[what]['mean']:+.2f} [{start:+.2f}, {end:+.2f}], wanted at "
                    f"most {settings.shadow_shift:g} (RETRAIN_SHADOW_SHIFT)"
                )
    return broken


def decide(
    client: Client, registry: str | Path, settings: RetrainSettings, now: datetime | None = None
) -> tuple[str, str, str, str] | None:
    """Judge the version in the shadow if it has been there for long enough and is to be promoted by rule.

    Promotes it or takes it out; (event, version, previous, detail) of what was done, None if nothing was. Raises as
    ``model.promote`` does.
    """
    shadow = model.shadow(registry)
    if shadow is None or not shadow.documents:
        return None
    since = datetime.fromisoformat(shadow.at)
    if (now or datetime.now(UTC)) < since + timedelta(minutes=shadow.minutes):
        return None
    champion = model.champion_name(registry)
    if count_shadow_documents(client, shadow.version, champion, since) < shadow.documents:
        return None
    told = report(client, shadow, champion, settings)
    parent = model.describe(registry, shadow.version).parent
    broken = told["objections"]
    if parent not in ("", champion):
        broken = [f"it was judged against {parent}, and {champion} is the champion now", *broken]
    if broken:
        event = ("rejected", shadow.version, champion, f"in the shadow: {'; '.join(broken)}")
        model.clear_shadow(registry, shadow.version)
    else:
        why = f"in the shadow: the same label on {told['agreement']:.1%} of {told['documents']} documents"
        model.promote(registry, shadow.version, why)
        event = ("promoted", shadow.version, champion, why)
    write_model_event(client, event[0], event[1], event[2], detail=event[3])
    return event
