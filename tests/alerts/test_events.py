"""Alerts about events: by how many stories they are believed, how bad they are, and when they end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from clickhouse_driver import Client

from alerts import Evaluator, Transition
from alerts.events import BadSourceWeights, EventLifecycle, SourceRecord, load_source_weights
from alerts.evidence import deciding_pieces
from alerts.receivers.wording import facts, title
from alerts.rules import BadRules, Rules
from alerts.rules_file import read_rules
from documents import Document, Kind, Mention, Position
from documents.events import Event, EventRole, EventState, load_event_types
from settings import AlertSettings, ClickHouseSettings
from storage import connect, write_documents
from storage.reads import EventReport, SourceDay, alerts_now, source_days
from tests.support import eventually

NOON = datetime(2026, 1, 30, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LONG_AGO = NOON - 60 * DAY
TYPES, WEIGHTS = load_event_types(), load_source_weights()


class Told:
    """Makes reports, in the order in which they are made."""

    def __init__(self) -> None:
        self.reports: list[EventReport] = []

    def __call__(
        self,
        at: datetime,
        type_: str = "bankruptcy",
        source: str = "Reuters",
        state: EventState = EventState.HAPPENED,
        story: int = 0,
        severity: int = 0,
        kind: Kind = "news",
        polarity: int = -1,
        probability: float = 0.98,
    ) -> None:
        number = len(self.reports) + 1
        self.reports.append(
            EventReport(
                "ACME", type_, state, severity or TYPES.by_name[type_].severity, polarity, probability, 80, at, at,
                "news", "id", 0, number, kind, source, f"d{number}", story or number, f"Title {number}", "", "",
                "negative", -0.5, "m1", 100.0,
            )
        )  # fmt: skip


@pytest.fixture
def told() -> Told:
    return Told()


def run(told: Told, until: datetime, rules: Rules | None = None) -> list[Transition]:
    return EventLifecycle(TYPES, WEIGHTS, rules or Rules()).run(told.reports, LONG_AGO, until)


def short(made: list[Transition]) -> list[tuple[str, str, datetime]]:
    return [(row.state, row.severity, row.at) for row in made]


def test_one_story_of_a_trusted_source_is_enough_and_two_of_others(told: Told):
    told(NOON, source="Some blog", probability=0.85)
    told(NOON + MINUTE, source="Another copy", story=1, probability=0.85)
    assert run(told, NOON + HOUR) == []
    told(NOON + 2 * MINUTE, source="Some other blog", probability=0.85)
    (alert,) = run(told, NOON + HOUR)
    assert (alert.kind, alert.entity, alert.topic, alert.direction) == ("event", "ACME", "bankruptcy", "negative")
    assert (alert.state, alert.severity, alert.at, alert.began_at) == ("firing", "critical", NOON + 2 * MINUTE, NOON)
    event = alert.evidence["event"]
    assert (event["group"], event["role"], event["state"], event["severity"]) == ("solvency", "subject", "happened", 5)
    assert (event["stories"], event["sources"]) == (2, ["Some blog", "Some other blog"])
    assert [one["document_id"] for one in alert.evidence["documents"]] == ["d1", "d3"]
    trusted = Told()
    trusted(NOON)
    assert short(run(trusted, NOON + HOUR)) == [("firing", "critical", NOON)]


def test_one_story_of_ordinary_news_warns_of_a_grave_event_if_it_is_read_without_doubt(told: Told):
    told(NOON, source="Some blog", probability=0.97)
    assert short(run(told, NOON + HOUR)) == [("firing", "warning", NOON)]
    told(NOON + MINUTE, source="Some other blog", probability=0.95)
    assert short(run(told, NOON + HOUR))[1:] == [("escalated_to_critical", "critical", NOON + MINUTE)]
    for more in (
        {"probability": 0.96}, {"kind": "comment"}, {"state": EventState.THREATENED}, {"type_": "layoffs"},
    ):  # fmt: skip
        other = Told()
        other(NOON, source="Some blog", **more)
        assert run(other, NOON + HOUR) == []


def test_what_many_tell_is_one_level_worse_but_wakes_nobody(told: Told):
    for number in range(3):
        told(NOON + number * MINUTE, "boycott")
    assert [row.severity for row in run(told, NOON + HOUR)] == ["notice"]
    told(NOON + 3 * MINUTE, "boycott")
    assert short(run(told, NOON + HOUR))[1:] == [("escalated_to_warning", "warning", NOON + 3 * MINUTE)]
    for level, type_, found in (
        (2, "layoffs", ["notice"]),
        (1, "layoffs", []),
        (2, "ipo", []),
        (4, "raid", ["warning"]),
    ):
        other = Told()
        for number in range(6):
            other(NOON + number * MINUTE, type_, severity=level)
        assert [row.severity for row in run(other, NOON + HOUR)] == found


def test_a_story_that_is_read_with_doubt_wants_another_one(told: Told):
    told(NOON, "raid", probability=0.85)
    assert run(told, NOON + HOUR) == []
    told(NOON + MINUTE, "raid", "Bloomberg", probability=0.85)
    assert short(run(told, NOON + HOUR)) == [("firing", "warning", NOON + MINUTE)]
    copied = Told()
    copied(NOON, "raid", probability=0.85)
    copied(NOON + MINUTE, "raid", "Bloomberg", story=1, probability=0.85)
    assert run(copied, NOON + HOUR) == []  # a copy is misread together with its original
    # What is not sudden must be read more surely.
    for type_, probability, found in (
        ("hack", 0.94, []), ("hack", 0.95, ["warning"]), ("raid", 0.95, []), ("raid", 0.97, ["warning"]),
        ("takeover_target", 0.95, []), ("takeover_target", 0.97, ["warning"]),
        ("recall", 0.95, []), ("recall", 0.97, ["notice"]),
    ):  # fmt: skip
        single = Told()
        single(NOON, type_, probability=probability)
        assert [row.severity for row in run(single, NOON + HOUR)] == found


def test_what_becomes_of_a_known_event_is_no_news_for_a_year_unless_several_tell_it_or_it_is_worse(told: Told):
    told(NOON - 100 * DAY, "accident")

    def fired(told: Told) -> list[tuple[str, datetime]]:
        return [(row.severity, row.at) for row in life(told) if row.state == "firing"]

    def life(told: Told) -> list[Transition]:
        begin = NOON - 400 * DAY
        return EventLifecycle(TYPES, WEIGHTS, Rules()).run(told.reports, begin, NOON + 400 * DAY)

    first = ("warning", NOON - 100 * DAY)
    assert TYPES.by_name["accident"].again == 3 and TYPES.by_name["recall"].again == 1
    for number in range(2):
        told(NOON + number * MINUTE, "accident")
    assert fired(told) == [first]
    worse, later = Told(), Told()
    for other in (worse, later):
        other.reports += told.reports
    told(NOON + 2 * MINUTE, "accident")
    assert fired(told) == [first, ("warning", NOON + 2 * MINUTE)]
    worse(NOON + 2 * MINUTE, "accident", severity=5)
    assert fired(worse) == [first, ("critical", NOON + 2 * MINUTE)]
    later(NOON + 300 * DAY, "accident")
    assert fired(later) == [first, ("warning", NOON + 300 * DAY)]
    each = Told()
    each(NOON - 100 * DAY, "recall")
    each(NOON, "recall")
    assert len(fired(each)) == 2  # of some types, each is an event of its own


def test_a_critical_alert_asks_for_more_certainty(told: Told):
    told(NOON, "bank_run", probability=0.95)
    assert short(run(told, NOON + HOUR)) == [("firing", "warning", NOON)]
    told(NOON + MINUTE, "bank_run", source="Bloomberg", probability=0.95)
    assert short(run(told, NOON + HOUR))[1:] == [("escalated_to_critical", "critical", NOON + MINUTE)]


@pytest.mark.parametrize("source", ["rss.cnn.com", "BleepingComputer", "Weibo hot search"])
def test_sources_that_are_heard_first_count(source: str):
    assert WEIGHTS.of(source, "comment", NOON) >= 0.5


def test_posts_and_types_that_ask_for_two_need_more(told: Told):
    for number in range(4):
        told(NOON + number * MINUTE, source=f"board {number}", kind="comment")
    assert run(told, NOON + HOUR) == []
    told(NOON + 5 * MINUTE, source="board 5", kind="comment")
    assert short(run(told, NOON + HOUR)) == [("firing", "critical", NOON + 5 * MINUTE)]
    routine = Told()
    routine(NOON, "investigation")
    assert run(routine, NOON + HOUR) == []
    routine(NOON + MINUTE, "investigation", "Some blog")
    assert short(run(routine, NOON + HOUR)) == [("firing", "notice", NOON + MINUTE)]
    grave = Told()
    grave(NOON, "bank_run")  # one trusted story of a grave event is enough, whatever its type asks for
    assert short(run(grave, NOON + HOUR)) == [("firing", "critical", NOON)]


def test_a_rumour_is_lower_rises_when_it_is_confirmed_and_ends_when_it_is_denied(told: Told):
    told(NOON, state=EventState.RUMOURED)
    assert run(told, NOON + HOUR) == []
    told(NOON + MINUTE, state=EventState.RUMOURED)
    rumour = Told()
    rumour.reports += told.reports
    told(NOON + 2 * HOUR)
    made = run(told, NOON + 3 * HOUR)
    assert short(made) == [
        ("firing", "warning", NOON + MINUTE),
        ("escalated_to_critical", "critical", NOON + 2 * HOUR),
    ]
    assert len({row.id for row in made}) == 1 and made[1].evidence["escalated_from"] == "warning"
    assert title(made[0].columns()) == "ACME: rumoured: bankruptcy"
    assert title(made[1].columns()) == "ACME: bankruptcy: critical by now"
    told(NOON + 3 * HOUR, state=EventState.DENIED)
    assert len(run(told, NOON + 4 * HOUR)) == 2  # nobody can deny what has happened
    rumour(NOON + 2 * HOUR, state=EventState.DENIED)
    rumour(NOON + 3 * HOUR, state=EventState.RUMOURED)
    made = run(rumour, NOON + 4 * HOUR)
    assert short(made) == [("firing", "warning", NOON + MINUTE), ("resolved", "warning", NOON + 2 * HOUR)]
    assert title(made[1].columns()) == "ACME: denied: bankruptcy" and "denied by Reuters" in facts(made[1].columns())
    rumour(NOON + 5 * HOUR)
    assert short(run(rumour, NOON + 6 * HOUR))[2:] == [("firing", "critical", NOON + 5 * HOUR)]


def test_an_alert_ends_when_nobody_reports_it_any_more_and_after_two_half_lives(told: Told):
    half_life = TYPES.by_name["profit_warning"].half_life_h * HOUR
    told(NOON, "profit_warning")
    assert short(run(told, NOON + half_life)) == [
        ("firing", "warning", NOON),
        ("resolved", "warning", NOON + half_life),
    ]
    assert len(run(told, NOON + half_life - MINUTE)) == 1
    for day in range(1, 30):
        told(NOON + day * DAY, "profit_warning")
    assert short(run(told, NOON + 40 * DAY))[1:] == [("resolved", "warning", NOON + 2 * half_life)]


def test_what_is_told_all_the_time_is_new_only_when_it_surges(told: Told):
    for day in range(30):
        told(NOON - (30 - day) * DAY, "accident")

    def firings() -> list[datetime]:
        return [row.at for row in run(told, NOON + HOUR) if row.state == "firing"]

    assert firings() == [NOON - 30 * DAY]  # it ends after 14 days, and what follows is usual
    told(NOON, "accident")
    assert len(firings()) == 1
    for number in range(1, 15):
        told(NOON + number * MINUTE, "accident")
    assert len(firings()) == 2 and NOON < firings()[1] < NOON + 15 * MINUTE


def test_a_late_report_is_put_in_its_place_and_told_when_it_comes(told: Told):
    told(NOON, source="Some blog", probability=0.85)
    late = Told()
    late(NOON - HOUR, source="Some other blog", probability=0.85)
    whole = [*late.reports, *(report._replace(offset=9, story_id=9) for report in told.reports)]
    life = EventLifecycle(TYPES, WEIGHTS, Rules())
    assert life.run(told.reports, LONG_AGO, NOON + HOUR) == []
    key = ("ACME", "bankruptcy")
    (alert,) = life.run(whole, NOON + HOUR, NOON + 2 * HOUR, {key: NOON - HOUR})
    assert (alert.at, alert.began_at) == (NOON + 2 * HOUR, NOON - HOUR)
    (same,) = EventLifecycle(TYPES, WEIGHTS, Rules()).run(whole, LONG_AGO, NOON + 2 * HOUR)
    assert same.id == alert.id
    assert life.run(whole, NOON + HOUR, NOON + 3 * HOUR, {key: NOON - HOUR}) == []


def test_rules_choose_among_events(told: Told):
    told(NOON, "bankruptcy")
    told(NOON, "lawsuit", severity=2)
    told(NOON + MINUTE, "lawsuit", severity=2)
    told(NOON, "arrest", state=EventState.THREATENED)

    def types(rule: str) -> set[str]:
        return {row.topic for row in run(told, NOON + HOUR, read_rules(f"rules: [{{name: all, {rule}}}]"))}

    assert types("cooldown: 1h") == {"bankruptcy", "arrest"}
    assert types("event_severity: 2") == {"bankruptcy", "arrest", "lawsuit"}
    assert types("event_groups: [law], event_severity: 1") == {"arrest", "lawsuit"}
    assert types("event_types: [lawsuit, bankruptcy]") == {"bankruptcy"}
    assert types("event_states: [happened]") == {"bankruptcy"}
    assert types("kinds: [buzz]") == set()
    assert types("tones: [negative]") == {"bankruptcy", "arrest"} and types("tones: [positive]") == set()
    for wrong, said in (
        ("event_types: [bankrupcy]", "line 1 .*no type of event 'bankrupcy'"),
        ("event_groups: [laws]", "no group of events 'laws'"),
        ("event_states: [told]", "Invalid enum value 'told'"),
        ("event_severity: 6", "<= 5"),
    ):
        with pytest.raises(BadRules, match=said):
            read_rules(f"rules: [{{name: all, {wrong}}}]")
    with pytest.raises(BadRules, match="no type of event 'x'"):
        read_rules("{defaults: {event_types: [x]}, rules: [{name: all}]}")


def test_a_good_surprise_is_told_and_rules_say_how_small_it_may_be(told: Told):
    told(NOON, "results_beat", "Some blog", polarity=1)
    assert run(told, NOON + HOUR) == []
    told(NOON + MINUTE, "results_beat", "Some other blog", polarity=1)
    (alert,) = run(told, NOON + HOUR)
    assert (alert.topic, alert.direction, alert.severity) == ("results_beat", "positive", "notice")
    small = Told()
    for number in range(2):
        small(NOON + number * MINUTE, "results_beat", severity=2, polarity=1)
        small(NOON + number * MINUTE, "results_miss", severity=2)
    assert run(small, NOON + HOUR) == []
    rules = read_rules("rules: [{name: all, good_event_severity: 2}]")
    assert [row.topic for row in run(small, NOON + HOUR, rules)] == ["results_beat"]
    rules = read_rules("rules: [{name: all, event_severity: 2}]")
    assert {row.topic for row in run(small, NOON + HOUR, rules)} == {"results_beat", "results_miss"}


def test_an_unknown_source_that_is_alone_too_often_counts_half(told: Told):
    days = [SourceDay("loner", (NOON - day * DAY).date(), 1, 1) for day in range(5, 30)]
    days += [SourceDay("other", (NOON - day * DAY).date(), 2, 0) for day in range(5, 30)]
    mine = load_source_weights()
    mine.learn(SourceRecord(days))
    assert [mine.of(name, "news", NOON) for name in ("Loner", "Other", "New", "Reuters")] == [0.25, 0.5, 0.5, 1.0]
    assert mine.of("Loner", "news", NOON - 20 * DAY) == 0.5  # it was not known then
    assert mine.of("Loner", "news", NOON + 100 * DAY) == 0.5  # and is forgotten
    told(NOON, source="Loner")
    told(NOON + MINUTE, source="Some blog", probability=0.85)
    assert EventLifecycle(TYPES, mine, Rules()).run(told.reports, LONG_AGO, NOON + HOUR) == []
    assert [row.severity for row in run(told, NOON + HOUR)] == ["warning", "critical"]
    # Where nobody is ever confirmed, being alone says nothing.
    mine.learn(SourceRecord(day._replace(alone=day.told) for day in days))
    assert mine.of("Loner", "news", NOON) == 0.5


def test_how_often_a_source_is_alone_is_counted(client: Client):
    made = [
        document(0, NOON, "Loner"), document(1, NOON + HOUR, "loner"), document(2, NOON + 10 * DAY, "Loner"),
        document(3, NOON + 12 * DAY, "Other"), document(4, NOON + 12 * DAY, "Other", "arrest"),
    ]  # fmt: skip
    write_documents(client, made)
    assert source_days(client, LONG_AGO, NOON + 30 * DAY) == [
        ("loner", NOON.date(), 1, 1), ("loner", (NOON + 10 * DAY).date(), 1, 0),
        ("other", (NOON + 12 * DAY).date(), 2, 1),
    ]  # fmt: skip


def test_the_strongest_pieces_of_a_text_are_its_deciding_words():
    text = "Acme files for bankruptcy, again."
    pieces = [
        (text[start:end], start, end, weight)
        for start, end, weight in ((0, 4, -3.0), (15, 26, 2.0), (5, 25, 4.0), (27, 33, 1.0), (5, 10, 0.1))
    ]
    assert deciding_pieces(text, pieces) == ["files for bankruptcy", "again"] and deciding_pieces(text, []) == []
    # The company's name is one place for the reader, so a piece may end with its first letter.
    cut = [("targets A", 13, 22, 2.0), ("A", 21, 22, 1.0)]
    assert deciding_pieces("Short seller targets Acme", cut) == ["targets"]
    assert deciding_pieces("\u516c\u53f8\u88ab\u6355\u4e86", [("\u88ab\u6355", 2, 4, 1.0)]) == ["\u88ab\u6355"]


def test_sources_have_weights_that_people_can_replace(tmp_path: Path):
    assert WEIGHTS.of("Reuters", "news", NOON) == WEIGHTS.of("feeds.bbci.co.uk", "news", NOON) == 1.0
    assert WEIGHTS.of("Unknown Paper 2.0", "news", NOON) == WEIGHTS.of("example.com", "news", NOON) == 0.5
    assert WEIGHTS.of("a board", "comment", NOON) == 0.2
    path = tmp_path / "weights.yaml"
    path.write_text("{news: 0.4, comments: 0, sources: [{weight: 0.9, names: [Example.com]}]}")
    mine = load_source_weights(path)
    assert (mine.of("news.example.com", "news", NOON), mine.of("Reuters", "news", NOON)) == (0.9, 0.4)
    for text, said in (
        ("{news: 2, comments: 0}", "<= 1.0"),
        ("{news: 1, comments: 0, sources: [{weight: 1, names: [a, A]}]}", "'A' stands twice"),
        ("news: [", "weights.yaml"),
    ):
        path.write_text(text)
        with pytest.raises(BadSourceWeights, match=said):
            load_source_weights(path)
    with pytest.raises(BadSourceWeights, match="ALERT_SOURCES"):
        load_source_weights(tmp_path / "none.yaml")


def document(offset: int, at: datetime, source: str = "Reuters", type_: str = "bankruptcy") -> Document:
    made = Document(Position("news", "id", 0, offset), document_id=f"d{offset}", source=source, title=f"Title {offset}")
    made.published_at, made.story_id, made.label, made.model_version = at, offset, "negative", "m1"
    made.mentions = [Mention("ACME", "Acme", "name", "negative", 0.6, 0.3, 0.1, -0.5)]
    made.events = [
        Event("ACME", type_, 0.98, EventRole.SUBJECT, EventState.HAPPENED, 80, 5, -1),
        Event("ACME", "fine", 0.4, EventRole.SUBJECT, EventState.HAPPENED, 80, 5, -1),
        Event("ACME", "arrest", 0.9, EventRole.MENTIONED, EventState.HAPPENED, 80, 5, -1),
        Event("ACME", "raid", 0.9, EventRole.SUBJECT, EventState.HISTORIC, 80, 5, -1),
        Event("ACME", "charge", 0.9, EventRole.SUBJECT, EventState.HAPPENED, 10, 5, -1),
    ]
    return made


def test_a_running_worker_tells_of_an_event_at_its_next_turn(client: Client, clickhouse_url: str):
    """Between two ticks, once, whoever leads, also where the news is dated back."""
    now = datetime.now(UTC)
    settings = AlertSettings(clock="wall", console_url="http://console", tick_s=86400, emerging_s=0)
    sent: list[Transition] = []
    url = ClickHouseSettings(url=clickhouse_url)
    asked: list[tuple[str, str, str]] = []

    def explain(*given: str) -> list[tuple[str, int, int, float]]:
        asked.append(given)
        return [("Title", 0, 5, 1.0), ("0", 6, 7, -1.0)]

    lead = Evaluator(lambda: connect(url), settings, publish=sent.extend, explain_event=explain)
    assert lead.advance() == []
    write_documents(client, [document(0, now.replace(hour=0, minute=0, second=0, microsecond=0) - DAY)])
    (alert,) = lead.advance()
    assert sent == [alert] and (alert.topic, alert.severity, alert.state) == ("bankruptcy", "critical", "firing")
    assert asked == [("Title 0", "Acme", "bankruptcy")] and alert.evidence["documents"][0]["words"] == ["Title"]
    assert alert.fired_at >= now and alert.evidence["link"] == f"http://console/alerts/{alert.id}"
    assert lead.advance() == []
    write_documents(client, [document(1, datetime.now(UTC))])
    assert lead.advance() == []
    assert Evaluator(lambda: connect(url), settings).advance() == []
    (stored,) = alerts_now(client)
    assert (stored["kind"], stored["topic"], stored["id"]) == ("event", "bankruptcy", alert.id)
    assert client.execute(alert.evidence["query"].replace("%", "%%"))
    # What is dated some seconds ahead waits for its time.
    write_documents(client, [document(2, datetime.now(UTC) + timedelta(seconds=3), type_="hack")])
    assert lead.advance() == []
    (later,) = eventually(lead.advance, 60, "the event of the near future makes no alert")
    assert later.topic == "hack" and later.at == later.began_at


def test_a_worker_that_starts_knows_the_events_of_the_last_year(client: Client, clickhouse_url: str):
    """Also those that ended before the time for which it remembers all alerts."""
    now = datetime.now(UTC)
    url = ClickHouseSettings(url=clickhouse_url)
    settings = AlertSettings(clock="wall", tick_s=86400, emerging_s=0)
    long_ago, middle = now - 150 * DAY, now - 30 * DAY
    write_documents(client, [document(0, long_ago, type_="accident")])
    past = Evaluator(lambda: connect(url), settings)
    (alert, ended) = past.evaluate(int((long_ago - DAY).timestamp()), int(middle.timestamp()))
    assert (alert.topic, alert.state, ended.state) == ("accident", "firing", "resolved")
    worker = Evaluator(lambda: connect(url), settings)
    assert worker.advance() == []
    # The reader of this document is as sure as before, but the event is known; the recall beside it is not.
    write_documents(client, [document(1, now, type_="accident"), document(2, now, type_="recall")])
    assert [row.topic for row in eventually(worker.advance, 60, "the recall makes no alert")] == ["recall"]
