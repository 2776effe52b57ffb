"""Whether the documents that arrive, or what the model makes of them, are still those that it was judged on.

A look compares the latest documents of each kind and each source with those before them, by measures between 0 and 1
of which river's ADWIN says whether their mean has changed (Bifet and Gavalda 2007, "Learning from Time-Changing Data
with Adaptive Windowing"). Everything is read from ClickHouse and the state is the table ``drift``, so any process may
look, and a look at a past moment finds what it would have found then.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from clickhouse_driver import Client
from river.drift import ADWIN

from retrain.data.datasets import words
from retrain.run import Announce
from settings import RetrainSettings
from storage.reads import ArrivedDocuments, arrived_documents, counts_by_source, drift_now, scoring_version
from storage.writes import DriftRow, write_drift, write_model_event

REFERENCES = 8
"""The reference is so many times the current window at most,"""

FEWEST_REFERENCES = 2
"""and at least so many times."""

FITTED = 1 / 3
"""This share of the reference, its oldest documents, only says what is known: words, neighbours, sources."""

BLOCKS = 50
"""The current window is tested as the means of so many blocks of documents: neighbours in time resemble each other."""

WIDE = 4.0
"""Block means are scaled so that 0 and 1 lie so many standard deviations from the reference's middle: ADWIN's bound is
for values between 0 and 1 and is tight only where they fill that range."""

MEASURES = ("embedding", "vocabulary", "sentiment", "neutral", "confidence")
OF_A_KIND = ("sources",)
"""Of the documents of all sources of a kind only."""

NEIGHBOUR = 5
RECENT = 2
"""A change is news if ADWIN has seen it no further back than so many current windows: a look may have been missed."""

STILL = 0.5
"""An alarm lasts until the effect is below this share of the one that raises it."""


class Change(NamedTuple):
    """``began`` is the index of the first document since the change, None where ADWIN finds none or saw it long ago;
    ``effect`` the change of the mean in standard deviations of the documents before."""

    reference_mean: float
    current_mean: float
    effect: float
    began: int | None


def measures(known: ArrivedDocuments, documents: ArrivedDocuments) -> dict[str, np.ndarray]:
    """Each measure of ``documents``, float64 [n] between 0 and 1, given what is ``known``:

    ``embedding`` is the distance to the fifth-nearest known document, ``vocabulary`` the share of words that are not
    known, ``sentiment`` and ``neutral`` are of the predictions, ``confidence`` is the probability of the label, and
    ``sources`` the known share of the document's own source.
    """
    shares = Counter(known.source.tolist())
    return {
        "embedding": _distances(known.vectors, documents.vectors),
        "vocabulary": _unknown_words(known.text, documents.text),
        "sentiment": (documents.probabilities[:, 2] - documents.probabilities[:, 0] + 1) / 2,
        "neutral": documents.probabilities[:, 1],
        "confidence": documents.probabilities.max(1),
        "sources": np.array([shares[name] / len(known.source) for name in documents.source.tolist()]),
    }


def _distances(known: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    nth = min(NEIGHBOUR, len(known))
    made = []
    for start in range(0, len(vectors), 1024):  # of a bounded size
        likeness = vectors[start : start + 1024] @ known.T
        made.append(np.partition(likeness, len(known) - nth, axis=1)[:, len(known) - nth])
    return np.clip((1 - np.concatenate(made)) / 2, 0, 1).astype(float)


def _unknown_words(known: list[str], texts: list[str]) -> np.ndarray:
    vocabulary = {word for text in known for word in words(text)}
    made = []
    for text in texts:
        found = words(text)
        made.append(sum(word not in vocabulary for word in found) / len(found) if found else 0.0)
    return np.array(made)


def change(values: np.ndarray, current: int, delta: float) -> Change:
    """Whether the mean of the last ``current`` of ``values`` is another one than that of those before them."""
    reference = values[:-current]
    size = max(1, current // BLOCKS)
    blocks, usual = _means(values, size), _means(reference, size)
    # By quantiles: what has begun to drift may be in the reference.
    middle = float(np.median(usual))
    spread = max(1.4826 * float(np.median(np.abs(usual - middle))), 0.1 * float(usual.std()), 1e-4)
    scaled = np.clip((blocks - middle) / (2 * WIDE * spread) + 0.5, 0, 1)
    detector = ADWIN(delta=delta, clock=1)
    detected = [detector.drift_detected for value in scaled.tolist() if detector.update(value) is None]
    last = max((i for i, seen in enumerate(detected) if seen), default=-1)
    began = None
    if len(blocks) - last <= RECENT * BLOCKS:
        began = len(values) - (len(blocks) - _split(scaled)) * size
    before = values[:began] if began and began < len(reference) else reference
    mean, now = float(before.mean()), float(values[-current:].mean())
    return Change(mean, now, (now - mean) / max(float(before.std()), 1e-3), began)


def _split(values: np.ndarray) -> int:
    """Where the mean of ``values`` most likely changed: the least squares of two means."""
    n, k = len(values), np.arange(1, len(values))
    sums = np.cumsum(values)[:-1]
    return int(k[np.argmax((sums - values.mean() * k) ** 2 / (k * (n - k)))])


def _means(values: np.ndarray, size: int) -> np.ndarray:
    """Means of ``size`` values in a row, aligned with the end."""
    return np.asarray(values[len(values) % size :].reshape(-1, size).mean(axis=1))


def look(client: Client, settings: RetrainSettings, at: datetime) -> Iterator[tuple[str, str, DriftRow]]:
    """Look at what had arrived by ``at``, and store what was found; ('drift' or 'drift_ended', the alarm's id, row) of
    each alarm that begins or ends. Another process that looks at the same moment finds and stores the same."""
    version = scoring_version(client, at)
    before = {(row["kind"], row["source"], row["measure"]): row for row in drift_now(client)}
    if any(row["at"] >= at for row in before.values()):
        return
    since = at - timedelta(days=settings.drift_days)
    rows: list[DriftRow] = []
    for kind, source, every in _groups(client, settings, version, since, at):
        rows += _look_at(client, settings, version, (kind, source), every, since, at, before)
    seen = {(row.kind, row.source, row.measure) for row in rows}
    for key, old in before.items():
        # Another version scores now: it was judged on later documents, and its own ones are the reference.
        if old["alarm"] and key not in seen and old["model_version"] != version:
            ended = {name: old[name] for name in DriftRow._fields}
            rows.append(DriftRow(**ended)._replace(at=at, model_version=version, alarm=""))
    write_drift(client, rows)
    for row in rows:
        last = before.get((row.kind, row.source, row.measure), {"alarm": ""})["alarm"]
        if row.alarm and row.alarm != last:
            yield "drift", row.alarm, row
        elif last and not row.alarm:
            yield "drift_ended", last, row


def _groups(
    client: Client, settings: RetrainSettings, version: str, since: datetime, at: datetime
) -> Iterator[tuple[str, str, int]]:
    """(kind, source, one in how many) of each group that has documents enough, all sources of a kind first: with much
    traffic a sample, so that the current window is no shorter than ``drift_hours``."""
    wanted = (1 + FEWEST_REFERENCES) * settings.drift_documents
    counts = Counter(counts_by_source(client, version, since, at))
    recent = Counter(counts_by_source(client, version, at - timedelta(hours=settings.drift_hours), at))
    for found in (counts, recent):
        for (kind, _), count in list(found.items()):
            found[kind, ""] += count
    largest = sorted(counts, key=lambda group: (bool(group[1]), -counts[group], group))
    for kind, source in largest[: settings.drift_groups]:
        every = max(1, recent[kind, source] // settings.drift_documents)
        if counts[kind, source] // every >= wanted:
            yield kind, source, every


def _look_at(
    client: Client,
    settings: RetrainSettings,
    version: str,
    group: tuple[str, str],
    every: int,
    since: datetime,
    at: datetime,
    before: dict[tuple[str, str, str], dict],
) -> Iterator[DriftRow]:
    size = settings.drift_documents
    kind, source = group
    documents = arrived_documents(client, version, kind, source, since, at, (1 + REFERENCES) * size, every)
    if len(documents.text) < (1 + FEWEST_REFERENCES) * size:
        return
    reference, current = _cut(documents, 0, -size), _cut(documents, -size, None)
    usual = (_time(reference.at[0]) - timedelta(milliseconds=1), _time(reference.at[-1]))
    compared: dict[tuple[datetime, datetime], tuple[ArrivedDocuments, int, dict[str, np.ndarray]]] = {}
    for measure in (*MEASURES, *(() if source else OF_A_KIND)):
        old = before.get((kind, source, measure))
        held_on = old if old and old["alarm"] and old["model_version"] == version else None
        # What it was compared with, as long as it lasts: else the drift itself would become what is usual.
        span = (held_on["reference_since"], held_on["reference_until"]) if held_on else usual
        if span not in compared:
            held = (
                arrived_documents(client, version, kind, source, span[0], span[1], REFERENCES * size, every)
                if held_on
                else reference
            )
            if len(held.text) < size:
                continue
            fitted = int(len(held.text) * FITTED)
            shown = joined(_cut(held, fitted, None), current)
            compared[span] = shown, len(held.text), measures(_cut(held, 0, fitted), shown)
        shown, count, values = compared[span]
        found = change(values[measure], size, settings.drift_delta)
        row = DriftRow(
            at, kind, source, measure, version, span[0], span[1], count, size, found.reference_mean, found.current_mean,
            found.effect, "", at,
        )  # fmt: skip
        if held_on and abs(found.effect) >= STILL * settings.drift_effect:
            row = row._replace(alarm=held_on["alarm"], began_at=held_on["began_at"])
        elif not held_on and found.began is not None and abs(found.effect) >= settings.drift_effect:
            began = _time(shown.at[found.began])
            row = row._replace(
                alarm=identity(kind, source, measure, version, at),
                began_at=began,
                reference_until=min(span[1], began - timedelta(milliseconds=1)),
            )
        yield row


def identity(kind: str, source: str, measure: str, version: str, at: datetime) -> str:
    """An alarm's id: the same for whoever looks at that moment."""
    return hashlib.blake2b(f"{kind}|{source}|{measure}|{version}|{at.isoformat()}".encode(), digest_size=6).hexdigest()


def sentence(alarm: str, row: DriftRow) -> str:
    """What ``alarm`` says when it begins or ends."""
    where = f"{row.kind}, source {row.source}" if row.source else f"{row.kind}, all sources"
    if not row.alarm:
        return f"{alarm}: ended: {row.measure} of {where}"
    return (
        f"{alarm}: {row.measure} of {where}: mean {row.reference_mean:.3f} -> {row.current_mean:.3f} "
        f"({row.effect:+.2f} standard deviations) over {row.current_documents} documents since "
        f"{row.began_at:%Y-%m-%d %H:%M}; labels of them are wanted ('finsent label queue')"
    )


def moment(now: datetime, settings: RetrainSettings) -> datetime:
    """The latest moment at which everybody looks: what arrived by then is stored."""
    every = int(settings.drift_s)
    return datetime.fromtimestamp((int(now.timestamp()) - SETTLED_S) // every * every, UTC)


SETTLED_S = 5


def _cut(documents: ArrivedDocuments, start: int, stop: int | None) -> ArrivedDocuments:
    part = slice(start, stop)
    return ArrivedDocuments(
        documents.at[part],
        documents.source[part],
        documents.text[part],
        documents.probabilities[part],
        documents.vectors[part],
    )


def joined(a: ArrivedDocuments, b: ArrivedDocuments) -> ArrivedDocuments:
    """The documents of ``a``, and after them those of ``b``."""
    return ArrivedDocuments(
        np.concatenate([a.at, b.at]),
        np.concatenate([a.source, b.source]),
        a.text + b.text,
        np.concatenate([a.probabilities, b.probabilities]),
        np.concatenate([a.vectors, b.vectors]),
    )


def _time(at: np.datetime64) -> datetime:
    return datetime.fromtimestamp(int(at.astype("int64")) / 1000, UTC)


def tell(client: Client, settings: RetrainSettings, at: datetime, announce: Announce) -> list[str]:
    """``look``, and tell of the alarms that begin or end, in ``model_events`` and to ``announce``; what was said."""
    told = []
    for event, alarm, row in look(client, settings, at):
        told.append(sentence(alarm, row))
        write_model_event(client, event, row.model_version, detail=told[-1])
        announce(event, row.model_version, "", told[-1])
    return told


def lasting(client: Client) -> list[dict[str, Any]]:
    """The alarms that last, the largest effect first."""
    return [row for row in drift_now(client) if row["alarm"]]
