"""A week of news and comments, 15 to 21 June 2020, as the demo replays it.

What happened is public record with its true dates and figures; every sentence was written for this project, the
outlets and authors are invented. ``write`` composes the records from the texts in the YAML files beside it,
with a fixed seed, so that two writings are equal byte by byte.
"""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

SEED = 20200615
MONDAY = datetime(2020, 6, 15, tzinfo=UTC)
OUTLETS = ("newswire-a", "newswire-b", "city-desk", "market-post", "the-ledger", "harbour-times", "agency-north",
           "trading-floor", "evening-bourse", "capital-letter")  # fmt: skip
BOARDS = ("forum", "microblog", "broker-chat")
TONES = ("positive", "negative", "neutral")
QUIET_NEWS, QUIET_COMMENTS = 7, 21
SLANG = 12
"""Comments a quiet company in the forum's own words: irony, and slang that sounds like its opposite."""

SYNDICATED, SENT_TWICE = 45, 45
LABELLED, LABELLED_AGAIN, SLIPS = 360, 0.25, 0.04
"""Documents with a label, the share of them that a second person labels too, and the share of hers that differ."""

# Before its event each of the three is spoken of in the general terms of quiet days (contracts, products and so on).
TURNED = {
    "WDI.DE": frozenset({"fraud and accounting", "debt and liquidity", "management", "litigation", "regulation"}),
    "LLY": frozenset({"product"}),
    # T-Mobile's owner and the company it merged with are named in the stories of the stake.
    **dict.fromkeys(("TMUS", "DTE.DE", "S"), frozenset({"ownership", "share offering", "mergers and acquisitions"})),
}

LABELLED_UNTIL = MONDAY + timedelta(days=2)


@dataclass
class Week:
    """The files, and what is in them."""

    news: Path
    comments: Path
    labels: Path
    produced: int = 0
    malformed: Counter[str] = field(default_factory=Counter)
    syndicated_copies: int = 0
    sent_twice: int = 0
    companies: int = 0
    labelled: int = 0
    shifts: frozenset[tuple[str, str]] = frozenset({("WDI.DE", "negative"), ("LLY", "positive")})
    """(entity, direction) of what an alert must be raised about, and nothing else."""
    topics: Mapping[str, frozenset[str]] = field(default_factory=lambda: TURNED)
    """What the talk about an entity turns to or from; a topic alert about anything else is wrong."""

    @property
    def malformed_count(self) -> int:
        """Lines that are no message."""
        return self.malformed.total()


def write(directory: Path) -> Week:
    """Write ``news.jsonl``, ``comments.jsonl`` and ``labels.jsonl`` into ``directory``: one Kafka record value a line,
    in the order of publication, malformed ones among the first two. Two people label documents of the first days, those
    in the forum's own words first."""
    return _Composer().write(directory)


def _lines(text: str | None) -> list[str]:
    return [line.strip() for line in (text or "").splitlines() if line.strip()]


def _load(name: str) -> Any:
    return yaml.safe_load((resources.files(__package__) / f"{name}.yaml").read_text(encoding="utf-8"))


class _Composer:
    def __init__(self) -> None:
        self._random = random.Random(SEED)
        self._news: list[dict[str, Any]] = []
        self._comments: list[dict[str, Any]] = []
        self._numbers = itertools.count(1)
        self._told: set[str] = set()
        self._tones: dict[str, str] = {}
        self._asked: set[str] = set()
        self._texts, self._talk = _load("news"), _load("comments")
        authors = self._talk["authors"]
        self._authors = [f"{a}_{b}" for a in authors["first"].split() for b in authors["second"].split()]
        self._random.shuffle(self._authors)

    def write(self, directory: Path) -> Week:
        quiet = _pairs(_load("companies"))
        self._names = [company["name"] for company in quiet]
        for company in quiet:
            self._quiet(company, MONDAY, MONDAY + timedelta(days=7), 1.0)
        for name in ("wirecard", "eli_lilly", "t_mobile"):
            self._event(_load(name))
        for pair in _lines(self._talk["pairs"]) * 2:
            good, bad = self._random.sample(self._names, 2)
            self._comment(pair.format(c=good, d=bad), self._moment(MONDAY, MONDAY + timedelta(days=7)))
        self._slang(quiet)
        news, comments, labels = (directory / f"{name}.jsonl" for name in ("news", "comments", "labels"))
        week = Week(news, comments, labels, companies=len(quiet) + 3)
        self._label(week)
        self._syndicate(week)
        self._disguise()
        for path, records in ((week.news, self._news), (week.comments, self._comments)):
            values = [json.dumps(record, ensure_ascii=False).encode() for record in sorted(records, key=_published)]
            values = list(self._repeat(values, week))
            for kind, value in _malformed(path.stem):
                values.insert(self._random.randrange(1, len(values)), value)
                week.malformed[kind] += 1
            path.write_bytes(b"\n".join(values) + b"\n")
            week.produced += len(values)
        return week

    def _moment(self, first: datetime, last: datetime) -> datetime:
        """A time between the two; most in the European and American day, fewer at the weekend."""
        while True:
            at = first + (last - first) * self._random.random()
            busy = 1.0 if 6 <= at.hour < 20 else 0.25
            if self._random.random() < busy * (0.5 if at.weekday() >= 5 else 1.0):
                return at

    def _once(self, compose: Any) -> str:
        """The first text of ``compose`` that was not told before."""
        for _ in range(200):
            text = str(compose())
            if text.lower() not in self._told:
                break
        self._told.add(text.lower())
        return text

    def _story(self, title: str, body: str, at: datetime, tickers: list[str] | None = None, tone: str = "") -> None:
        number = next(self._numbers)
        record: dict[str, Any] = {
            "id": f"n{number:05}",
            "source": self._random.choice(OUTLETS),
            "title": title,
            "body": body,
            "url": f"https://news.example.com/2020/06/{number}",
            "published_at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        }
        if tickers:
            record["tickers"] = tickers
        if tone:
            self._tones[record["id"]] = tone
        self._news.append(record)

    def _comment(self, text: str, at: datetime, lang: str | None = None, tone: str = "") -> None:
        record: dict[str, Any] = {
            "id": f"c{next(self._numbers):05}",
            "source": self._random.choice(BOARDS),
            "text": text,
            "author": self._random.choice(self._authors[:180]),
            "published_at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        }
        if lang:
            record["lang"] = lang
        if tone:
            self._tones[record["id"]] = tone
        if self._comments and self._random.random() < 0.15:
            record["in_reply_to"] = self._random.choice(self._comments)["id"]
        self._comments.append(record)

    def _called(self, company: dict[str, Any]) -> str:
        symbol = company["ticker"].split(".")[0]
        return self._random.choice([company["name"], company["name"], company["name"].lower(), f"${symbol}"])

    def _balanced(self, count: int, first: datetime, last: datetime) -> Iterator[tuple[str, datetime]]:
        """``count`` (tone, time) pairs, in order of time, every tone once in each run of three."""
        tones: list[str] = []
        while len(tones) < count:
            tones += self._random.sample(TONES, 3)
        yield from zip(tones, sorted(self._moment(first, last) for _ in range(count)), strict=False)

    def _quiet(self, company: dict[str, Any], first: datetime, last: datetime, share: float) -> None:
        pick, texts, talk = self._random.choice, self._texts, self._talk
        topics = [topic.strip() for topic in company["topics"].split("|")]

        def filled(lines: str) -> str:
            topic, sector = pick(topics), company["sector"]
            names = {"n": company["name"], "s": sector, "s_": _capital(sector), "t": topic, "t_": _capital(topic)}
            others = [name for name in self._names if name != company["name"]]
            return pick(_lines(lines)).format(**names, c=self._called(company), d=pick(others))

        for tone, at in self._balanced(round(QUIET_NEWS * share), first, last):
            parts = texts[tone]
            title = self._once(lambda parts=parts: filled(parts["headlines"]))
            body = " ".join([filled(parts["leads"]), filled(parts["details"]), filled(texts["closers"])])
            tickers = [company["ticker"]] if self._random.random() < 0.1 else None
            self._story(title, body, at, tickers, tone)
        for tone, at in self._balanced(round(QUIET_COMMENTS * share), first, last):
            if self._random.random() < 0.06:
                lang = pick(sorted(talk["foreign"]))
                self._comment(self._once(lambda lang=lang, tone=tone: filled(talk["foreign"][lang][tone])), at, lang)
                continue
            text = self._once(lambda tone=tone: self._said(filled(talk[tone]["cores"]), talk[tone], talk))
            self._comment(text, at, tone=tone)
        for line in _lines(company.get("facts")):
            when, title, body = (part.strip() for part in line.split("|", 2))
            day, clock = when.split()
            hour, minute = clock.split(":")
            at = MONDAY + timedelta(days=int(day) - 15, hours=int(hour), minutes=int(minute))
            if first <= at < last:
                self._story(title, body, at)
        for line in _lines(company.get("talk")):
            day, _, text = line.split(maxsplit=2)
            start = MONDAY + timedelta(days=int(day) - 15, hours=13)
            self._comment(text, self._moment(start, start + timedelta(hours=10)))

    def _slang(self, companies: list[dict[str, Any]]) -> None:
        """Like ``_quiet``, in other words; these are what the annotators are asked about first."""
        texts = _load("slang")
        usual, self._random = self._random, random.Random(SEED + 2)  # of its own: the rest of the week is as without it
        for company in companies:
            topics = [topic.strip() for topic in company["topics"].split("|")]
            early = self._balanced(SLANG // 2, MONDAY, LABELLED_UNTIL)
            later = self._balanced(SLANG - SLANG // 2, LABELLED_UNTIL, MONDAY + timedelta(days=7))
            for tone, at in itertools.chain(early, later):

                def composed(tone: str = tone, company: dict[str, Any] = company, topics: list[str] = topics) -> str:
                    core = self._random.choice(_lines(texts[tone]))
                    return core.format(c=self._called(company), t=self._random.choice(topics))

                self._comment(self._once(composed), at, tone=tone)
                self._asked.add(self._comments[-1]["id"])
        self._random = usual

    def _said(self, core: str, tone: dict[str, Any], common: dict[str, Any]) -> str:
        pick = self._random.choice
        opening = f"{pick(_lines(common['openings']))} " if self._random.random() < 0.6 else ""
        ending = f" {pick(_lines(tone['endings']))}" if self._random.random() < 0.6 else ""
        stop = "" if core[-1] in ".!?" or not ending else self._random.choice([".", "!", " -"])
        return f"{opening}{core}{stop}{ending}"

    def _event(self, event: dict[str, Any]) -> None:
        company = {**event["company"], "topics": event["topics"]}
        end = MONDAY + timedelta(days=7)
        for first, last in ((MONDAY, event.get("quiet_until")), (event.get("quiet_from"), end)):
            if first and last:
                share = (last - first) / timedelta(days=7)
                self._quiet(company, first, last, share * 1.6)
        for phase in event["phases"]:
            self._phase(company, phase)

    def _phase(self, company: dict[str, Any], phase: dict[str, Any]) -> None:
        pick, first, last = self._random.choice, phase["from"], phase["to"]
        for _ in range(phase["news"]):
            title = self._once(lambda: pick(_lines(phase["headlines"])))
            body = " ".join([pick(_lines(phase["leads"])), *self._random.sample(_lines(phase["details"]), 2)])
            self._story(title, body, self._soon(first, last))
        german = _lines(phase.get("foreign"))
        for _ in range(phase["comments"]):
            at = self._soon(first, last)
            if german and self._random.random() < 0.06:
                self._comment(pick(german).format(c=self._called(company)), at, "de")
                continue
            core = pick(_lines(phase["cores"]))
            self._comment(
                self._once(lambda core=core: self._said(core.format(c=self._called(company)), phase, phase)), at
            )

    def _soon(self, first: datetime, last: datetime) -> datetime:
        """A time between the two, more likely early: what is new is talked about at once."""
        return first + (last - first) * self._random.random() ** 1.6

    def _syndicate(self, week: Week) -> None:
        """Stories that other outlets carry minutes later, word for word or nearly."""
        for story in self._random.sample(self._news, SYNDICATED):
            others = [outlet for outlet in OUTLETS if outlet != story["source"]]
            for outlet in self._random.sample(others, self._random.randint(1, 9)):
                at = datetime.fromisoformat(story["published_at"]) + timedelta(minutes=self._random.randint(1, 90))
                ending = self._random.choice(["", "", " (with agency material)", " - reported by agencies"])
                copy = {**story, "id": f"n{next(self._numbers):05}", "source": outlet}
                copy |= {"body": story["body"] + ending, "published_at": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
                self._news.append(copy)
                week.syndicated_copies += 1

    def _label(self, week: Week) -> None:
        """What the risk team's annotators say of comments and stories, each an hour or more after it was published."""
        chance = random.Random(SEED + 1)  # of its own, so that the week does not change with it
        early = [
            record
            for record in sorted([*self._news, *self._comments], key=_published)
            if record["id"] in self._tones and record["published_at"] < f"{LABELLED_UNTIL:%Y-%m-%d}"
        ]
        chance.shuffle(early)
        early.sort(key=lambda record: record["id"] not in self._asked)
        rows = []
        for record in early[:LABELLED]:
            tone = self._tones[record["id"]]
            at = datetime.fromisoformat(record["published_at"]) + timedelta(minutes=chance.randint(60, 300))
            judgements = [("anna", tone)]
            if chance.random() < LABELLED_AGAIN:
                judgements.append(("ben", chance.choice(TONES) if chance.random() < SLIPS else tone))
            for annotator, label in judgements:
                rows.append({"document_id": record["id"], "label": label, "annotator": annotator,
                             "labelled_at": f"{at:%Y-%m-%dT%H:%M:%SZ}"})  # fmt: skip
        rows.sort(key=lambda row: row["labelled_at"])
        week.labels.write_text("".join(json.dumps(row) + "\n" for row in rows))
        week.labelled = len(rows)

    def _disguise(self) -> None:
        """What texts from the web bring along: markup, invisible characters, look-alike letters, personal data."""
        personal = (
            "mail me: {n}@mail.example.com", "call 555-014-{n:04}", "card 4111 1111 1111 1111, never again",
            "Tel. +49 30 5550{n:04}",
        )  # fmt: skip
        for number, record in enumerate(self._random.sample(self._comments, 120)):
            text = record["text"]
            match number % 5:
                case 0:
                    text = f"<p>{text.replace('&', '&amp;')}</p><br/>"
                case 1:
                    text = text.replace("a", "a\u200b", 2)
                case 2:
                    text = text.replace("e", "\u0435", 1).replace("o", "\u043e", 1)
                case 3:
                    text = f"{text}\n\n  &#128640;\u00a0"
                case _:
                    text = f"{text} {personal[number // 5 % len(personal)].format(n=number)}"
            record["text"] = text

    def _repeat(self, values: list[bytes], week: Week) -> Iterator[bytes]:
        """``values`` with some sent again, at once or a little later, as a producer's retry does."""
        chosen = set(self._random.sample(range(len(values)), SENT_TWICE // 2 + 1))
        later: list[tuple[int, bytes]] = []
        for i, value in enumerate(values):
            yield value
            if i in chosen:
                later.append((i + self._random.choice([0, 0, 3, 20]), value))
                week.sent_twice += 1
            while later and later[0][0] <= i:
                yield later.pop(0)[1]
        yield from (value for _, value in later)


def _published(record: dict[str, Any]) -> str:
    return str(record["published_at"])


def _pairs(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The companies: who it is and what is said of it stand in two items of the list, one after the other."""
    return [{**company, **said} for company, said in zip(items[::2], items[1::2], strict=True)]


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _malformed(topic: str) -> Iterator[tuple[str, bytes]]:
    """(kind of error, bytes) of lines that are no message of ``topic``."""
    text = b"title" if topic == "news" else b"text"
    whole = b'{"id": "x%d", "source": "newswire-a", "' + text + b'": "%s", "published_at": "%s"}'
    day = b"2020-06-17T10:00:00Z"
    yield "not_json", b"<html><body>502 Bad Gateway</body></html>"
    yield "not_json", b"id=17;text=hello"
    yield "not_json", whole[:40]
    yield "not_json", b'{"id": "x", "source": '
    yield "invalid", b"{}"
    yield "invalid", b"[]"
    yield "invalid", b'{"id": "x1", "source": "newswire-a", "published_at": "2020-06-17T10:00:00Z"}'
    yield (
        "invalid",
        b'{"id": 12, "source": "newswire-a", "' + text + b'": "A number as id", "published_at": "' + day + b'"}',
    )
    yield "invalid", whole % (2, b"No time zone", b"2020-06-17T10:00:00")
    yield "invalid", whole % (3, b"A date in words", b"last Wednesday")
    yield "empty_text", whole % (4, b"   ", day)
    yield "empty_text", whole % (5, b"<p></p>&nbsp;", day)
    yield "absurd_date", whole % (6, b"Before there was a market", b"0620-06-17T10:00:00Z")
    yield "absurd_date", whole % (7, b"From the far future", b"2999-06-17T10:00:00Z")
    yield "encoding", whole % (8, "Münchner Börse".encode("latin-1"), day)
    yield "too_large", whole % (9, b"word " * 220_000, day)
