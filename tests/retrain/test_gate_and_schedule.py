"""The gate's verdicts, what makes a run due, and the lock that keeps runs apart."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from clickhouse_driver import Client

from documents import Label, Position
from retrain import Busy, exclusive, upcoming
from retrain.data import SIGNED, Example
from retrain.judge import gate, macro_f1
from retrain.run import last_run
from settings import RetrainSettings
from storage import write_labels
from storage.reads import latest_labels
from storage.writes import write_training_run

FIXED = [Example("written", f"fixed {n}", n % 3) for n in range(150)]
NEW = [Example("labels", f"new {n}", n % 3) for n in range(60)]


class Answers:
    """Scores a text right (0.9) unless its number is among ``wrong`` of its set."""

    def __init__(self, wrong: dict[str, set[int]]) -> None:
        self._wrong = wrong

    def score(self, texts: Sequence[str], entities: Sequence[str | None], languages: Sequence[str | None]) -> object:
        p = np.full((len(texts), 3), 0.05, np.float32)
        for row, text in enumerate(texts):
            number = int("".join(c for c in text if c.isdigit()) or 0)
            name = "new" if "n" in text.lower()[:2] else "fixed"
            p[row, (number + (number in self._wrong.get(name, set()))) % 3] = 0.9
        return SimpleNamespace(probabilities=p)


def judged(champion: Answers, challenger: Answers) -> gate.Verdict:
    return gate.judge(champion, challenger, FIXED, NEW, "en", RetrainSettings(slower=50))


def test_better_on_new_labels_and_no_worse_elsewhere_passes():
    verdict = judged(Answers({"new": set(range(30))}), Answers({"new": set(range(5))}))
    rules = {rule.rule: rule for rule in verdict.rules}
    assert rules["new labels"].passed and rules["fixed test"].passed and rules["keeps written"].passed
    better = rules["new labels"]
    assert better.p_value is not None and better.p_value < 1e-6 and 0 < better.low < better.difference < better.high


def test_what_forgets_or_is_not_surely_better_is_refused_with_the_reason():
    forgets = judged(Answers({"new": set(range(30))}), Answers({"fixed": set(range(60))}))
    assert not forgets.passed and "fixed test" in forgets.reason and "keeps written" in forgets.reason
    by_chance = judged(Answers({"new": {1, 2}}), Answers({}))
    assert not by_chance.passed and "p = 0.250" in by_chance.reason


def test_of_labels_without_neutrals_the_order_of_the_signs_counts():
    """The most probable label may be neutral: nobody said that it is not."""
    signs = [Example(SIGNED, "text", label) for label in (0, 2, 2)]
    unsure, wrong = np.array([[0.3, 0.6, 0.1]] * 3), np.array([[0.1, 0.6, 0.3]] * 3)
    assert gate.mcnemar(unsure, wrong, signs)[:2] == (1, 2)
    assert macro_f1(wrong, signs) == pytest.approx(2 / 3)


def test_a_missed_time_is_due_and_an_interrupted_run_does_not_count(client: Client):
    settings = RetrainSettings(cron="0 3 * * *")
    now = datetime.now(UTC)
    assert upcoming(client, settings).at > now and last_run(client) is None
    run = {"id": "a", "started_at": now - timedelta(days=3), "cause": "cron", "state": "passed", "champion": "x"}
    run |= {"challenger": "y", "labels": 1, "labels_until": now - timedelta(days=3), "detail": ""}
    write_training_run(client, run)
    write_training_run(
        client, run | {"id": "b", "started_at": now, "state": "started"}
    )  # killed: it never told its end
    assert upcoming(client, settings).at < now and (last_run(client) or {})["id"] == "a"


def test_before_the_first_run_a_time_missed_since_the_first_label_is_due(client: Client):
    write_label(client)
    settings = RetrainSettings(cron="0 3 * * *")
    now = datetime.now(UTC)
    found = upcoming(client, settings, now + timedelta(days=2))
    assert now < found.at < now + timedelta(days=1, minutes=1), "the label's day, not the day of the look"
    assert found.new == found.left == 1 and found.last is None


def test_what_a_failed_run_has_not_dealt_with_waits_for_the_next_time_and_not_for_new_labels(client: Client):
    write_label(client)
    later = datetime.now(UTC) + timedelta(minutes=1)
    run = {"id": "a", "started_at": later, "cause": "labels", "state": "failed", "champion": "x", "challenger": ""}
    write_training_run(client, run | {"labels": 0, "labels_until": later, "detail": "no memory"})
    found = upcoming(client, RetrainSettings(cron="0 3 * * *", new_labels=1))
    assert found.new == 0, "it is not tried again every minute"
    assert found.left == 1 and found.at > later, "but at the next time"
    write_training_run(client, run | {"id": "b", "state": "rejected", "labels": 1, "labels_until": later, "detail": ""})
    assert upcoming(client, RetrainSettings()).left == 0


def test_labels_of_others_than_the_known_annotators_start_no_run(client: Client):
    write_label(client)
    for annotators, new in (("", 1), ("ben", 0), ("ben, anna", 1)):
        found = upcoming(client, RetrainSettings(annotators=annotators))
        assert (found.new, found.left) == (new, new), annotators


def test_a_label_from_the_future_does_not_win_for_ever(client: Client):
    """Rows as workers of earlier versions stored them, which did not cut such dates off."""
    for offset, (label, days) in enumerate([("negative", 4000), ("positive", 0)]):
        at = datetime.now(UTC) + timedelta(days=days)
        write_labels(client, [Label(Position("labels", "t", 0, offset), label, "anna", at, text="Orders rise")])
    assert [row["label"] for row in latest_labels(client)] == ["positive"]
    assert client.execute("SELECT toString(label) FROM labels_as_of(moment = now64(3) + 1)") == [("positive",)]


def write_label(client: Client) -> None:
    row = Label(Position("labels", "t", 0, 0), "positive", "anna", datetime.now(UTC), text="Orders rise")
    write_labels(client, [row])


def test_one_run_at_a_time_and_the_lock_goes_with_its_process(tmp_path: Path):
    code = (
        "import sys; from pathlib import Path; from retrain import exclusive\n"
        "with exclusive(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with pytest.raises(Busy, match=str(other.pid)), exclusive(tmp_path):
            pass
    finally:
        other.kill()
        other.communicate()
    with exclusive(tmp_path):
        pass
