"""The rules' file: what is wrong is said with line and reason, and a change is taken up without a restart."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerts import Evaluator
from alerts.durations import seconds
from alerts.rules import BadRules, load_rules, read_rules
from documents import Severity
from settings import AlertSettings

DESKS = {"JPM": "financials", "BA": "industrials"}
GOOD = """
defaults: {threshold: 4, cooldown: 12h}
receivers:
  - {name: chat, type: slack, url: "https://chat.example/x"}
rules:
  - name: banks
    desks: [financials]
    threshold: 3
    for: 30m
    receivers: [chat]
    quiet_hours: {from: "22:00", to: "06:30", zone: Europe/Berlin}
  - {name: one, entities: [BA], kinds: [buzz]}
  - {name: the rest}
"""


def test_the_first_rule_that_fits_holds_and_defaults_fill_it():
    rules = read_rules(GOOD, desks=DESKS)
    bank, boeing, other = (rules.of(name) for name in ("JPM", "BA", "XYZ"))
    assert bank and boeing and other
    assert (bank.threshold, bank.for_s, bank.cooldown_s, bank.receivers) == (3, 1800, 43200, ("chat",))
    assert (boeing.name, boeing.threshold, boeing.kinds) == ("one", 4, {"buzz"})
    assert (other.name, other.receivers) == ("the rest", ())
    assert bank.quiet_hours
    # 21:30 UTC in summer is 23:30 in Berlin.
    night = datetime(2026, 7, 1, 21, 30, tzinfo=UTC)
    assert bank.quiet_hours.cover(night, Severity.WARNING) and not bank.quiet_hours.cover(night, Severity.CRITICAL)
    assert not bank.quiet_hours.cover(night.replace(hour=10), Severity.NOTICE)
    assert [seconds(text) for text in ("90s", "2m", "3h", "4d")] == [90, 120, 10800, 345600]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("threshold: 3\n", "threshold: -3\n", r"line 8 \(rule 'banks', threshold\): .*> 0"),
        ("for: 30m", "for: soon", r"line 9 \(rule 'banks', for\)"),
        ("receivers: [chat]", "receivers: [chart]", r"line 6 \(rule 'banks'\): no receiver is called 'chart'"),
        ("desks: [financials]", "desks: [fin]", r"line 6 \(rule 'banks'\): the watch list has no desk 'fin'"),
        ("entities: [BA]", "entities: [BOEING]", r"line 12 \(rule 'one'\): the watch list has no company 'BOEING'"),
        ("name: one", "name: banks", r"line 12 .*'banks' stands twice"),
        ("Europe/Berlin", "Europe/Berln", r"'Europe/Berln' is no time zone"),
        ("https://chat", "ftp://chat", r"line 4 \(receiver 'chat'\): 'url' must start with http"),
        ("name: banks\n", "name: banks\n    treshold: 3\n", r"line 6.*treshold"),
        ("rules:", "rules: [", r"line 6: no YAML"),
    ],
)
def test_errors_name_line_and_reason(old: str, new: str, said: str):
    assert old in GOOD
    with pytest.raises(BadRules, match=said):
        read_rules(GOOD.replace(old, new, 1), "r.yaml", desks=DESKS)


def test_the_example_that_ships_is_good():
    found = load_rules(Path(__file__).parents[2] / "deploy" / "alert_rules.yaml")
    assert len(found.file.rules) == 3 and set(found.receivers) == {"risk-chat", "risk-engine", "on-call", "mail"}


def test_a_changed_file_is_read_again_and_a_bad_one_changes_nothing(tmp_path: Path):
    path = tmp_path / "rules.yaml"
    path.write_text("rules: [{name: all, threshold: 5}]")
    evaluator = Evaluator(lambda: pytest.fail("no database is needed"), AlertSettings(rules=path))

    def threshold(text: str, at: int) -> float:
        path.write_text(text)
        os.utime(path, (at, at))
        evaluator._reload()
        setting = evaluator.rules.of("BA")
        assert setting
        return setting.threshold

    assert threshold("rules: [{name: all, threshold: 6}]", 10) == 6
    assert threshold("rules: [{name: all, threshold: six}]", 20) == 6
    assert threshold("rules: [{name: all, threshold: 7}]", 30) == 7
