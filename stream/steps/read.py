"""From the bytes of Kafka records to rows: decode, normalise, link, redact, pseudonymise, score.

Knows neither Faust nor ClickHouse's connection: it turns a list of records into a list of rows, so that the
worker, the tests and the benchmarks run the very same code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from documents.messages import BadRecord, Comment, News, decode
from documents.privacy import Pseudonymiser, redact
from documents.record import LABELS, Record
from documents.stories.key import story_key
from documents.text import normalise
from documents.watchlist import Linker
from model import Scorer, detect

UNSUPPORTED_LANGUAGE = "unsupported_language"
KINDS = {"news": "news", "comments": "comment"}


class Received(NamedTuple):
    """One Kafka record, as it came."""

    topic: str
    partition: int
    offset: int
    value: bytes | None


class Pipeline:
    """Holds the model and the watch list; ``read`` and ``score`` may run in different threads."""

    def __init__(self, scorer: Scorer, linker: Linker, pseudonymiser: Pseudonymiser) -> None:
        self.scorer = scorer
        self._linker = linker
        self._pseudonymiser = pseudonymiser

    def read(self, received: Sequence[Received], topic_ids: Mapping[str, str]) -> list[Record]:
        """One row a record, not yet scored; a bad record becomes a row with its error and its raw bytes."""
        now = datetime.now(UTC)
        return [self._read(record, topic_ids[record.topic], now) for record in received]

    def _read(self, received: Received, topic_id: str, now: datetime) -> Record:
        row = Record(received.topic, topic_id, received.partition, received.offset)
        row.kind = KINDS[received.topic]
        try:
            message = decode(received.topic, received.value, now)
            assert isinstance(message, News | Comment)
            self._fill(row, message)
        except BadRecord as error:
            row = Record(received.topic, topic_id, received.partition, received.offset)
            row.kind = KINDS[received.topic]
            row.error_kind, row.error_field, row.error = error.kind, error.field, str(error)
            row.raw = received.value or b""
        return row

    def _fill(self, row: Record, message: News | Comment) -> None:
        if isinstance(message, News):
            title, text = normalise(message.title), normalise(message.body or "")
            row.url = message.url or ""
        else:
            title, text = "", normalise(message.text)
            row.in_reply_to = message.in_reply_to or ""
            if message.author:
                row.author = self._pseudonymiser.author(message.source, message.author)
        whole = f"{title}\n{text}" if title and text else title or text
        if not whole:
            field = "title" if isinstance(message, News) else "text"
            raise BadRecord("empty_text", f"nothing of {field} is left after normalising", field)
        # Linking reads the text before redaction: a redacted token never names a company.
        for mention in self._linker.find(whole, message.tickers):
            row.mention_entity.append(mention.ticker)
            row.mention_surface.append(mention.surface)
            row.mention_via.append(mention.via)
        row.title, row.text = redact(title), redact(text)
        row.document_id, row.source = message.id, message.source
        row.published_at = message.published_at.astimezone(UTC)
        row.lang = detect(whole, message.lang)
        row.story_id = story_key(whole)

    def score(self, rows: Sequence[Record]) -> None:
        """Fill in the sentiment and the topics of every good row, in place.

        A document is scored once for each entity it mentions, as the pair (entity, text). With exactly one
        entity that pass is the document's own as well; with none or several the text is also scored alone.
        """
        good = [row for row in rows if not row.error_kind]
        if not good:
            return
        texts: list[str] = []
        entities: list[str | None] = []
        languages: list[str] = []
        firsts = []
        for row in good:
            whole = f"{row.title}\n{row.text}" if row.title and row.text else row.title or row.text
            firsts.append(len(texts))
            if len(row.mention_entity) != 1:
                texts.append(whole)
                entities.append(None)
            for surface in row.mention_surface:
                texts.append(whole)
                entities.append(surface)
            languages.extend([row.lang] * (len(texts) - len(languages)))
        scorer = self.scorer  # the champion may be exchanged between two calls, not within one
        scores = scorer.score(texts, entities, languages)
        scored_at = datetime.now(UTC)
        labels = [LABELS[i] for i in np.nan_to_num(scores.probabilities).argmax(axis=1)]
        probabilities = scores.probabilities.tolist()
        vectors = np.rint(scores.embeddings * 127).astype(np.int8)
        about = scorer.topics.classify(
            [texts[first] for first in firsts], scores.embeddings[firsts], [languages[first] for first in firsts]
        )
        for row, first, topics in zip(good, firsts, about, strict=True):
            row.model_version = scorer.version
            row.scored_at = scored_at
            if not scores.supported[first]:
                row.unscored = UNSUPPORTED_LANGUAGE
                nothing = [0.0] * len(row.mention_entity)
                row.mention_label = ["unscored"] * len(nothing)
                row.mention_p_negative, row.mention_p_neutral, row.mention_p_positive = nothing, nothing, nothing
                row.mention_sentiment = nothing
                continue
            row.p_negative, row.p_neutral, row.p_positive = probabilities[first]
            row.sentiment = row.p_positive - row.p_negative
            row.label = labels[first]
            row.tokens = int(scores.tokens[first])
            row.embedding = vectors[first].tobytes()
            row.topic_name, row.topic_score, row.strangeness = topics
            mention = first + (len(row.mention_entity) != 1)
            for negative, neutral, positive in probabilities[mention : mention + len(row.mention_entity)]:
                row.mention_p_negative.append(negative)
                row.mention_p_neutral.append(neutral)
                row.mention_p_positive.append(positive)
                row.mention_sentiment.append(positive - negative)
            row.mention_label.extend(labels[mention : mention + len(row.mention_entity)])
