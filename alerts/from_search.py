"""A search becomes an alert rule, as far as rules can say what it asks for.

The rule is a text for people to put into their file: which place there is right, and who is told, is theirs to decide.
"""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple, get_args

import yaml

from alerts.rules import Tone
from alerts.rules_file import read_rules
from documents import AlertKind, Linker, Search, Watchlist, shown
from documents.events import load_event_types
from errors import plural

WIDE = 100
"""Characters of a line of comments."""


class SearchRule(NamedTuple):
    """The nearest rule to a search, as an item of ``rules`` in YAML; '' where a rule can say no part of it."""

    text: str
    left_out: list[str]
    """What of the search is not in the rule, each with the reason."""
    notes: list[str]
    """How else the rule differs from the search, and what to do with it."""


class _Words(NamedTuple):
    """What the words of a search name, and those that are left."""

    entities: dict[str, str]
    """By ticker, the words that name it."""
    event_types: list[str]
    left: list[str]


def rule_from_search(
    name: str, search: Search, watchlist: Watchlist, linker: Linker, topics: Collection[str]
) -> SearchRule:
    """The rule ``name`` for ``search``, valid over ``watchlist`` and ``topics``; ``linker`` knows that watch list.

    Raises ``BadRules`` where the watch list or the taxonomy no longer has what the search asks for.
    """
    search = search._replace(entity=linker.ticker(search.entity.strip())) if search.entity else search
    words = _read(search.words, watchlist, linker)
    entities = list(dict.fromkeys([*([search.entity] if search.entity else []), *words.entities]))
    rule = {"name": name, **_about(search, entities, watchlist), **_wanted(search, words)}
    left_out, notes = list(_left_out(search, words, entities)), list(_notes(search, words, rule))
    if len(rule) == 1:
        return SearchRule("", left_out, [])
    text = yaml.safe_dump([rule], sort_keys=False, allow_unicode=True, default_flow_style=None, width=10_000)
    desks = {one.ticker: one.desk for one in watchlist.entities}
    read_rules(f"rules:\n{text}", "the rule", desks=desks, other_types=watchlist.other_types, topics=topics)
    told = [f"From the saved search {name!r}.", *(f"Not in the rule: {one}." for one in left_out), *notes]
    comments = [f"# {line}" for one in told for line in textwrap.wrap(" ".join(shown(one).split()), WIDE)]
    return SearchRule(textwrap.indent("\n".join([*comments, text]), "  "), left_out, notes)


def _read(text: str, watchlist: Watchlist, linker: Linker) -> _Words:
    """People type names without capitals, and tickers without a sign that they are ones."""
    named: dict[str, str] = {}
    rest = text
    for written in (text, text.title()):
        for match in linker.find(written) if len(written) == len(text) else ():
            if match.start >= 0 and match.ticker not in named:
                named[match.ticker] = text[match.start : match.end]
                rest = rest[: match.start] + " " * (match.end - match.start) + rest[match.end :]
    left = rest.split()
    for word in [word for word in left if word.isupper()]:
        if (ticker := linker.ticker(word)) in watchlist.by_ticker:
            named.setdefault(ticker, word)
            left.remove(word)
    types = []
    for type_ in load_event_types().names:
        said = type_.split("_")
        while place := _place_of(said, [word.lower() for word in left]):
            types.append(type_)
            left[place] = []
    return _Words(named, list(dict.fromkeys(types)), left)


def _place_of(said: list[str], words: list[str]) -> slice | None:
    """Where the words ``said`` are among ``words``, one after the other."""
    places = (slice(at, at + len(said)) for at in range(len(words)))
    return next((place for place in places if words[place] == said), None)


def _about(search: Search, entities: list[str], watchlist: Watchlist) -> dict[str, Any]:
    """The part of the rule that says whom it is about."""
    if entities:
        return {"entities": entities}
    rule: dict[str, Any] = {"desks": [search.desk]} if search.desk else {}
    if search.entity_type:
        rule["entity_types"] = [search.entity_type]
    elif search.desk:
        types = {one.entity_type for one in watchlist.entities if one.desk == search.desk}
        rule |= {"entity_types": sorted(types)} if types - {"company"} else {}
    return rule


def _wanted(search: Search, words: _Words) -> dict[str, Any]:
    """The part of the rule that says what makes an alert."""
    rule: dict[str, Any] = {}
    kinds = []
    if search.tone in get_args(Tone):
        kinds.append(AlertKind.SENTIMENT_SHIFT)
        rule["tones"] = [search.tone]
    if search.topic:
        kinds.append(AlertKind.TOPIC_SHIFT)
        rule["topics"] = [search.topic]
    if words.event_types:
        kinds.append(AlertKind.EVENT)
        rule["event_types"] = words.event_types
    elif search.tone in get_args(Tone):
        kinds.append(AlertKind.EVENT)
    return {"kinds": [str(kind) for kind in kinds], **rule} if kinds else {}


def _left_out(search: Search, words: _Words, entities: list[str]) -> Iterator[str]:
    if words.left:
        quoted = ", ".join(f'"{word}"' for word in words.left)
        which = _one_or_more(words.left, "word")
        yield f"the {which} {quoted}: rules watch sentiment, topics, events and volume, not words"
    if search.tone and search.tone not in get_args(Tone):
        yield f"the tone {search.tone}: a rule can ask for turns to negative and to positive"
    if len(entities) > 1:
        yield f"that a document names {' and '.join(entities)} together: the rule is about each of them"
    if entities and search.desk:
        yield f"the desk {search.desk}: a rule that names companies is about them, whatever their desk is"
    if entities and search.entity_type:
        yield f"that a {search.entity_type.replace('_', ' ')} is named, too: a rule is about one entity at a time"
    parts = [name for name, given in (("the topic", search.topic), ("the tone", search.tone in get_args(Tone)),
                                      ("the event", words.event_types)) if given]  # fmt: skip
    if len(parts) > 1:
        yield f"that {' and '.join(parts)} come together: the rule tells of each by itself"


def _notes(search: Search, words: _Words, rule: dict[str, Any]) -> Iterator[str]:
    for ticker, written in words.entities.items():
        yield f'"{written}" is taken for {f"the ticker {ticker}" if written == ticker else ticker}.'
    if words.event_types:
        types = f"{_one_or_more(words.event_types, 'type')} {', '.join(words.event_types)}"
        yield f"Events of the {types} count, whatever words tell of them."
    yield "A search lists documents; a rule tells when something happens, or has moved too far for chance."
    only = f", and tells nothing but {', '.join(rule['kinds'])}" if "kinds" in rule else ""
    whom = "them" if rule.keys() & {"entities", "desks", "entity_types"} else "all companies"
    yield (
        "Put it in front of the rules about the same companies: the first rule that fits a company is its only one. "
        f"There it alone decides about {whom}{only}. It names no receivers: those of the defaults are told."
    )


def _one_or_more(of: Collection[str], noun: str) -> str:
    return noun if len(of) == 1 else plural(noun)
