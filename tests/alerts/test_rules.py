"""The rules' file: what is wrong is said with line and reason, and a change is taken up without a restart."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerts import Evaluator
from alerts.durations import seconds
from alerts.rules import BadRules
from alerts.rules_file import doubts, load_rules, read_rules
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
        ("entities: [BA]", "entities: [BOEING]", r"line 12 \(rule 'one'\): the watch list has no entity 'BOEING'"),
        ("name: one", "name: banks", r"line 12 .*'banks' stands twice"),
        ("kinds: [buzz]", "topics: [litigaton]", r"line 12 .*no topic 'litigaton'; there are fraud, litigation"),
        ("kinds: [buzz]", "tones: [bad]", r"line 12 \(rule 'one', tones.*'bad'"),
        ("Europe/Berlin", "Europe/Berln", r"'Europe/Berln' is no time zone"),
        ("https://chat", "ftp://chat", r"line 4 \(receiver 'chat'\): 'url' must start with http"),
        ("name: banks\n", "name: banks\n    treshold: 3\n", r"line 6.*treshold"),
        ("rules:", "rules: [", r"line 6: no YAML"),
        (
            "rules:",
            "  - {name: chat, type: slack, url: 'https://x'}\nrules:",
            r"line 5 \(receiver 'chat'\): two receivers are called 'chat': rename",
        ),
        ("    for: 30m\n", "    for: 30m\n    threshold: 5\n", r"line 10: 'threshold' is given twice, first in line 8"),
        ("{threshold: 4, cooldown: 12h}", "{threshold: 4, threshold: 5}", r"line 2: 'threshold' is given twice"),
        ("entities: [BA]", "entities: [ON]", r"line 12 .*YAML reads ON as yes or no: write \"ON\""),
        ("entities: [BA]", "entities: [600519]", r"YAML reads 600519 as a number: write \"600519\""),
        ('from: "22:00"', "from: 22:00", r"line 11 .*YAML reads 22:00 as a number: write \"22:00\""),
        ("name: one", "name: 2024-01-01", r"YAML reads 2024-01-01 as a date: write \"2024-01-01\""),
        ("threshold: 3\n", "threshold: yes\n", r"Expected `float \| null`, got `bool`$"),
    ],
)
def test_errors_name_line_and_reason(old: str, new: str, said: str):
    assert old in GOOD
    with pytest.raises(BadRules, match=said):
        read_rules(GOOD.replace(old, new, 1), "r.yaml", desks=DESKS, topics=["litigation", "fraud"])


def test_what_the_desks_hold_decides_which_rule_holds():
    rules = read_rules("""
receivers: [{name: phone, type: webhook, url: "https://x"}, {name: chat, type: slack, url: "https://y"}]
rules:
  - {name: short, held_by: [funds], exposure: "< 100", receivers: [chat]}
  - {name: large, exposure: ">= 1_000", receivers: [phone]}
  - {name: held, held_by: [tech, funds], severity: warning, receivers: [chat]}
  - {name: the rest}
""")

    def holding() -> dict[str, str]:
        found = {name: rules.of(name) for name in ("AAA", "BBB", "CCC", "DDD", "*", "feed:news")}
        return {name: setting.name for name, setting in found.items() if setting}

    assert rules.ask_what_is_held and set(holding().values()) == {"the rest"}
    # Long and short positions of two desks add up; a position that has ended is none.
    rules.hold({"AAA": {"funds": 600.0, "other": -400.0}, "BBB": {"tech": 5.0}, "CCC": {"funds": -50.0, "x": 5000.0},
                "DDD": {"tech": 0.0}, "*": {"tech": 1e9}})  # fmt: skip
    assert holding() == {"AAA": "large", "BBB": "held", "CCC": "short", "DDD": "the rest", "*": "the rest",
                         "feed:news": "the rest"}  # fmt: skip
    rules.hold({"AAA": {"funds": 500.0}})
    assert holding()["AAA"] == "held"
    assert doubts(rules, {}) == []  # none of them hides another
    for wrong in ("1000", "= 5", "> x", ">= -5"):
        with pytest.raises(BadRules, match="exposure"):
            read_rules(f'rules: [{{name: all, exposure: "{wrong}"}}]')


def test_what_may_be_meant_otherwise_is_said():
    rules = read_rules(GOOD, desks=DESKS)
    assert doubts(rules, {}) == []
    text = GOOD.replace("chat.example/x", "chat.example/x, secret_env: KEY").replace("x, secret_env", 'x", secret_env')
    text = text.replace('KEY"}', "KEY}\n  - {name: mail, type: slack, url: 'https://x'}")
    text += "  - {name: late, entities: [JPM], event_types: [bankruptcy]}\n  - {name: never}\n"
    found = doubts(read_rules(text, desks=DESKS), {})
    assert [one.partition(":")[0] for one in found[:2]] == ["receiver 'chat'", "receiver 'mail'"]
    assert "KEY (its secret) is not set" in found[0] and "no rule names it" in found[1]
    assert [one.partition(":")[0] for one in found[2:]] == ["rule 'late' never holds", "rule 'never' never holds"]
    assert doubts(read_rules(text, desks=DESKS), {"KEY": "x"}) == found[1:]

    def hidden(*rules: str, desks: dict[str, str] | None = DESKS) -> list[str]:
        text = "rules:\n" + "".join(f"  - {{name: r{i}, {rule}}}\n" for i, rule in enumerate(rules))
        return [one.split("'")[1] for one in doubts(read_rules(text, desks=desks), {})]

    assert hidden("desks: [financials]", "entities: [JPM]", "entities: [JPM, BA]", "desks: [industrials]") == [
        "r1", "r3",
    ]  # fmt: skip
    assert hidden("entities: [JPM]", "desks: [financials]", "for: 1h") == ["r1"]
    assert hidden("entities: [JPM]", "desks: [financials]", "desks: [financials]", desks=None) == ["r2"]


def test_a_rule_is_about_companies_unless_it_asks_for_others():
    desks = {"JPM": "financials", "currency:USD": "macro", "country:US": "macro"}
    types = {"currency:USD": "currency", "country:US": "country"}

    def holds(*rules: str) -> list[str | None]:
        text = "rules:\n" + "".join(f"  - {{name: r{i}, {rule}}}\n" for i, rule in enumerate(rules))
        read = read_rules(text, desks=desks, other_types=types)  # type: ignore[arg-type]
        return [found.name if (found := read.of(name)) else None for name in (*desks, "*")]

    assert holds("for: 1h") == ["r0", None, None, "r0"]
    assert holds("desks: [macro]", "for: 1h") == ["r1", None, None, "r1"]
    assert holds("entity_types: [currency]", "for: 1h") == ["r1", "r0", None, "r1"]
    assert holds("desks: [macro], entity_types: [country, currency]") == [None, "r0", "r0", None]
    assert holds("entities: ['country:US']") == [None, None, "r0", None]
    with pytest.raises(BadRules, match=r"line 2 .*Invalid enum value 'planet'"):
        holds("entity_types: [planet]")

    def doubted(*rules: str) -> list[str]:
        text = "rules:\n" + "".join(f"  - {{name: r{i}, {rule}}}\n" for i, rule in enumerate(rules))
        return doubts(read_rules(text, desks=desks, other_types=types), {})  # type: ignore[arg-type]

    assert doubted("for: 1h", "entity_types: [currency]", "entities: ['country:US']") == []
    (said,) = doubted("desks: [macro]", "for: 1h")
    assert "'r0' never holds: its desks have no company; entity_types says" in said
    (said,) = doubted("entity_types: [currency, country]", "entities: ['country:US']")
    assert "'r1' never holds: all that it is about is 'r0''s already" in said


def test_the_example_that_ships_is_good():
    found = load_rules(Path(__file__).parents[2] / "deploy" / "alert_rules.yaml")
    assert len(found.file.rules) == 4 and set(found.receivers) == {"risk-chat", "risk-engine", "on-call", "mail"}


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
