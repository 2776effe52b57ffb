"""Composes the records of the week from the texts in the YAML files beside this one.

The seed is fixed: two writings are equal byte by byte. The order in which random numbers are drawn is part of that.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from deploy.demo.recorded_week.annotators import LABELLED_UNTIL, label
from deploy.demo.recorded_week.feed import OUTLETS, disguise, malformed, repeated, syndicated
from deploy.demo.recorded_week.week import MONDAY, SEED, TONES, Week, published_at

BOARDS = ("forum", "microblog", "broker-chat")
QUIET_NEWS, QUIET_COMMENTS = 7, 21
"""News and comments about a company in a quiet week."""

SLANG = 12
"""Comments about a quiet company in the forum's own words: irony, and slang that sounds like its opposite."""


def write(directory: Path) -> Week:
    """Write ``news.jsonl``, ``comments.jsonl`` and ``labels.jsonl`` into ``directory``.

    A line is the value of one Kafka record, in the order of publication; news and comments have malformed lines among
    them. Two people label documents of the first days, those in the forum's own words first.
    """
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
        self._used: set[str] = set()
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
        week.labelled = label([*self._news, *self._comments], self._tones, self._asked, labels)
        copies = syndicated(self._random, self._news, self._numbers)
        week.syndicated_copies = len(copies)
        self._news += copies
        disguise(self._random, self._comments)
        for path, records in ((week.news, self._news), (week.comments, self._comments)):
            values = [json.dumps(record, ensure_ascii=False).encode() for record in sorted(records, key=published_at)]
            once = len(values)
            values = list(repeated(self._random, values))
            week.sent_twice += len(values) - once
            for kind, value in malformed(path.stem):
                values.insert(self._random.randrange(1, len(values)), value)
                week.malformed[kind] += 1
            path.write_bytes(b"\n".join(values) + b"\n")
            week.produced += len(values)
        return week

    def _moment(self, first: datetime, last: datetime) -> datetime:
        """A random time between the two: most often in the European and American day, more seldom at the weekend."""
        while True:
            at = first + (last - first) * self._random.random()
            busy = 1.0 if 6 <= at.hour < 20 else 0.25
            if self._random.random() < busy * (0.5 if at.weekday() >= 5 else 1.0):
                return at

    def _once(self, compose: Any) -> str:
        """The first text of ``compose`` that is not in the week yet."""
        for _ in range(200):
            text = str(compose())
            if text.lower() not in self._used:
                break
        self._used.add(text.lower())
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
        """``count`` pairs (tone, time) in order of time; each three in a row have all three tones."""
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
        """Comments in the forum's own words; annotators are asked about these first."""
        texts = _load("slang")
        # A generator of its own: the rest of the week stays as it is without these comments.
        usual, self._random = self._random, random.Random(SEED + 2)
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
        """A random time between the two, more often early: people talk at once about what is new."""
        return first + (last - first) * self._random.random() ** 1.6


def _pairs(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The companies: each has two items of the list, one after the other, for its names and for what is said of it."""
    return [{**company, **said} for company, said in zip(items[::2], items[1::2], strict=True)]


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
