"""What people call the columns of their files, by what is in them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from documents.files.languages import IN_OTHER_LANGUAGES as _IN
from documents.files.money import unit_of_column

_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"})
"""Letters whose accents are a part of them."""

_TEXTS = (
    "body", "content", "fulltext", "text", "articletext", "articlebody", "bodytext", "fullcontent", "story", "article",
    "selftext", "contenthtml", "contenttext", "message", "description", "summary", "abstract", "excerpt", "snippet",
    "teaser", "lead", "paragraph", "leadparagraph", "subtitle", "trailtext", "contentrendered", "storytext",
    "commenttext", "textdisplay", "textoriginal", *_IN["text"],
)  # fmt: skip
_SHORT_TEXTS = (
    "summary", "abstract", "description", "lead", "excerpt", "snippet", "teaser", "subtitle", "Zusammenfassung",
    "Kurztext", "Beschreibung", "Résumé", "Resumen", "Descripción", "Riassunto", "Resumo", "Samenvatting",
    "Streszczenie", "Özet", "摘要", "概要", "要約", "요약",
)  # fmt: skip
_DATES = (
    "publishedat", "published", "publishedutc", "publishedon", "publisheddate", "datepublished", "datetimepublished",
    "pubdate", "dategmt", "publishdate", "publicationdate", "publishtime", "publishedtime", "timepublished",
    "providerpublishtime", "webpublicationdate", "firstpublished", "displaydate", "releasedate", "datetime",
    "timestamp", "date", "createdat",
    "createdutc", "created", "createdtime", "creationdate", "postedat", "posted", "postdate", "dateposted", "seendate",
    "filedat", "filingdate", "acceptancedatetime", "versioncreated", "time", "day", "updatedat", "updated",
    *_IN["date"],
)  # fmt: skip
_SYMBOLS = (
    "tickers", "ticker", "symbols", "symbol", "stocks", "stock", "stocksymbol", "tickersymbol", "relatedtickers",
    "relatedsymbols", "related", "instruments", "securities", "cashtags", "tickersentiment", "entities", *_IN["symbol"],
)  # fmt: skip
_SOURCES = (
    "source", "sourcename", "publisher", "publishername", "provider", "providername", "outlet", "site", "sitename",
    "sourcedomain", "domain", "newspaper", "agency", "publication", "feed", "feedname", "channel", "subreddit",
    "platform", "sitefull", "website", "origin", "sourcetitle", "providerdisplayname", "publicationname", "sourceid",
    *_IN["source"],
)  # fmt: skip
_AUTHORS = (
    "author", "authorname", "username", "user", "userid", "userscreenname", "screenname", "byline", "creator", "by",
    "poster", "accountacct", "accountname", "handle", "userusername", "authorhandle", "authordisplayname", "name",
    *_IN["author"],
)  # fmt: skip
_IDS = (
    "id", "guid", "uuid", "uid", "articleid", "newsid", "storyid", "docid", "documentid", "tweetid", "postid",
    "commentid", "messageid", "objectid", "idstr", "accession", "accessionnumber", "key", *_IN["id"],
)  # fmt: skip
_LANGUAGES = ("lang", "language", "languagecode", "sourcelanguage", "locale", *_IN["lang"])
_URLS = (
    "url", "link", "href", "articleurl", "newsurl", "storyurl", "weburl", "permalink", "canonicalurl", "sourceurl",
    "documentidentifier", "uri", "shorturl", "canonicalurlurl", *_IN["url"],
)  # fmt: skip
_TITLES = (
    "title", "headline", "headlines", "heading", "newstitle", "articletitle", "newsheadline", "subject", "header",
    "headlinemain", "webtitle", "titlerendered", *_IN["title"],
)  # fmt: skip

_HEADLINES = tuple(one for one in _TITLES if one not in ("subject", "header", "heading"))
"""Where a text is scored or read with its title, and no option names another column: a subject may be a category."""

_SAID: dict[str, dict[str, tuple[str, ...]]] = {
    "news": {
        "id": _IDS, "source": _SOURCES, "title": _TITLES, "body": _TEXTS, "published_at": _DATES, "url": _URLS,
        "lang": _LANGUAGES, "tickers": _SYMBOLS,
    },
    "comments": {
        "id": _IDS, "source": _SOURCES,
        "text": ("text", "body", "comment", "tweet", "post", *_IN["comment"], *_TEXTS, *_TITLES),
        "published_at": _DATES, "author": _AUTHORS,
        "in_reply_to": ("inreplyto", "inreplytoid", "parentid", "parent", "replyto", "inreplytostatusid"),
        "lang": _LANGUAGES, "tickers": _SYMBOLS, "title": ("title", "subject", *_IN["title"]),
    },
    "texts": {
        "id": _IDS, "title": _HEADLINES,
        "text": ("text", *_TEXTS, "comment", "tweet", "sentence", "phrase", *_IN["comment"]),
        "body": ("body",), "entity": ("entity",), "lang": _LANGUAGES,
    },
    "events": {
        "text": ("text", *_TEXTS, "sentence", *_IN["comment"]), "title": _HEADLINES,
        "entity": ("entity", "company", "entityname", "companyname", "name", *_IN["company"], *_SYMBOLS),
    },
    "labels": {
        "document_id": ("documentid", "docid", "id"),
        "text": (*_TEXTS, *_TITLES, "sentence", "phrase", "comment", "tweet", *_IN["comment"]),
        "label": (
            "label", "labels", "sentiment", "sentimentlabel", "class", "polarity", "target", "judgement", "rating",
            *_IN["label"],
        ),
        "entity": ("entity", "company", "entityname", "aspect", *_IN["company"], *_SYMBOLS),
        "annotator": (
            "annotator", "annotatorid", "labeller", "labeler", "rater", "reviewer", "judge", "labelledby", "source",
        ),
        "labelled_at": ("labelledat", "labeledat", "annotatedat", "judgedat", *_DATES),
    },
    "companies": {
        "ticker": (
            "ticker", "symbol", "tickersymbol", "stocksymbol", "actsymbol", "nasdaqsymbol", "tidm", "epic", "code",
            "stockcode", "securitycode", "tradingsymbol", "tickers", "ric", *_IN["symbol"],
        ),
        "name": (
            "companyname", "company", "issuername", "issuer", "securityname", "name", "longname", "legalname", "title",
            "nameofcompany", "entityname", "instrumentname", "security", "shortname", "description", *_IN["company"],
        ),
        "exchange": ("exchange", "exchangename", "listingexchange", "primaryexchange", "exchanges", "market",
                     *_IN["exchange"]),
        "mic": ("mic", "miccode", "operatingmic"),
        "isin": ("isin", "isincode", "isinnumber"),
        "figi": ("compositefigi", "figi", "shareclassfigi"),
        "lei": ("lei", "leicode", "legalentityidentifier"),
        "cik": ("cik", "cikstr", "ciknumber"),
        "sector": ("sector", "gicssector", "icbsector", "sectorname", "industrygroup", "industry", "icbindustry",
                   *_IN["sector"]),
        "country": ("country", "countryofincorporation", "domicile", "countryname", "countrycode", "hqcountry",
                    *_IN["country"]),
        "desk": ("desk", "book", "portfolio", "coverage", *_IN["desk"]),
        "aliases": ("aliases", "alias", "othernames", "alsoknownas", "aka", "brands"),
        "former": ("formernames", "formername", "previousnames", "previousname", "oldname", "formerlyknownas"),
        "renamed": ("renamed", "namechangedate", "datechanged", "datechange", "renamedat"),
        "fund": ("etf", "isetf", "fund"),
        "asset_class": ("assetclass", "assettype", "securitytype", "instrumenttype"),
        "entity_type": ("entitytype",),
        "leads": ("leads",),
    },
    "prices": {
        "ticker": (
            "ticker", "symbol", "tickersymbol", "stocksymbol", "tic", "ric", "code", "stockcode", "instrument",
            "entity", "company", "security", "stock", "isin", "cusip", "sedol", "identifier", "name",
            *_IN["symbol"], *_IN["company"],
        ),
        "date": (
            "date", "tradedate", "tradingdate", "tradingday", "pricedate", "quotedate", "datadate", "businessdate",
            "day", "asof", "asofdate", "datetime", "timestamp", "time", *_IN["date"], *_IN["as_of"],
        ),
        "close": (
            "adjclose", "adjustedclose", "closeadj", "closeadjusted", "adjcloseprice", "adjustedcloseprice",
            "adjclosingprice", "adjustedclosingprice", "adjprice", "adjustedprice", "adjlast", "totalreturnindex",
            *_IN["adjusted_close"],
            "close", "closeprice", "priceclose", "closingprice", "closelast", "pxlast", "last", "lastprice", "settle",
            "settlement", "price", "prc", "shareprice", "stockprice", "value", *_IN["close"],
        ),
    },
    "positions": {
        "desk": ("desk", "book", "portfolio", "strategy", "fund", "account", *_IN["desk"]),
        "entity": (
            "entity", "ticker", "symbol", "tickersymbol", "bloombergticker", "bbgticker", "ric", "company",
            "companyname", "issuer", "issuername", "security", "securityname", "instrument", "stock", "isin",
            "isincode", "cusip", "sedol", "identifier", "name", *_IN["symbol"], *_IN["company"],
        ),
        "value": (
            "value", "exposure", "marketvalue", "mktvalue", "mktval", "mv", "positionvalue", "amount", "notional",
            *_IN["value"],
        ),
        "quantity": ("quantity", "qty", "shares", "units", "sharesheld", *_IN["quantity"]),
        "price": ("price", "lastprice", "marketprice", "pxlast", "close", *_IN["price"]),
        "currency": ("currency", "ccy", "crncy", "curr", "currencycode", *_IN["currency"]),
        "as_of": (
            "asof", "asofdate", "positiondate", "valuationdate", "businessdate", "reportdate", "date", "at",
            *_IN["as_of"], *_IN["date"],
        ),
    },
}  # fmt: skip


def folded(name: str) -> str:
    """``name`` in small letters, without accents and signs."""
    letters = unicodedata.normalize("NFKD", name.casefold().translate(_LETTERS))
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFC", re.sub("[\u0300-\u036f]", "", letters)))


SHORT_TEXTS = tuple(map(folded, _SHORT_TEXTS))

MEANINGS = {
    kind: {name: tuple(dict.fromkeys(map(folded, names))) for name, names in fields.items()}
    for kind, fields in _SAID.items()
}
"""The names that columns of each field have, folded; the first one counts most. Every field of a message needs an
entry; "texts" are those of a file that is scored, "events" of one that is read for events."""

_PARTS = ("data", "source", "attributes", "fields", "node", "doc", "article", "item", "content", "record", "post",
          "snippet", "toplevelcomment", "properties", "meta", "metadata")  # fmt: skip
"""Objects around the fields of a row, whose names say nothing about the fields."""


def readings(name: str) -> list[str]:
    """What a column's name may be read as: ``source.name`` as sourcename, ``data.title`` as title, ``Value (USD)`` as
    value. ``date.$date``, as MongoDB exports it, is date."""
    parts = whole = [folded(part) for part in name.split(".") if not part.startswith("$")] or [folded(name)]
    while len(parts) > 1 and parts[0] in _PARTS and (parts[0] != "source" or name.startswith("_")):
        parts = parts[1:]
    plain, _ = unit_of_column(name)
    return ["".join(whole), "".join(parts), *([folded(plain)] if plain != name else [])]


KNOWN = frozenset(one for fields in MEANINGS.values() for names in fields.values() for one in names)
"""The names of all columns."""

_SUMS = """
    total, totals, grand total, sum, subtotal, Summe, Gesamt, Gesamtsumme, Insgesamt, Zwischensumme, Total général,
    Totale, Suma, Totaal, Razem, Summa, Toplam, Итого, 合计, 总计, 合計, 總計, 합계, 총계
"""
TOTALS = frozenset(map(folded, _SUMS.split(",")))
"""What the first cell of a row of sums says."""

TIMES = frozenset(map(folded, ("time", "hour", *_IN["time"])))
"""The names of columns with the time of day, beside one with the day."""


def is_known(kind: str, names: Iterable[str], *fields: str) -> bool:
    """Whether one of ``names`` is that of a column of one of these fields."""
    known = {one for field in fields for one in MEANINGS[kind][field]}
    return any(known.intersection(readings(name)) for name in names)
