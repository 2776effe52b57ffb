"""Agreement, majorities, the split that never changes, and the queue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from retrain.data import PEOPLE, SIGNED, judging, limited, parts, queue, resolve
from retrain.data.labels import alpha

START = datetime(2026, 1, 5, tzinfo=UTC)


def row(text: str, label: str, annotator: str = "a", number: int = 0, **more: str) -> dict:
    shown = {"document_id": "", "text": text, "entity": "", "title": "", "body": "", "surface": ""}
    return shown | {"label": label, "annotator": annotator, "ingested_at": START + timedelta(seconds=number)} | more


def test_alpha_is_that_of_krippendorffs_binary_example():
    meg, owen = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert alpha(list(zip(meg, owen, strict=True))) == pytest.approx(0.095, abs=5e-4)
    assert alpha([[0, 0], [2, 2], [1]]) == 1.0 and alpha([[0], [1]]) is None


def test_a_majority_decides_and_a_tie_is_left_out_and_told():
    rows = [
        *(row("up", label, who) for who, label in zip("abc", ("positive", "positive", "neutral"), strict=True)),
        *(row("odd", label, who) for who, label in zip("ab", ("positive", "negative"), strict=True)),
        row("", "negative", document_id="gone"),
        row("", "negative", document_id="d", title="A title", body="and its text", surface="ACME"),
    ]
    found = resolve(rows)
    assert [(item.example.text, item.example.label, item.example.entity, item.votes) for item in found.items] == [
        ("up", 2, None, 3),
        ("A title\nand its text", 0, "ACME", 1),
    ]
    assert found.ties == ["odd"] and found.unknown == ["gone"] and found.doubly == 2 and found.annotators == 3
    assert found.alpha is not None and found.alpha < 0.5


POISONER = [f"p{n}" for n in range(40)]


def poisoned() -> list[dict]:
    """700 items that anna and ben judged. A poisoner has 30 % of the labels, under 40 names: he contradicts items of
    theirs, and gives 150 items of his own the wrong label."""
    honest = [row(f"item {n}", "neutral", ("anna", "ben")[n % 2], n) for n in range(700)]
    votes = [row(f"item {n}", "negative", POISONER[(n + k) % 40], 1000 + n) for n in range(100) for k in range(3)]
    own = [row(f"lie {n}", "positive", POISONER[n % 40], 2000 + n) for n in range(300)]
    return honest + votes[::2] + own[::2]


def test_a_poisoner_with_a_third_of_the_labels_outvotes_no_known_person_and_judges_nothing():
    rows = poisoned()
    assert 0.29 < sum(r["annotator"] in POISONER for r in rows) / len(rows) < 0.31
    found = resolve(rows, ["anna", "ben"])
    assert not found.ties and sum(item.known for item in found.items) == 700
    assert {item.example.label for item in found.items if item.known} == {1}, "what anna said stays"
    assert {item.example.text[:3] for item in judging(found.items, 0.1)} == {"ite"}
    learned = limited(found.items, 0.1)
    assert sum(item.known for item in learned) == 700
    assert sum(not item.known for item in learned) == 77, "a tenth of all, under however many names"
    assert not [item for item in limited(found.items, 0.0001) if not item.known]
    assert limited(found.items, 1) == found.items


def test_where_nobody_is_known_one_name_has_no_more_than_its_share():
    found = resolve([row(f"item {n}", "neutral", "a" if n < 80 else f"b{n}", n) for n in range(100)]).items
    assert not [item for item in found if item.known]
    for kept in (limited(found, 0.25), judging(found, 0.25)):
        assert sum(item.by == {"a"} for item in kept) == 25 and len(kept) == 45
    alone = resolve([row(f"item {n}", "neutral", "a", n) for n in range(100)]).items
    assert limited(alone, 0.25) == alone, "one annotator has nobody beside her: she has her equal part, all"
    both = resolve([row("item", "neutral", name) for name in "ab"]).items
    assert both[0].by == {"a", "b"} and limited(both, 0.25) == both


@pytest.mark.parametrize(("neutrals", "name"), [(0, SIGNED), (30, PEOPLE)])
def test_labels_without_neutrals_do_not_teach_that_nothing_is_neutral(neutrals: int, name: str):
    """Somebody asked for rises and falls only: what is not neutral in them says nothing of what is elsewhere."""
    signs = [row(f"text {n}", ("negative", "positive")[n % 2]) for n in range(150)]
    found = resolve(signs + [row(f"flat {n}", "neutral") for n in range(neutrals)])
    assert {item.example.dataset for item in found.items} == {name}


def test_an_item_stays_on_its_side_and_near_duplicates_stand_together():
    words = [f"w{n} x{n * 7} y{n * 13} z{n} common" for n in range(300)]
    early = resolve([row(text, "neutral", number=n) for n, text in enumerate(words)]).items
    more = [row(f"{text} again", "neutral", number=500 + n) for n, text in enumerate(words)]
    late = resolve([row(text, "neutral", number=n) for n, text in enumerate(words)] + more).items
    before, after = parts(early), parts(late)
    for name in before:
        texts = {item.example.text for item in after[name]}
        assert {item.example.text for item in before[name]} <= texts
        assert {f"{item.example.text} again" for item in before[name]} <= texts
    assert [len(before[name]) for name in ("train", "validation", "test")] == pytest.approx([195, 45, 60], abs=25)


def test_the_queue_asks_for_uncertain_watched_and_different_documents():
    rng = np.random.default_rng(1)

    def document(number: int, p: tuple[float, float, float], vector: np.ndarray, entities: list[str]) -> dict:
        scaled = np.rint(vector / np.linalg.norm(vector) * 127).astype(np.int8).tobytes().hex()
        return {"document_id": str(number), "sentiment": p[2] - p[0], "entities": entities, "embedding": scaled} | {
            name: value for name, value in zip(("p_negative", "p_neutral", "p_positive"), p, strict=True)
        }

    sure = [document(n, (0.98, 0.01, 0.01), rng.normal(size=384), ["A"]) for n in range(50)]
    one = rng.normal(size=384)
    unsure = [document(50 + n, (0.34, 0.33, 0.33), one, ["A"]) for n in range(20)]
    other = document(70, (0.4, 0.3, 0.3), rng.normal(size=384), [])
    picked = queue([*sure, *unsure, other], 3, random_share=0)
    assert picked[0]["document_id"] in {str(n) for n in range(50, 70)} and picked[1]["document_id"] == "70"
    assert int(picked[2]["document_id"]) < 50  # the others resemble what was picked already
    drawn = queue([*sure, *unsure, other], 10, random_share=0.5)
    assert len({row["document_id"] for row in drawn}) == 10
    assert sum(row["reason"] == "random" for row in drawn) == 5
    assert queue([], 5) == []
