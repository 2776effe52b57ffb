"""What the figures beside an estimate say of a company, and what they leave to the words."""

from __future__ import annotations

import random

import pytest

from documents.events import Event, EventRole, EventState
from model.events import EventReader, found_in, load_event_reader
from model.events.figures import BEAT, CUT, GUIDES, MISS, RAISED, RESULTS, SURE, said_by_figures


def told(text: str, surface: str = "Umbrella") -> frozenset[str] | None:
    said = said_by_figures(found_in(text, surface))
    return said and said.told


# "+" is a beat, "-" a miss, "=" in line; a text with two figures has two signs.
COMPARED = [
    ("+", "Umbrella Q2 EPS $0.52 vs $0.44 Est."),
    ("-", "Umbrella Q2 EPS $0.44 vs $0.52 Est."),
    ("+", "Umbrella Reports Q1 EPS $(0.12) vs $(0.20) Est"),
    ("-", "Umbrella Reports Q1 EPS $(0.20) vs $(0.12) Est"),
    ("+", "Umbrella Reports Q1 EPS ($0.12) vs ($0.20) Est"),
    ("+", "Umbrella Q1 EPS -$0.12 vs -$0.20 Est"),
    ("+", "Umbrella Q1 EPS $-0.12 vs $-0.20 Est"),
    ("+", "Umbrella Q1 EPS $0.01 vs $(0.02) Est"),
    ("-", "Umbrella Q1 EPS $(0.02) vs $0.01 Est"),
    ("+-", "Umbrella Q1 EPS $1.02 vs $0.99 Est; Revenues $3.20B vs $3.31B Est"),
    ("++", "Umbrella Q1 EPS $1.02 vs $0.99 Est, Sales $3.41B vs $3.31B Est"),
    ("--", "Umbrella Q1 EPS $0.92 vs $0.99 Est, Rev. $3.21B vs. Est. $3.31B"),
    ("=", "Umbrella Reports Q1 EPS $0.41 vs $0.41 Est"),
    ("=+", "Umbrella Reports Q1 EPS $0.41 vs.$0.41 Est; Revenue of $52.10M vs $51.96M Est"),
    ("-", "Umbrella, Inc. Reports Q3 EPS of $0.14 vs $0.19 Est"),
    ("+", "Umbrella Technologies, Inc. Reports Q3 EPS of $0.24 vs $0.19 Est"),
    ("+", "The Umbrella Board Company Reports Q3 EPS $0.28 vs. Est. $0.20"),
    ("+", "Umbrella's Q3 EPS of 28 cents vs. estimate of 20 cents"),
    ("-", "Umbrella's Q3 EPS 18c vs $0.20 expected"),
    ("+", "Umbrella EPS 44c against 40c consensus"),
    ("+", "Umbrella Q3 Adj. EPS $0.28 versus the $0.20 estimate"),
    ("-", "Umbrella Q3 adjusted EPS $0.18 compared with $0.20 expected by analysts"),
    ("-", "Umbrella Q3 adjusted EPS of $0.18 compared to expectations of $0.20"),
    ("+", "Umbrella Q3 EPS: $0.28 actual, $0.20 expected"),
    ("+", "Umbrella Q3 revenue $1.2B, est. $1.1B"),
    ("-", "Umbrella Q3 revenue $1.02 billion, consensus $1.10 billion"),
    ("+", "Umbrella Q3 revenue $1.21 billion (est. $1.14 billion)"),
    ("-", "Umbrella Q3 revenue $1.01 billion (consensus: $1.14 billion)"),
    ("+", "Umbrella Q3 revenue \u20ac1.21 bn (forecast \u20ac1.14 bn)"),
    ("+", "Umbrella Q3 Adj. EPS $0.28 (Street $0.20)"),
    ("-", "Umbrella Q3 sales $990M vs. Street estimate of $1.04B"),
    ("+", "Umbrella Q3 sales $1.04 bln vs. $0.93 bln a year ago; FactSet consensus $0.99 bln"),
    ("-", "Umbrella Q3 sales $1.04 bln vs. $0.93 bln; FactSet consensus $1.09 bln"),
    ("+", "Umbrella Q3 adj. EPS $0.66, up from $0.58 a year ago; consensus $0.63"),
    ("-", "Umbrella Q3 adj. EPS 61 cents; FactSet consensus 63 cents"),
    ("+", "Umbrella Q4 FFO $0.98 vs $0.95 Est"),
    ("-", "Umbrella Q4 AFFO of $0.91 vs. consensus of $0.95"),
    ("+", "Umbrella Q4 NII EPS $0.37 vs. Est. $0.35"),
    ("+", "Umbrella Q4 net income $37.2M vs. $35.4M forecast"),
    ("-", "Umbrella Q4 net profit Rs 312 crore vs estimate of Rs 340 crore"),
    ("+", "Umbrella Q4 adjusted EBITDA of $37.2M vs. $35.4M view"),
    ("+", "Umbrella Q4 net loss $5.1M vs. $7.3M est."),
    ("-", "Umbrella Q4 net loss of $7.3 million versus estimated loss of $5.1 million"),
    ("+", "Umbrella Q4 loss per share $0.12 vs. est. loss $0.20"),
    ("-", "Umbrella Q4 loss of $0.12 a share vs. profit of $0.03 expected"),
    ("-", "Umbrella Q4 EPS loss of $0.22 vs. loss of $0.20 expected"),
    ("+", "Umbrella same-store sales +3.1% vs. +2.0% consensus"),
    ("-", "Umbrella comparable sales up 1.4% vs. est. up 2.2%"),
    ("+", "Umbrella comps down 3.0% vs est. down 4.1%"),
    ("-", "Umbrella Q2 gross margin 41.2% vs 42.0% est"),
    ("+", "Umbrella Q2 EPS $0.33 Beats $0.29 Estimate"),
    ("-", "Umbrella Q2 EPS $0.26 Misses $0.29 Estimate"),
    ("+-", "Umbrella Q2 EPS $0.33 Beats $0.29 Estimate, Sales $122.5M Miss $124.1M Estimate"),
    ("++", "Umbrella Q2 EPS $(0.26) Beats $(0.37) Estimate, Sales $43.4M Beat $42.4M Estimate"),
    ("+", "Umbrella Q2 EPS of $0.33 tops consensus of $0.29"),
    ("+", "Umbrella Q2 EPS of $0.33, above analysts' estimates of $0.29"),
    ("-", "Umbrella Q2 revenue of $4.1M, below the consensus estimate of $4.4M"),
    ("=", "Umbrella Q2 EPS of $0.33 meets $0.33 estimate"),
    ("+", "$UMBR Umbrella reports Q2 EPS of $0.33 vs $0.29 estimate"),
    ("+", "Umbrella Reports Q2 Prelim Sales $117.3M vs $110.1M Est."),
    ("-", "Umbrella Reports Prelim. Q2 EPS $0.31-$0.33 vs $0.40 Est."),
    ("+", "Umbrella first-quarter revenue rose 5% to $1.21B vs. $1.14B expected"),
    ("+", "Umbrella shares slip as Q2 EPS $0.52 vs $0.44 est."),
    ("+", "Umbrella names new chairman; Q2 EPS $0.52 vs $0.44 est."),
    ("+", "Umbrella EPS from continuing operations $0.52 vs $0.44 est."),
    ("+", "\u4f1e\u516c\u53f8\u7b2c\u4e8c\u5b63\u5ea6\u6bcf\u80a1\u6536\u76ca0.52\u5143\uff0c\u9884\u671f0.44\u5143"),
    ("-", "\u4f1e\u516c\u53f8\u8425\u65365.2\u4ebf\u7f8e\u5143\uff0c\u5e02\u573a\u9884\u671f6.1\u4ebf\u7f8e\u5143"),
    ("+-", "\u4f1e\u516c\u53f8\u6bcf\u80a1\u6536\u76ca0.52\u5143\uff0c\u9884\u671f0.44\u5143\uff0c"
           "\u8425\u65365\u4ebf\u5143\uff0c\u9884\u671f6\u4ebf\u5143"),
]  # fmt: skip


@pytest.mark.parametrize(("signs", "text"), COMPARED)
def test_results_beside_an_estimate_are_a_beat_or_a_miss(signs: str, text: str) -> None:
    wanted = {{"+": BEAT, "-": MISS}[sign] for sign in signs if sign != "="}
    assert told(text, "\u4f1e\u516c\u53f8" if "\u4f1e" in text else "Umbrella") == wanted


# "+" is a guide above the estimates, "-" below, "=" in line or not changed.
GUIDED = [
    ("+", "Umbrella sees FY EPS $2.10-$2.20 vs $2.05 Est."),
    ("-", "Umbrella sees FY EPS $1.90-$2.00 vs $2.05 Est."),
    ("=", "Umbrella sees FY EPS $2.00-$2.10 vs $2.05 Est."),
    ("+", "Umbrella Guides Q3 Revenue $80-100M vs $75M Est"),
    ("-", "Umbrella forecasts Q3 revenue of $1.1 billion to $1.2 billion vs. consensus $1.3 billion"),
    ("+", "Umbrella sees FY EPS $2.05-$2.15 vs $2.05 Est."),
    ("-", "Umbrella sees FY EPS $1.95-$2.05 vs $2.05 Est., Sales Growth 4-5%"),
    ("-+", "Umbrella Sees FY18 Adj. EPS $2.10-$2.20 vs $2.05 Est., Sales $81M-$90M vs $93.6M Est."),
    ("+", "Umbrella expects Q3 EPS of 45c vs 40c est."),
    ("-", "Umbrella Q3 EPS outlook $0.30-$0.35 vs. $0.40 consensus"),
    ("-", "Umbrella Sees Q4 EPS $(0.23)-$(0.21) vs $(0.18) Est."),
    ("+", "Umbrella Raises FY EPS Guidance from $3.06-3.16 to $3.25-3.27 vs $3.16 Est"),
    ("+", "Umbrella Raises FY EPS Guidance from $3.06-3.16 to $3.10-3.20 vs $3.36 Est"),
    ("-", "Umbrella Lowers FY EPS Guidance from $2.27 to $2.15-2.23 vs $2.10 Est"),
    ("=", "Umbrella Narrows FY EPS Guidance from $3.20-3.50 to $3.30-3.45 vs $3.10 Est"),
    ("=", "Umbrella Reaffirms FY Sales $255M-270M vs $273.4M Est"),
]


@pytest.mark.parametrize(("signs", "text"), GUIDED)
def test_a_guide_beside_an_estimate_is_no_result(signs: str, text: str) -> None:
    said = said_by_figures(found_in(text, "Umbrella"))
    assert said and said.told == {{"+": RAISED, "-": CUT}[sign] for sign in signs if sign != "="}
    assert said.untold == (RESULTS | GUIDES) - said.told


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Umbrella Q2 EPS $0.52 vs $0.44 Est; Sees Q3 EPS $0.40-$0.42 vs $0.45 Est", {BEAT, CUT}),
        ("Umbrella Reports Q2 EPS $0.42 vs $0.44 Est, Sees FY EPS $2.10 vs $2.05 Est", {MISS, RAISED}),
        ("Umbrella Sees Q3 EPS $0.40 vs $0.45 Est; Reports Q2 EPS $0.52 vs $0.44 Est", {BEAT, CUT}),
        ("Umbrella Q2 EPS $0.52 vs $0.44 Est; Raises FY EPS to $2.10-$2.20 vs $2.25 Est", {BEAT}),
    ],
)
def test_results_and_guides_stand_side_by_side(text: str, wanted: set[str]) -> None:
    assert told(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "Umbrella Q2 EPS $0.52 vs $0.44 a year ago",
        "Umbrella Q2 EPS $0.52 vs $0.44 YoY",
        "Umbrella Q2 EPS $0.52 vs $0.44 Y/Y",
        "Umbrella Q2 EPS $0.52 vs $0.44 In Same Qtr. Last Year",
        "Umbrella Q2 EPS $0.52 vs. Prior Year Quarter $0.44",
        "Umbrella Q2 EPS $0.52 vs $0.44 in the same quarter last year, no estimates available",
        "Umbrella Q2 EPS $0.52 vs $0.44",
        "Umbrella Q2 EPS $0.52, up from $0.44",
        "Umbrella Q2 EPS 42 cents vs. per-share loss 24 cents a year ago",
        "Umbrella net profit $3.1M vs loss of $2.4M a year earlier",
        "Umbrella Q2 EPS $0.52 May Not Compare to $0.44 Est",
        "Umbrella Q2 EPS $0.52, Which May Not Be Comparable to $0.44 Est",
        "Umbrella price target raised to $52 vs. $44 estimate",
        "Umbrella PT cut to $44, consensus $52",
        "Umbrella Q2 EPS $0.52 vs $0.44M Est",
        "Umbrella Q2 revenue $83.3 vs $72.53M Est",
        "Umbrella Q2 revenue 5% vs $72.53M Est",
        "Umbrella Q2 revenue $72.1B vs $72.5M Est",
        "Umbrella Q2 revenue \u20ac72.1M vs $71.5M Est",
        "Umbrella Q2 revenue $20.2B vs $20.17B Est",
        "Umbrella comps down 3% vs 2% est",
        "Umbrella Q2 EPS $0.40 beats $0.44 estimate",
        "Umbrella Q2 EPS $0.52 misses $0.44 estimate",
        "Umbrella Q2 EPS $0.52 beats by $0.08",
        "Umbrella beats estimates",
        "Umbrella Q3 EPS $0.55-$0.57 vs $0.60 Est",
        "Umbrella expected to report Q2 EPS $0.52 vs $0.44 est a year ago",
        "Earnings preview: Umbrella Q2 EPS $0.52 vs $0.44 est",
        "Whisper for Umbrella Q2 EPS $0.52 vs $0.44 est",
        "Barclays sees Umbrella FY EPS $2.10 vs $2.05 est",
        "Analyst raises Umbrella FY EPS $2.10 vs $2.05 est",
        "Umbrella rival Globex Q2 EPS $0.52 vs $0.44 est",
        "Umbrella supplier Globex Reports Q2 EPS $0.52 vs $0.44 est",
        "Umbrella's Globex Q2 EPS $0.52 vs $0.44 est",
        "Umbrella-backed Globex Q2 EPS $0.52 vs $0.44 est",
        "Umbrella and Globex Q2 EPS $0.52 vs $0.44 est",
        "Umbrella opens plant; Globex Q2 EPS $0.52 vs $0.44 est",
        "Globex Q2 EPS $0.52 vs $0.44 est; Umbrella opens plant",
        "Globex Q2 EPS $0.52 vs $0.44 est",
        "Umbrella shares +3.1% after U.S. retail sales +0.4% vs +0.2% est",
        "Umbrella option alert: Jan $20 calls at the ask: volume of 6,000 @ 5.35 vs 72 open interest, earnings est",
        "Umbrella tax rate 21% vs 19% est",
        "Umbrella operating expenses $52M vs $44M est",
        "Umbrella dividend $0.52 vs $0.44 est",
        "Umbrella FY18 Adj. EPS Raised To $2.10-$2.20 vs $2.05 Est",
        "Umbrella Raises FY EPS to $2.10-$2.20 vs $2.05 Est",
        "Umbrella Cuts FY EPS to $1.10-$1.20 vs $1.05 Est",
        "Umbrella sales down $3 million vs $4 million est",
        "Umbrella Q2 EPS, revenue above estimates in 2019",
        "Umbrella 52 vs Globex 44: consensus on the best telephone",
        "Umbrella vs Globex: earnings estimates for 2024",
        "\u4f1e\u516c\u53f8\u9884\u8ba1\u6bcf\u80a1\u6536\u76ca0.52\u5143\uff0c\u53bb\u5e740.44\u5143",
        "",
    ],
)  # fmt: skip
def test_what_is_not_sure_is_left_to_the_words(text: str) -> None:
    assert not told(text, "\u4f1e\u516c\u53f8" if "\u4f1e" in text else "Umbrella")


def test_the_two_figures_exchanged_make_a_miss_of_a_beat() -> None:
    draw = random.Random(5)
    forms = [
        "Umbrella Q2 EPS {} vs {} Est.", "Umbrella reports Q4 revenue of {}, est. {}", "Umbrella FFO {} vs. Est. {}",
        "Umbrella net income {} (consensus {})", "Umbrella's adj. EPS {} compared with {} expected",
        "Umbrella Q1 Sales {} against forecasts of {}",
    ]  # fmt: skip
    styles = ["${:.2f}", "$({:.2f})", "-${:.2f}", "${:.2f}M", "\u20ac{:.2f} million", "{:.2f}%"]
    opposite = {BEAT: MISS, MISS: BEAT}
    for _ in range(400):
        form, style = draw.choice(forms), draw.choice(styles)
        a, b = (style.format(draw.uniform(2, 9)) for _ in range(2))
        if a == b:
            continue
        one, other = told(form.format(a, b)), told(form.format(b, a))
        assert one and other and len(one) == 1, form.format(a, b)
        assert other == {opposite[kind] for kind in one}, form.format(a, b)


@pytest.fixture(scope="module")
def reader() -> EventReader:
    return load_event_reader()


def read(reader: EventReader, text: str, surface: str = "Umbrella") -> dict[str, Event]:
    (events,) = reader.read([text], ["X"], [surface], ["en"])
    return {event.type: event for event in events}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Umbrella Q2 EPS $0.52 vs $0.44 Est.", {BEAT}),
        ("Umbrella Reports Q1 EPS $(0.12) vs $(0.20) Est", {BEAT}),
        ("Umbrella Q1 EPS $1.02 vs $0.99 Est; Revenues $3.20B vs $3.31B Est", {BEAT, MISS}),
        ("Umbrella sees FY EPS $2.10-$2.20 vs $2.05 Est.", {RAISED}),
        ("Umbrella Reports Q1 EPS $0.41 vs $0.41 Est", set()),
    ],
)
def test_the_reader_tells_what_the_figures_say(reader: EventReader, text: str, wanted: set[str]) -> None:
    events = read(reader, text)
    assert set(events) & (RESULTS | GUIDES) == wanted
    for kind in wanted:
        event = events[kind]
        assert event.probability >= SURE
        assert (event.role, event.state) == (EventRole.SUBJECT, EventState.HAPPENED)


def test_words_that_say_it_themselves_stay(reader: EventReader) -> None:
    assert BEAT in read(reader, "Umbrella beats profit estimates")
    assert MISS in read(reader, "Umbrella quarterly profit misses estimates")
    events = read(reader, "Umbrella Q2 EPS $0.44 vs $0.44 Est; net profit falls 30% on weak demand")
    assert MISS in events and BEAT not in events


def test_a_question_is_answered_by_no_figures(reader: EventReader) -> None:
    assert BEAT not in read(reader, "Will Umbrella Q2 EPS $0.52 vs $0.44 est. lift the shares?")


def test_of_several_companies_each_has_its_own_figures(reader: EventReader) -> None:
    text = "Boeing Q2 EPS $0.52 vs $0.44 Est; Siemens Q2 EPS $0.42 vs $0.44 Est"
    names = ["Boeing", "Siemens"]
    boeing, siemens = ({event.type for event in one} for one in reader.read([text] * 2, names, names, ["en"] * 2))
    assert boeing & RESULTS == {BEAT} and siemens & RESULTS == {MISS}


def test_results_that_are_hardly_off_the_estimate_are_less_severe(reader: EventReader) -> None:
    texts = [
        "Umbrella Q1 EPS $0.97 vs $0.99 Est",
        "Umbrella Q1 EPS $0.77 vs $0.99 Est",
        "Umbrella Q1 EPS $0.77 vs $0.99 Est; Revenues $3.29B vs $3.31B Est",
        "Umbrella Q1 same-store sales 3.1% vs 3.5% estimate",
    ]
    read = reader.read(texts, ["UMB"] * 4, ["Umbrella"] * 4, ["en"] * 4)
    slight, clear, both, points = (next(one.severity for one in events if one.type == MISS) for events in read)
    assert slight == points == clear - 1 and both == clear
