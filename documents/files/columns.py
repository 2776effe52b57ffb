"""Which column of a file means which field of a message, told by the column's name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from documents.files.recognising import BadFile
from documents.messages import RECEIVED

_TEXTS = (
    "body", "content", "fulltext", "text", "articletext", "articlebody", "bodytext", "fullcontent", "story", "article",
    "selftext", "contenthtml", "contenttext", "message", "description", "summary", "abstract", "excerpt", "snippet",
    "teaser", "lead", "paragraph", "leadparagraph", "subtitle", "trailtext",
)  # fmt: skip
_SHORT_TEXTS = ("summary", "abstract", "description", "lead", "excerpt", "snippet", "teaser", "subtitle")
_DATES = (
    "publishedat", "published", "publishedutc", "publishedon", "publisheddate", "datepublished", "datetimepublished",
    "pubdate", "publishdate", "publicationdate", "publishtime", "publishedtime", "timepublished", "providerpublishtime",
    "webpublicationdate", "firstpublished", "displaydate", "releasedate", "datetime", "timestamp", "date", "createdat",
    "createdutc", "created", "createdtime", "creationdate", "postedat", "posted", "postdate", "dateposted", "seendate",
    "filedat", "filingdate", "acceptancedatetime", "versioncreated", "time", "day", "updatedat", "updated",
)  # fmt: skip
_SYMBOLS = (
    "tickers", "ticker", "symbols", "symbol", "stocks", "stock", "stocksymbol", "tickersymbol", "relatedtickers",
    "relatedsymbols", "related", "instruments", "securities", "cashtags",
)  # fmt: skip
_SOURCES = (
    "source", "sourcename", "publisher", "publishername", "provider", "providername", "outlet", "site", "sitename",
    "sourcedomain", "domain", "newspaper", "agency", "publication", "feed", "feedname", "channel", "subreddit",
    "platform", "sitefull", "website", "origin",
)  # fmt: skip
_AUTHORS = (
    "author", "authorname", "username", "user", "userid", "userscreenname", "screenname", "byline", "creator", "by",
    "poster", "accountacct", "accountname", "handle", "userusername", "name",
)  # fmt: skip
_IDS = (
    "id", "guid", "uuid", "uid", "articleid", "newsid", "storyid", "docid", "documentid", "tweetid", "postid",
    "commentid", "messageid", "objectid", "idstr", "accession", "accessionnumber", "key",
)  # fmt: skip
_LANGUAGES = ("lang", "language", "languagecode", "sourcelanguage", "locale")
_URLS = (
    "url", "link", "href", "articleurl", "newsurl", "storyurl", "weburl", "permalink", "canonicalurl", "sourceurl",
    "documentidentifier", "uri", "shorturl",
)  # fmt: skip
_TITLES = (
    "title",
    "headline",
    "headlines",
    "heading",
    "newstitle",
    "articletitle",
    "newsheadline",
    "subject",
    "header",
)

MEANINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "news": {
        "id": _IDS, "source": _SOURCES, "title": _TITLES, "body": _TEXTS, "published_at": _DATES, "url": _URLS,
        "lang": _LANGUAGES, "tickers": _SYMBOLS,
    },
    "comments": {
        "id": _IDS, "source": _SOURCES, "text": ("text", "body", "comment", "tweet", "post", *_TEXTS, *_TITLES),
        "published_at": _DATES, "author": _AUTHORS,
        "in_reply_to": ("inreplyto", "inreplytoid", "parentid", "parent", "replyto", "inreplytostatusid"),
        "lang": _LANGUAGES, "tickers": _SYMBOLS,
    },
    "labels": {
        "document_id": ("documentid", "docid", "id"), 
        "text": (*_TEXTS, *_TITLES, "sentence", "phrase", "comment", "tweet"),
        "label": (
            "label", "labels", "sentiment", "sentimentlabel", "class", "polarity", "target", "judgement", "rating",
        ),
        "entity": ("entity", "company", "entityname", "aspect", *_SYMBOLS),
        "annotator": (
            "annotator", "annotatorid", "labeller", "labeler", "rater", "reviewer", "judge", "labelledby", "source",
        ),
        "labelled_at": ("labelledat", "labeledat", "annotatedat", "judgedat", *_DATES),
    },
    "companies": {
        "ticker": (
            "ticker", "symbol", "tickersymbol", "stocksymbol", "actsymbol", "nasdaqsymbol", "tidm", "epic", "code",
            "stockcode", "securitycode", "tradingsymbol", "tickers", "ric",
        ),
        "name": (
            "companyname", "company", "issuername", "issuer", "securityname", "name", "longname", "legalname", "title",
            "nameofcompany", "entityname", "instrumentname", "security", "shortname", "description",
        ),
        "exchange": ("exchange", "exchangename", "listingexchange", "primaryexchange", "exchanges", "market"),
        "mic": ("mic", "miccode", "operatingmic"),
        "isin": ("isin", "isincode", "isinnumber"),
        "figi": ("compositefigi", "figi", "shareclassfigi"),
        "lei": ("lei", "leicode", "legalentityidentifier"),
        "cik": ("cik", "cikstr", "ciknumber"),
        "sector": ("sector", "gicssector", "icbsector", "sectorname", "industrygroup", "industry", "icbindustry"),
        "country": ("country", "countryofincorporation", "domicile", "countryname", "countrycode", "hqcountry"),
        "desk": ("desk", "book", "portfolio", "coverage"),
        "aliases": ("aliases", "alias", "othernames", "alsoknownas", "aka", "brands"),
        "former": ("formernames", "formername", "previousnames", "previousname", "oldname", "formerlyknownas"),
        "renamed": ("renamed", "namechangedate", "datechanged", "datechange", "renamedat"),
        "fund": ("etf", "isetf", "fund"),
        "entity_type": ("entitytype",),
        "leads": ("leads",),
    },
    "prices": {
        "ticker": (
            "ticker", "symbol", "tickersymbol", "stocksymbol", "tic", "ric", "code", "stockcode", "instrument",
            "entity", "company", "security", "stock", "name",
        ),
        "date": (
            "date", "tradedate", "tradingdate", "tradingday", "pricedate", "quotedate", "datadate", "businessdate",
            "day", "asof", "asofdate", "datetime", "timestamp", "time",
        ),
        "close": (
            "adjclose", "adjustedclose", "closeadj", "closeadjusted", "adjcloseprice", "adjustedcloseprice",
            "adjclosingprice", "adjustedclosingprice", "adjprice", "adjustedprice", "adjlast", "totalreturnindex",
            "close", "closeprice", "closingprice", "closelast", "pxlast", "last", "lastprice", "settle",
            "settlement", "price", "prc", "value",
        ),
    },
}  # fmt: skip
"""The names that columns of each field have, in small letters and without signs; the first one counts most. Every field
of a message needs an entry."""

_PARTS = ("data", "source", "attributes", "fields", "node", "doc", "article", "item")
"""Objects around the fields of a row, whose names say nothing about the fields."""


@dataclass(frozen=True, slots=True)
class Columns:
    """``of`` names the column of each field that has one. ``unused`` are the file's other columns."""

    topic: str
    of: dict[str, str]
    unused: list[str] = field(default_factory=list)

    @property
    def plain(self) -> bool:
        """Whether every field that is used has its own name already."""
        return all(name == column for name, column in self.of.items())


def find_columns(topic: str, names: Iterable[str], given: Mapping[str, str] | None = None) -> Columns:
    """The column for each field of the messages of ``topic``, or of "companies" or "prices". ``given`` decides
    where it names a field; "" means that the field has no column.

    Raises ``BadFile`` for a field or a column that is not there.
    """
    names = list(names)
    given = given or {}
    fields = RECEIVED[topic].__struct_fields__ if topic in RECEIVED else tuple(MEANINGS[topic])
    for name, column in given.items():
        if name not in fields:
            what = "a message of" if topic in RECEIVED else "a list of"
            raise BadFile(f"{what} {topic} has no field {name!r}; it has {', '.join(fields)}")
        if column and column not in names:
            raise BadFile(f"there is no column {column!r}; there are {', '.join(names)}")
    of = {name: column for name, column in given.items() if column}
    taken = set(of.values())
    for name in fields:
        if name in given:
            continue
        column = _best(MEANINGS[topic][name], [one for one in names if one not in taken])
        if column:
            of[name] = column
            taken.add(column)
    if topic == "news" and "title" not in of and "title" not in given and "body" in of and "body" not in given:
        _title_from_texts(of, [one for one in names if one not in taken or one == of["body"]])
    taken = set(of.values())
    return Columns(topic, of, [one for one in names if one not in taken])


def _title_from_texts(of: dict[str, str], names: list[str]) -> None:
    """A file without titles: its short text is the title of its long one, or the only text is the title."""
    short = _best(_SHORT_TEXTS, [one for one in names if one != of["body"]])
    if short:
        of["title"] = short
    else:
        of["title"] = of.pop("body")


def _best(meanings: tuple[str, ...], names: list[str]) -> str:
    ranked = {meaning: rank for rank, meaning in enumerate(meanings)}
    found = []
    for place, name in enumerate(names):
        ranks = [ranked[one] for one in _readings(name) if one in ranked]
        if ranks:
            found.append((min(ranks), name.count("."), place, name))
    return min(found)[3] if found else ""


def _readings(name: str) -> list[str]:
    """What a column's name may be read as: ``source.name`` as sourcename and, at last, name of a source."""
    parts = [re.sub(r"[\W_]", "", part.lower()) for part in name.split(".")]
    while len(parts) > 1 and parts[0] in _PARTS and parts[0] != "source":
        parts = parts[1:]
    if len(parts) > 1 and parts[0] == "source" and name.startswith("_"):
        parts = parts[1:]
    return ["".join(parts)]
