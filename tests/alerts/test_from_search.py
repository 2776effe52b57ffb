"""A search becomes a rule: what of it a rule can say, and what not."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from alerts import BadRules, SearchRule, doubts, rule_from_search
from alerts.rules_file import read_rules
from documents import Entity, Linker, Search, Watchlist

TOPICS = ["litigation", "fraud"]
WATCHED = Watchlist(
    [
        Entity(ticker="BA", name="Boeing", desk="industrials", sector="Tools"),
        Entity(ticker="AAPL", name="Apple", capitalised=["Apple"], desk="technology", sector="Tools"),
        Entity(ticker="ON", name="Onsemi", desk="technology", sector="Tools"),
        Entity(ticker="country:US", name="United States", desk="macro", entity_type="country"),
        Entity(ticker="currency:USD", name="Dollar", desk="macro", entity_type="currency"),
    ]
)
LINKER = Linker(WATCHED)


def made(search: Search, name: str = "mine") -> SearchRule:
    return rule_from_search(name, search, WATCHED, LINKER, TOPICS)


def rule(search: Search) -> dict[str, Any]:
    """The rule as the file has it, without its name."""
    (found,) = yaml.safe_load(f"rules:\n{made(search).text}")["rules"]
    assert found.pop("name") == "mine"
    return found


@pytest.mark.parametrize(
    ("search", "wanted"),
    [
        (Search("boeing"), {"entities": ["BA"]}),
        (Search("apple"), {"entities": ["AAPL"]}),  # which in a text would be a fruit
        (Search("ON"), {"entities": ["ON"]}),  # and this a word
        (Search("apple data breach"), {"entities": ["AAPL"], "kinds": ["event"], "event_types": ["data_breach"]}),
        (Search(entity="BA", tone="negative"), {"entities": ["BA"], "kinds": ["sentiment_shift", "event"],
                                                "tones": ["negative"]}),
        (Search(topic="fraud"), {"kinds": ["topic_shift"], "topics": ["fraud"]}),
        (Search(desk="technology"), {"desks": ["technology"]}),
        (Search(desk="macro"), {"desks": ["macro"], "entity_types": ["country", "currency"]}),
        (Search(desk="macro", entity_type="country"), {"desks": ["macro"], "entity_types": ["country"]}),
        (Search(entity_type="currency"), {"entity_types": ["currency"]}),
    ],
)  # fmt: skip
def test_what_a_rule_can_say_is_in_it(search: Search, wanted: dict[str, Any]):
    assert rule(search) == wanted and made(search).left_out == []


@pytest.mark.parametrize(
    ("search", "said"),
    [
        (Search("boeing wings"), 'the word "wings": rules watch'),
        (Search("Boeing Data Breach of Wings"), 'the words "of", "Wings": rules watch'),
        (Search("boeing", entity="AAPL"), "names AAPL and BA together: the rule is about each"),
        (Search(entity="BA", tone="neutral"), "the tone neutral"),
        (Search(entity="BA", desk="technology"), "the desk technology: a rule that names companies"),
        (Search(entity="BA", entity_type="central_bank"), "that a central bank is named, too"),
        (Search("strike", topic="fraud", tone="negative"), "the topic and the tone and the event come together"),
    ],
)
def test_what_no_rule_can_say_is_told(search: Search, said: str):
    found = made(search)
    (left_out,) = found.left_out
    assert said in left_out and found.text
    assert said in " ".join(found.text.replace("#", " ").split()), "who copies the rule must see it, too"


def test_without_anything_to_say_there_is_no_rule():
    assert made(Search("wings engines")).text == "" == made(Search()).text
    assert "wings" in made(Search("wings")).left_out[0]


def test_the_rule_is_checked_as_the_file_is():
    for search, said in (
        (Search(entity="GONE"), "no entity 'GONE'"),
        (Search(desk="gone"), "no desk 'gone'"),
        (Search(topic="gone"), "no topic 'gone'; there are fraud, litigation"),
    ):
        with pytest.raises(BadRules, match=said):
            made(search)


def test_a_ticker_is_one_in_small_letters_and_each_company_of_the_words_is_told():
    assert rule(Search(entity="aapl ")) == {"entities": ["AAPL"]}
    assert '"ON" is taken for the ticker ON.' in made(Search("ON")).notes
    assert '"boeing" is taken for BA.' in made(Search("boeing")).notes


@pytest.mark.parametrize("name", ["on", "2024-01-01", "a: b # c", "x\nrules: []", "'", '"', "\u2028\x85\x1b[2J", "中"])
def test_no_name_can_become_another_part_of_the_file(name: str):
    text = f"rules:\n{made(Search('boeing'), name).text}"
    read = read_rules(text, desks={"BA": "industrials"})
    assert [one.name for one in read.file.rules] == [name]
    assert all(line.isprintable() for line in text.split("\n"))


def test_it_goes_in_front_of_the_rules_of_a_file_and_not_behind_them():
    own, others = made(Search("boeing")).text, "  - {name: the rest}\n"
    assert doubts(read_rules(f"rules:\n{own}{others}", desks={"BA": "industrials"}), {}) == []
    (said,) = doubts(read_rules(f"rules:\n{others}{own}", desks={"BA": "industrials"}), {})
    assert "'mine' never holds" in said and "in front of the rules" in " ".join(own.replace("#", " ").split())
