"""The second step: the sentiment, the topics and the events of documents, from the model."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from documents import LABELS, Document, Row, Topic
from model import Scorer, Scores
from model.events import EventReader

log = logging.getLogger(__name__)

UNSUPPORTED_LANGUAGE = "unsupported_language"

MOST_PIECES = 40
"""An event is explained by at most so many pieces of its text, of which many overlap."""

PLAIN = "The quarterly report will be published on Thursday."
"""A text that every model can score."""


class Score:
    """In: rows as ``Read`` leaves them. The documents among them are filled in, in place, all by one version.

    A document in a language without a model keeps the label ``unscored`` and gets the reason. ``scorer`` is the
    champion. It may be exchanged between two calls of ``run``, but not during one: so only in the same thread.
    Without ``events``, no events are read.
    """

    def __init__(self, scorer: Scorer, events: EventReader | None = None) -> None:
        self.scorer, self._events = scorer, events
        self.prepare(scorer)

    def prepare(self, scorer: Scorer) -> None:
        """Do for ``scorer`` what the first batch would wait for: fit its topics, and see whether its embeddings tell
        events."""
        _ = scorer.topics
        if self._events is not None and not self._events.suits(scorer.version, scorer):
            log.warning(
                "the embeddings of version %s have moved from those of the event reader: it reads by words alone",
                scorer.version,
            )

    def check(self) -> None:
        """Score a plain text. If this raises, the model cannot score at all, and no document is at fault."""
        self.scorer.score([PLAIN], [None], ["en"])
        if self._events is not None:
            self._events.read([PLAIN], [""], [""], ["en"])

    def explain_event(self, text: str, surface: str, kind: str) -> Sequence[tuple[str, int, int, float]]:
        """The pieces of ``text`` that spoke for an event of type ``kind``; see ``alerts.ExplainEvent``."""
        try:
            return self._events.explain(text, surface, kind, MOST_PIECES) if self._events is not None else ()
        except ValueError:  # an older reader told of it, and this one does not know the type
            return ()

    def run(self, rows: Sequence[Row]) -> None:
        """Fill in the scores of the documents of ``rows``.

        A document is scored once for each entity that it mentions, as the pair (entity, text). With exactly one
        company that score is the document's own as well. With none or several, the text is also scored alone.
        """
        documents = [row for row in rows if isinstance(row, Document)]
        if not documents:
            return
        texts: list[str] = []
        entities: list[str | None] = []
        languages: list[str] = []
        firsts = []
        for document in documents:
            whole = document.whole_text
            firsts.append(len(texts))
            if document.about_one is None:
                texts.append(whole)
                entities.append(None)
            for mention in document.mentions:
                texts.append(whole)
                entities.append(mention.surface)
            languages.extend([document.lang] * (len(texts) - len(languages)))
        scorer = self.scorer
        scores = scorer.score(texts, entities, languages)
        about = scorer.topics.classify(
            [texts[first] for first in firsts], scores.embeddings[firsts], [languages[first] for first in firsts]
        )
        _fill_in(documents, firsts, scores, scorer)
        for document, first, (names, chances, strangeness) in zip(documents, firsts, about, strict=True):
            if scores.supported[first]:
                document.topics = list(map(Topic, names, chances))
                document.strangeness = strangeness
        if self._events is not None:
            embeddings = scores.embeddings if self._events.suits(scorer.version, scorer) else None
            _read_events(self._events, documents, firsts, embeddings)


def _read_events(
    reader: EventReader, documents: Sequence[Document], firsts: Sequence[int], embeddings: np.ndarray | None
) -> None:
    """Fill in what happened to each company of each of ``documents``. Events are of companies alone. ``firsts`` is the
    number of the first score of each, and so of its embedding."""
    pairs, places = [], []
    for document, first in zip(documents, firsts, strict=True):
        for number, mention in enumerate(document.mentions, first + (document.about_one is None)):
            if mention.entity_type == "company":
                pairs.append((document, mention))
                places.append(number)
    found = reader.read(
        [document.whole_text for document, _ in pairs],
        [mention.entity for _, mention in pairs],
        [mention.surface for _, mention in pairs],
        [document.lang or None for document, _ in pairs],
        None if embeddings is None else embeddings[places],
    )
    for document in documents:
        document.events = []
    for (document, _), events in zip(pairs, found, strict=True):
        document.events += events


def _fill_in(documents: Sequence[Document], firsts: Sequence[int], scores: Scores, scorer: Scorer) -> None:
    """Fill in the sentiment that ``scorer`` gave ``documents``; ``firsts`` is the number of the first score of each."""
    scored_at = datetime.now(UTC)
    labels = [LABELS[i] for i in np.nan_to_num(scores.probabilities).argmax(axis=1)]
    probabilities = scores.probabilities.tolist()
    deciding = np.maximum(scores.deciding, 0).tolist()
    vectors = np.rint(scores.embeddings * 127).astype(np.int8)
    for document, first in zip(documents, firsts, strict=True):
        document.model_version = scorer.version
        document.scored_at = scored_at
        if not scores.supported[first]:
            document.unscored = UNSUPPORTED_LANGUAGE
            continue
        document.lang_quality = "experimental" if document.lang in scorer.experimental else "measured"
        document.p_negative, document.p_neutral, document.p_positive = probabilities[first]
        document.sentiment = document.p_positive - document.p_negative
        document.label = labels[first]
        document.tokens, document.cut = int(scores.tokens[first]), bool(scores.cut[first])
        document.deciding_start, document.deciding_end = deciding[first]
        document.embedding = vectors[first].tobytes()
        alone = document.about_one is None  # the first score is then that of the text by itself
        for number, mention in enumerate(document.mentions, first + alone):
            mention.p_negative, mention.p_neutral, mention.p_positive = probabilities[number]
            mention.sentiment = mention.p_positive - mention.p_negative
            mention.label = labels[number]
            mention.deciding_start, mention.deciding_end = deciding[number]
