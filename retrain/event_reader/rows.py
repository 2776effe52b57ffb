"""Pairs of a text and a company in it, from the data folder, without sets that may not train what ships."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from documents import Linker, load_watchlist, naming, normalise

OPEN_SETS = (
    "train/sentfin", "train/tfns", "train_2/events_en_twitter_topic", "train_2/events_zh_fewfc",
)  # fmt: skip
"""Sets whose licence, as stated, allows a model that ships."""

UNCLEAR_SETS = (
    "stream/comments_reddit_2022_2024", "stream/news_benzinga_A_2009_2020", "stream/news_finviz_nasdaq100_2022_2023",
    "stream/news_reuters_guardian_cnbc_2017_2020", "stream/news_tsla_2022", "stream/tweets_stocknet_2014_2016",
    "stream/tweets_tsla_2021_2022", "stream/zh_unlabelled", "train/finentity", "train/fiqa", "train/semeval",
    "train/zh_news", "train/zh_finnsp", "train_2/events_en_sentivent", "train_2/events_en_sentifm", "train_2/sentivent",
    "train_2/sentifm", "train_2/events_zh_ccks2019", "train_2/events_zh_dueefin", "train_2/events_zh_finnl",
    "train_2/cfsc", "train_2/pyfin_tweets",
)  # fmt: skip
"""Sets whose licence is not stated. The data card lists them; ``--open-only`` trains without them."""

SETS = OPEN_SETS + UNCLEAR_SETS
MOST_CHARACTERS = 700
ONE_IN = {"stream/tweets_stocknet_2014_2016": 8, "stream/tweets_tsla_2021_2022": 3, "train_2/pyfin_tweets": 2}
"""Of these sets only one row in so many is read: they have few events."""

_LEAD = re.compile(
    r"^((?:[A-Z][\w&.\-]*[A-Za-z&][\w&.\-]*\s){1,3}?)(?:'s\s)?"
    r"(?=(?:[a-z]+s|to|in|says|files|halts|sued|cut|hit|shares|stock|profit|sales|recalls|faces|under|plans|ceo|chief|will|wins|agrees|names)\b)"
)
_CHINESE_LEAD = re.compile(r"^(?:\u3010)?([\u4e00-\u9fffA-Za-z0-9*\-]{2,8})(?:\(\d{6}\))?[:\uff1a]")
_NO_COMPANY = re.compile(
    r"\u516c\u544a|\u5feb\u8baf|\u65e5|\u70b9|\u5e02|\u80a1"
    r"|\u636e|\u673a\u6784|\u8bc1\u5238|\u65b0\u95fb|\u4e13\u5bb6|\u592e\u884c|\u6570\u636e|\u5206\u6790"
)
# fmt: off
_PLACES = frozenset([
    "a", "america", "american", "an", "analysis", "are", "as", "asia", "asian", "at", "australia", "boj", "brazil",
    "breaking", "brief", "britain", "british", "california", "canada", "china", "chinese", "column", "congress",
    "court", "doj", "dollar", "ecb", "eu", "euro", "europe", "european", "exclusive", "factbox", "fda", "fed", "for",
    "france", "french", "ftc", "german", "germany", "global", "gold", "greece", "greek", "hong", "house", "how",
    "if", "in", "india", "indian", "iran", "iraq", "is", "italian", "italy", "japan", "japanese", "judge", "kong",
    "korea", "live", "mexico", "new", "north", "oil", "on", "opec", "russia", "russian", "saudi", "sec", "senate",
    "south", "spain", "spanish", "stocks", "swiss", "the", "timeline", "trump", "turkey", "uk", "update", "us",
    "wall", "what", "when", "where", "white", "who", "why", "world", "york",
])
# fmt: on


class Pair(NamedTuple):
    """A text and the ``surface`` that names a company in it."""

    dataset: str
    row: str
    surface: str
    text: str
    language: str


def pairs(data: Path, sets: Sequence[str] = SETS, only: set[str] | None = None, one_in: int = 1) -> Iterator[Pair]:
    """The pairs of ``sets`` in the folder ``data``, of one row in ``one_in``; with ``only``, those of the rows with
    these identities, whole."""
    linker = Linker(load_watchlist())
    csv.field_size_limit(10**8)
    for dataset in sets:
        with gzip.open(data / f"{dataset}.csv.gz", "rt", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                draw = crc32(row["id"].encode()) % (ONE_IN.get(dataset, 1) * one_in)
                chosen = draw == 0 if only is None else row["id"] in only
                if not chosen or row["lang"] not in ("en", "zh"):
                    continue
                text = normalise(row["text"])
                if 12 <= len(text) <= MOST_CHARACTERS or only is not None:
                    for surface in _surfaces(linker, row, text):
                        yield Pair(dataset, row["id"], surface, text, row["lang"])


def _surfaces(linker: Linker, row: dict[str, str], text: str) -> list[str]:
    """The names of companies as ``text`` has them: the set's own entity, cashtags, companies of the watch list, and
    where there is none, the name that a headline begins with."""
    found: list[str] = []
    entity, tickers = normalise(row["entity"] or ""), (row["ticker"] or "").split()
    if len(entity) > 1 and (match := naming(entity).search(text)):
        found.append(match.group())
    for ticker in [*tickers, *([entity] if 0 < len(entity) < 6 else [])]:
        if match := re.search(r"\$" + re.escape(ticker) + r"(?!\w)", text, re.IGNORECASE):
            found.append(match.group())
    for one in linker.find(text, tickers):
        name = one.surface.lower()
        if one.start >= 0 and not any(name in other.lower() or other.lower() in name for other in found):
            found.append(one.surface)
    if not found and (match := (_LEAD if row["lang"] == "en" else _CHINESE_LEAD).match(text)):
        name = match.group(1).strip()
        if not ({name.lower(), name.split()[0].lower().strip(".")} & _PLACES or _NO_COMPANY.search(name)):
            found.append(name)
    return list(dict.fromkeys(found))
