"""The first step: from the bytes of Kafka records to rows. Decodes, normalises, links companies, removes personal data.

It knows neither Faust nor ClickHouse, so that the worker, tests and benchmarks run the same code.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import NamedTuple

from documents import (
    BadRecord,
    Document,
    Label,
    Linker,
    Mention,
    Position,
    Pseudonymiser,
    Row,
    Tombstone,
    TooLong,
    normalise,
    redact,
    redact_url,
    whole_text,
)
from documents import messages as message
from documents.messages import InvalidMessage
from model import detect, detect_all
from stream.kafka.received import Received
from stream.registry.values import Decode
from stream.steps.isolation import NO_RECORDS_FAULT, because

log = logging.getLogger(__name__)

WARM_UP_TEXTS = 32
"""Languages are told in one way of a few texts, and in another of many."""


class _Fresh(NamedTuple):
    """A document without its language yet, its text before redaction, and the language that its message declares.

    Languages are told of a whole batch at once, which takes a fraction of the time.
    """

    document: Document
    text: str
    declared: str | None


class Read:
    """In: records of the topics ``news``, ``comments`` and ``labels``. Out: one row for each, in the same order.

    A record that is no message of its topic becomes a ``BadRecord``, and one without a value a ``Tombstone``. No record
    is left out, and none raises, unless something that reading needs is away, such as the schema registry. Documents
    have no scores yet.

    ``topic_id`` gives the ``topic_id`` of a (topic, partition), and ``decode`` makes a message of a record's bytes.
    ``deadly`` says why the record at a (topic, partition, offset) must not even be decoded. A title or text of more
    than ``most_characters`` is too long. If ``annotators`` are named, nobody else may label.
    """

    def __init__(
        self,
        linker: Linker,
        pseudonymiser: Pseudonymiser,
        topic_id: Callable[[str, int], str],
        deadly: Mapping[tuple[str, int, int], str] = MappingProxyType({}),
        decode: Decode = message.decode,
        most_characters: int = 200_000,
        annotators: Collection[str] = (),
    ) -> None:
        self._linker = linker
        self._pseudonymiser = pseudonymiser
        self._topic_id, self._deadly = topic_id, deadly
        self._decode, self._most_characters = decode, most_characters
        self._annotators = frozenset(annotators)

    def warm_up(self) -> None:
        """Load what reading needs: otherwise the first record would wait for it."""
        text = "A text in Latin script, whose language is told by its words."
        for texts in ([text], [text] * WARM_UP_TEXTS):
            detect_all(texts, [None] * len(texts))

    def run(self, received: Sequence[Received]) -> list[Row]:
        """The rows of ``received``."""
        now = datetime.now(UTC)
        made = [self._row(record, self._topic_id(record.topic, record.partition), now) for record in received]
        rows: list[Row] = [one.document if isinstance(one, _Fresh) else one for one in made]
        fresh = {number: one for number, one in enumerate(made) if isinstance(one, _Fresh)}
        try:
            languages = detect_all([one.text for one in fresh.values()], [one.declared for one in fresh.values()])
        except NO_RECORDS_FAULT:
            raise
        except Exception:  # one of them is at fault: each is asked about alone
            for number, one in fresh.items():
                try:
                    one.document.lang = detect(one.text, one.declared)
                except Exception as error:
                    rows[number] = _failed(one.document.position, received[number], error)
        else:
            for one, language in zip(fresh.values(), languages, strict=True):
                one.document.lang = language
        return rows

    def _row(self, received: Received, topic_id: str, now: datetime) -> Row | _Fresh:
        position = Position(received.topic, topic_id, received.partition, received.offset)
        if received.value is None:
            return Tombstone(position)
        if why := self._deadly.get((received.topic, received.partition, received.offset)):
            return BadRecord(position, "deadly", "", why, received.value)
        try:
            decoded = self._decode(received.topic, received.value, now)
            if isinstance(decoded, message.Label):
                return self._label(position, decoded, now)
            return self._document(position, decoded)
        except InvalidMessage as error:
            return BadRecord(position, error.kind, error.field, str(error), received.value)
        except NO_RECORDS_FAULT:
            raise
        except Exception as error:
            return _failed(position, received, error)

    def _document(self, position: Position, decoded: message.News | message.Comment) -> _Fresh:
        url = in_reply_to = author = ""
        if isinstance(decoded, message.News):
            title, text = self._normalised(decoded.title, "title"), self._normalised(decoded.body or "", "body")
            url = redact_url(decoded.url or "")
        else:
            title, text = "", self._normalised(decoded.text, "text")
            in_reply_to = self._pseudonymiser.identifier(decoded.in_reply_to or "")
            if decoded.author:
                author = self._pseudonymiser.author(decoded.source, decoded.author)
        whole = whole_text(title, text)
        if not whole:
            field = "title" if isinstance(decoded, message.News) else "text"
            raise InvalidMessage("empty_text", f"nothing of {field} is left after normalising", field)
        document = Document(
            position,
            "news" if isinstance(decoded, message.News) else "comment",
            self._pseudonymiser.identifier(decoded.id),
            self._pseudonymiser.identifier(decoded.source),
            redact(title),
            redact(text),
            url,
            author,
            in_reply_to,
            published_at=decoded.published_at.astimezone(UTC),
            # Names are searched in the text before redaction: what redaction writes there names nothing.
            mentions=[
                Mention(found.ticker, found.surface, found.via, entity_type=found.entity_type)
                for found in self._linker.find(whole, decoded.tickers or ())
            ],
        )
        return _Fresh(document, whole, decoded.lang)

    def _label(self, position: Position, decoded: message.Label, now: datetime) -> Label:
        if self._annotators and decoded.annotator not in self._annotators:
            raise InvalidMessage("invalid", f"{decoded.annotator!r} may not label (STREAM_ANNOTATORS)", "annotator")
        text = redact(self._normalised(decoded.text or "", "text"))
        if decoded.text and not text:
            raise InvalidMessage("empty_text", "nothing of text is left after normalising", "text")
        return Label(
            position,
            decoded.label,
            decoded.annotator,
            # A date in the future would win against every later judgement.
            min(decoded.labelled_at.astimezone(UTC), now),
            self._pseudonymiser.identifier(decoded.document_id or ""),
            text,
            decoded.entity or "",
        )

    def _normalised(self, text: str, field: str) -> str:
        try:
            return normalise(text, self._most_characters)
        except TooLong as error:
            sentence = f"{field} has more than {self._most_characters} characters (STREAM_RECORD_CHARACTERS)"
            raise InvalidMessage("too_long", sentence, field) from error


def _failed(position: Position, received: Received, error: Exception) -> BadRecord:
    log.error("reading failed at one record", exc_info=error, extra={"position": str(position)})
    return BadRecord(position, "failed", "", because("reading", error), received.value or b"")
