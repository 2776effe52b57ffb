"""Rows of a file as the messages of a topic, checked before anything is sent."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from documents.files.columns import Columns, find_columns
from documents.files.dates import Order, is_ambiguous, numeric_order, parse_date, two_days_remedy
from documents.files.labels import label_spellings, spelled, what_is_known
from documents.files.names import TIMES, folded, is_known
from documents.files.recognising import BadFile
from documents.files.tables import Table, TableRow, says_nothing, text_of
from documents.messages import RECEIVED, InvalidMessage, decode

TOPIC_OF_KIND = {"news": "news", "comment": "comments", "comments": "comments", "label": "labels"}
MOST_TICKERS, LONGEST_TICKER = 64, 32
SAMPLE = 200


@dataclass(frozen=True, slots=True)
class Reading:
    """How a person wants a file to be read: the column of each field, and the label of each spelling that is given.

    Times that name no zone are in ``zone``. Rows without a date are of the time ``undated``. ``annotator`` judged where
    a row does not say who.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    zone: tzinfo = UTC
    undated: datetime | None = None
    order: Order | None = None
    annotator: str = ""


_SYMBOL = re.compile(r"[A-Z\d/]+ [A-Z]{2} Equity\b|[^\s,;|\[\]'\"()]+")
"""One of several symbols in a cell; Bloomberg's has spaces in it."""


class Outgoing(NamedTuple):
    """One message. ``at`` is its time in Unix seconds."""

    number: int
    at: float
    topic: str
    key: bytes | None
    value: bytes


class RowFault(NamedTuple):
    """Why a row cannot be used, in which field, and what to do. ``bare`` is the sentence without an option of the
    command, for who has none."""

    number: int
    field: str
    sentence: str
    bare: str

    def __str__(self) -> str:
        return f"row {self.number}{f', {self.field}' if self.field else ''}: {self.sentence}"


class BadRow(Exception):
    """A row that cannot be used: the field that is wrong, or '', what is wrong, and the option that mends it. Caught
    within this package."""

    def __init__(self, field: str, bare: str, option: str = "") -> None:
        super().__init__(f"{bare}; {option}" if option else bare)
        self.field, self.bare = field, bare


class Messages:
    """The messages in ``table``, for ``topic``, or where that is None, for the topic that its column ``kind`` names.

    Raises ``BadFile`` where its columns cannot be messages.
    """

    def __init__(self, table: Table, topic: str | None, reading: Reading | None = None) -> None:
        self.table, self._reading = table, reading or Reading()
        if topic is None and "kind" not in table.columns:
            raise BadFile(f"{table.path}: there is no column 'kind' to tell the topic by", "name it with --topic")
        if topic is not None and topic not in RECEIVED:
            raise BadFile(f"{table.path}: its rows become messages of {', '.join(RECEIVED)}, not of {topic!r}")
        self._topic = topic
        self._others: dict[str, list[str]] = {}
        self._times: dict[str, list[str]] = {}
        self.columns = {one: self._columns(one) for one in ([topic] if topic else self._kinds())}
        self._order = self._reading.order or self._found_order()
        self._spellings = self._found_spellings()

    @property
    def plain(self) -> bool:
        """Whether the file is JSON lines that are messages already, by their names."""
        return (
            self.table.recognised.form == "JSON lines"
            and self.table.recognised.encoding == "utf-8"
            and all(one.plain for one in self.columns.values())
        )

    def __iter__(self) -> Iterator[Outgoing | RowFault]:
        """Every row, as a message or as what is wrong with it, in the file's order."""
        at = 0.0
        for row in self.table.rows():
            try:
                topic = self._topic_of(row)
                value, message = self._made(topic, row)
                moment = message.get("published_at") or message.get("labelled_at")
                at = parse_date(moment).timestamp() if moment else at  # type: ignore[union-attr]
                key = message.get("id") or message.get("document_id") or ""
                yield Outgoing(row.number, at, topic, key.encode() or None, value)
            except BadRow as fault:
                yield RowFault(row.number, fault.field, str(fault), fault.bare)

    def _kinds(self) -> list[str]:
        kinds = {str(row.values.get("kind")) for row in islice(self.table.rows(), SAMPLE)}
        return [topic for topic in RECEIVED if topic in {TOPIC_OF_KIND.get(kind) for kind in kinds}] or ["news"]

    def _columns(self, topic: str) -> Columns:
        try:
            found = find_columns(topic, self.table.columns, self._reading.columns)
        except BadFile as error:
            raise BadFile(f"{self.table.path}: {error}") from error
        needed = {"news": ("title",), "comments": ("text",), "labels": ("document_id", "text")}[topic]
        if not set(needed) & found.of.keys():
            names = ", ".join(map(repr, self.table.columns[:20]))[:300] or "none"
            raise BadFile(
                f"{self.table.path} was read as {self.table}: no column is known to be the "
                f"{' or '.join(needed)} of {topic} (there are {names})",
                f"name one with --map {needed[-1]}=COLUMN",
            )
        return found

    def _found_order(self) -> Order | None:
        """What comes first in this file's dates of three numbers, told by those that can only be read in one way."""
        columns = {
            column
            for one in self.columns.values()
            for column in (one.of.get("published_at") or one.of.get("labelled_at"),)
            if column
        }
        if not columns:
            return None
        dates = (str(row.values.get(name) or "") for row in self.table.rows() for name in columns)
        if not any(map(is_ambiguous, islice(dates, SAMPLE))):
            return None
        orders = {
            numeric_order(str(row.values.get(name) or ""))
            for row in self.table.rows()
            for name in columns
            if row.values
        } - {None}
        return orders.pop() if len(orders) == 1 else None

    def _found_spellings(self) -> dict[str, str]:
        if "labels" not in self.columns:
            return {}
        column = self.columns["labels"].of.get("label", "label")
        return label_spellings((row.values.get(column) for row in self.table.rows()), self._reading.labels)

    def _topic_of(self, row: TableRow) -> str:
        if row.fault:
            raise BadRow("", row.fault)
        topic = self._topic or TOPIC_OF_KIND.get(str(row.values.get("kind") or "").strip().lower())
        if topic is None:
            raise BadRow("kind", f"{row.values.get('kind')!r} is none of {', '.join(TOPIC_OF_KIND)}")
        if topic not in self.columns:
            self.columns[topic] = self._columns(topic)
            self._spellings = self._found_spellings()
        return topic

    def _made(self, topic: str, row: TableRow) -> tuple[bytes, dict[str, Any]]:
        if row.raw and self.columns[topic].plain and not self._reading.labels:
            try:
                return row.raw, msgspec.to_builtins(decode(topic, row.raw))
            except InvalidMessage:
                pass  # its fields may still mean something: null for no tickers, an epoch for a date
        message = self._message(topic, row.values)
        try:
            value = msgspec.json.encode(message)
            return value, msgspec.to_builtins(decode(topic, value))
        except InvalidMessage as error:
            raise BadRow(error.field, *_remedied(error)) from error
        except UnicodeEncodeError as error:
            raise BadRow("", "it holds half of a character (a surrogate)") from error

    def _message(self, topic: str, values: Mapping[str, Any]) -> dict[str, Any]:
        of = self.columns[topic].of
        cells = {
            name: _text(name, values.get(of[name])) for name in of if not name.endswith("_at") and name != "tickers"
        }
        message: dict[str, Any] = {name: cell for name, cell in cells.items() if cell}
        long_text = "body" if topic == "news" else "text"
        if (
            topic != "labels" and long_text in of and long_text not in message
        ):  # as in answers that have one of content and description
            others = (values.get(one) for one in self._other_texts(topic, long_text))
            if text := next((one.strip() for one in others if isinstance(one, str) and one.strip()), ""):
                message[long_text] = text
        date = values.get(of.get("labelled_at" if topic == "labels" else "published_at", ""))
        if topic == "labels":
            return self._label(message, date)
        if topic == "news" and "title" not in message and "body" in message:
            message["title"] = message.pop("body")
        text_field = "title" if topic == "news" else "text"
        if topic == "comments" and (title := message.pop("title", "")):
            message["text"] = "\n".join(filter(None, (title, message.get("text"))))  # a posted link has no text
        if text_field not in message:
            raise BadRow(text_field, f"it is empty (column {of.get(text_field, '')!r})", "name another with --map")
        message["published_at"] = self._date("published_at", self._with_time(topic, date, values))
        message.setdefault("source", self.table.path.name.split(".")[0])
        if "tickers" in of:
            message["tickers"] = tickers_in(values.get(of["tickers"]))
        if "id" not in message:
            content = f"{message['source']}\n{message[text_field]}".encode("utf-8", "surrogatepass")
            message["id"] = hashlib.blake2b(content, digest_size=16).hexdigest()
        return message

    def _other_texts(self, topic: str, field: str) -> list[str]:
        """The columns of texts beside the one that is taken."""
        if topic not in self._others:
            unused = self.columns[topic].unused
            self._others[topic] = [one for one in unused if is_known(topic, (one,), field)]
        return self._others[topic]

    def _label(self, message: dict[str, Any], date: Any) -> dict[str, Any]:
        given = message.get("label", "")
        if spelled(given) not in self._spellings:
            raise BadRow(
                "label", f"{given!r} is no label; known are {what_is_known()}", f"--label {given or 'X'}=negative"
            )
        message["label"] = self._spellings[spelled(given)]
        message["labelled_at"] = self._date("labelled_at", date)
        if "document_id" in message:
            message.pop("text", None)
        if self._reading.annotator:
            message.setdefault("annotator", self._reading.annotator)
        if "annotator" not in message:
            raise BadRow("annotator", "who judged is missing", "name a column with --map annotator=COLUMN")
        return message

    def _with_time(self, topic: str, date: Any, values: Mapping[str, Any]) -> Any:
        """``date`` with the time of day, where a column of its own has that."""
        if not isinstance(date, str) or ":" in date:
            return date
        if topic not in self._times:
            self._times[topic] = [name for name in self.columns[topic].unused if folded(name) in TIMES]
        times = self._times[topic]
        time = next((str(values[name]) for name in times if values.get(name)), "")
        return f"{date} {time}" if ":" in time else date

    def _date(self, field: str, date: Any) -> str:
        if date is None or date != date or not str(date).strip() or says_nothing(str(date)):
            if self._reading.undated is None:
                raise BadRow(field, "there is no date", "--undated TIME dates such rows, --map names a column")
            return _rfc3339(self._reading.undated)
        found = parse_date(date, self._reading.zone, self._order)
        if found is None and is_ambiguous(str(date)):
            raise BadRow(field, f"{date!r} may be two days", two_days_remedy(str(date)))
        if found is None:
            raise BadRow(
                field,
                f"{str(date)[:60]!r} is no date; write 2024-01-31T12:00:00Z",
                "or name another column with --map",
            )
        return _rfc3339(found)


def tickers_in(value: Any) -> list[str]:
    """The symbols in ``value``: a list of texts or of objects with a symbol, or a text with them one after another."""
    if value is None:
        return []
    if isinstance(value, dict):
        value = [value]
    if isinstance(value, list | tuple | set):
        found = []
        for one in value:
            if isinstance(one, dict):
                one = next((one[key] for key in ("ticker", "symbol", "name", "code") if one.get(key)), "")
            found.append(str(one).strip().lstrip("$"))
    else:
        text = str(value).strip()
        if text.startswith(("[{", "{")):
            try:
                return tickers_in(msgspec.json.decode(text))
            except (msgspec.DecodeError, RecursionError):
                pass
        found = [one.lstrip("$") for one in _SYMBOL.findall(text)]
    kept = dict.fromkeys(one for one in found if one and len(one) <= LONGEST_TICKER and not says_nothing(one))
    return list(kept)[:MOST_TICKERS]


def _text(name: str, value: Any) -> str:
    if name in ("author", "source") and isinstance(value, list | tuple):
        named = [one if isinstance(one, str) else str(one["name"]) for one in value if isinstance(one, str) or (
            isinstance(one, dict) and one.get("name"))]  # fmt: skip
        if named or not value:
            return ", ".join(named)
    text = text_of(value)
    if text is None:
        raise BadRow(name, "is no text, but a list or an object", "name another column with --map")
    return "" if name != "label" and says_nothing(text) else text


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _remedied(error: InvalidMessage) -> tuple[str, str]:
    """What is wrong, and the option that mends it."""
    if error.kind == "too_large":
        return f"{error}: shorten its text", ""
    if error.kind == "absurd_date":
        return f"{error}: is it another column, or day and month the other way round?", "--map, --day-first"
    return str(error), ""
