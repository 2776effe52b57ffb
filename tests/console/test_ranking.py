"""The personal order: what moves a document up, and that every rank says why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from console.ranking import Act, Candidate, Interests, Person, Ranked, interests, rank
from console.ranking.order import OF_ONE_COMPANY

NOW = datetime(2024, 1, 31, 12, tzinfo=UTC)


def candidate(name: str, entity: str = "A", **more: object) -> Candidate:
    given = {"published_at": NOW - timedelta(hours=1), "sentiment": 0.0, "novelty": 50.0, "topics": ()} | more
    return Candidate(name, entity, **given)  # type: ignore[arg-type]


def order(candidates: list[Candidate], person: Person | None = None) -> list[str]:
    return [one.candidate.document_id for one in rank(candidates, person or Person(), NOW)]


@pytest.mark.parametrize(
    ("person", "better"),
    [
        (Person(desk={"B"}), {}),
        (Person(exposure={"B": 5e6}), {}),
        (Person(exposure={"A": 1e6, "B": 5e6}), {}),
        (Person(), {"event": "fraud", "severity": 4}),
        (Person(), {"sentiment": -0.9}),
        (Person(), {"novelty": 100.0}),
        (Person(), {"published_at": NOW}),
        (Person(companies=Interests({"B": 2.0}, {"B": 4}, -0.5)), {}),
        (Person(topics=Interests({"litigation": 2.0}, {"litigation": 4}, -0.5)), {"topics": ("litigation",)}),
    ],
)
def test_each_part_moves_a_document_up(person: Person, better: dict[str, object]) -> None:
    assert order([candidate("first"), candidate("second", "B", **better)], person) == ["second", "first"]


def test_reasons_add_up_to_the_score_and_are_said_in_words() -> None:
    person = Person(
        {"A"}, {"A": 2e6, "B": 5e6}, Interests({"A": 1.5}, {"A": 3}, -1.0), Interests({"fraud": 1.0}, {"fraud": 1}, 0)
    )
    one = candidate("d", novelty=100.0, topics=("fraud",), event="fraud_charged", severity=5)
    (found,) = rank([one], person, NOW)
    assert found.score == pytest.approx(found.freshness * sum(reason.points for reason in found.reasons))
    assert found.freshness == pytest.approx(2 ** (-1 / 12))
    said = [reason.text for reason in found.reasons]
    assert said == [
        "about a company",
        "on the desk's watch list",
        "a position, 40 % of the largest",
        "fraud charged, severity 5",
        "first report",
        "you looked at A 3 times, fraud once",
    ]


def test_a_document_stands_once_and_a_company_does_not_fill_the_list() -> None:
    many = [candidate(f"a{n}", event="fraud", severity=5) for n in range(9)] + [
        candidate("a0", "B"),
        candidate("b", "B"),
    ]
    found = order(many)
    assert len(found) == OF_ONE_COMPANY + 1 and found[-1] == "b"
    assert rank([], Person(), NOW) == []
    # Two sources may give the same id.
    assert order([candidate("a"), candidate("a", "B", source="wire")]) == ["a", "a"]


def test_an_interest_is_what_was_opened_over_what_was_on_offer() -> None:
    offered = {"A": 90, "B": 9}
    acts = [Act(NOW, ["A"]), Act(NOW, ["B"])]
    found = interests(acts, offered, NOW)
    assert found.bits["B"] > 0.5 > 0 > found.bits["A"] > found.unseen > -1
    assert found.times == {"A": 1, "B": 1}
    none = interests([], offered, NOW)
    assert (none.bits, none.unseen) == ({}, 0.0)
    faded = interests([Act(NOW - timedelta(days=14), ["B"])], offered, NOW).bits["B"]
    assert 0 < faded < interests([Act(NOW, ["B"])], offered, NOW).bits["B"]
    looked_after = interests([Act(NOW, ["B"], weight=2.0)], offered, NOW).bits["B"]
    assert looked_after > interests([Act(NOW, ["B"])], offered, NOW).bits["B"]
    of_topics = interests([Act(NOW, ["B"], ["fraud"])], {"fraud": 1, "results": 99}, NOW, topics=True)
    assert set(of_topics.bits) == {"fraud"}
    rare = interests([Act(NOW, ["R"])], {"A": 10**6}, NOW).bits["R"]
    assert 1 < rare < 2, "one click at a company that is seldom in the news does not say everything"


def test_who_did_nothing_yet_is_told_of_no_interest() -> None:
    (found,) = rank([candidate("d", topics=("fraud",))], Person(), NOW)
    assert isinstance(found, Ranked) and not any("you" in reason.text for reason in found.reasons)
