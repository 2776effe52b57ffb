"""The shipped reader of events: what it says of short texts, and how it is loaded."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from documents.events import Event, EventRole, EventState, load_event_types
from model.events import BadEventWeights, EventReader, EventWeights, load_event_reader, polarity, severity

SHIPPED = Path(__file__).parents[3] / "model" / "default" / "events"


@pytest.fixture(scope="module")
def reader() -> EventReader:
    return load_event_reader()


def read(reader: EventReader, text: str, surface: str) -> dict[str, Event]:
    (events,) = reader.read([text], ["X"], [surface], [None])
    return {event.type: event for event in events}


def test_an_event_is_read_with_all_its_words(reader: EventReader) -> None:
    event = read(reader, "Acme files for bankruptcy", "Acme")["bankruptcy"]
    assert (event.entity, event.state, event.polarity) == ("X", EventState.HAPPENED, -1)
    assert event.severity == 5 and event.probability >= 0.5 and 0 < event.relevance <= 100


def test_the_name_of_the_company_changes_nothing(reader: EventReader) -> None:
    one, other = (read(reader, f"{name} recalls 20,000 cars", name) for name in ("Acme", "Umbrella Fire Corp"))
    assert one == other and "recall" in one


def test_a_language_that_the_reader_does_not_know_has_no_events(reader: EventReader) -> None:
    assert reader.read(["Acme files for bankruptcy"], ["X"], ["Acme"], ["fi"]) == [[]]


def test_each_pair_has_a_list_of_its_own(reader: EventReader) -> None:
    text = "Acme files for bankruptcy"
    found = reader.read(
        [text, "Globex holds its annual meeting", text], ["A", "B", "C"], ["Acme", "Globex", "Acme"], ["en"] * 3
    )
    assert [[event.entity for event in events if event.type == "bankruptcy"] for events in found] == [["A"], [], ["C"]]


def test_the_words_that_decided_are_named(reader: EventReader) -> None:
    words = reader.explain("Acme files for bankruptcy", "Acme", "bankruptcy")
    assert "bankruptcy" in words[0].text and words[0].weight > 0
    assert all("Acme files for bankruptcy"[word.start : word.end] == word.text for word in words)


@pytest.mark.parametrize(
    ("text", "surface", "kind"),
    [
        ("Regulators fine Umbrella Fire Corp over bribes", "Umbrella Fire Corp", "fine"),
        ("Cafe owners sue Nestl\u00e9, whose coffee machine caught fire", "Nestl\u00e9", "lawsuit"),
        ("\u5ba2\u6237\u8d77\u8bc9\u4f1e\u516c\u53f8", "\u4f1e\u516c\u53f8", "lawsuit"),
    ],
)
def test_a_piece_that_ends_with_the_company_has_its_whole_name(
    reader: EventReader, text: str, surface: str, kind: str
) -> None:
    start = text.index(surface)
    name = range(start, start + len(surface))
    words = reader.explain(text, surface, kind, 1000)
    assert any(word.end == name.stop for word in words)
    assert not [word for word in words if word.start in name[1:] or word.end in name[1:]]
    assert all(text[word.start : word.end] == word.text for word in words)


def test_the_end_of_a_long_text_is_read(reader: EventReader) -> None:
    dull = "The company holds its annual meeting in the town hall and serves coffee to everyone. " * 60
    assert "bankruptcy" in read(reader, f"{dull}Acme filed for bankruptcy.", "Acme")


def test_weights_are_read_as_they_were_written(tmp_path: Path) -> None:
    shipped = EventWeights.read(SHIPPED)
    transposed = replace(shipped, role_of=np.asfortranarray(shipped.role_of))
    transposed.write(tmp_path)
    again = EventWeights.read(tmp_path)
    assert again.vocabulary == shipped.vocabulary
    for name in ("rows", "scale", "bias", "role_of", "state_of"):
        assert np.array_equal(getattr(again, name), getattr(shipped, name)), name


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SHIPPED, tmp_path / "events"))
    assert EventWeights.read(folder).types == load_event_types().names
    weights = folder / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(BadEventWeights, match="sha256"):
        EventWeights.read(folder)
    weights.unlink()
    with pytest.raises(BadEventWeights, match="cannot be read"):
        EventWeights.read(folder)


def test_the_examples_of_the_taxonomy_are_read_as_their_type(reader: EventReader) -> None:
    """They are learnt from as well, so this tells that nothing was lost between training and use."""
    wrong = [
        text
        for kind in load_event_types().by_name.values()
        for texts, name in ((kind.en, "Acme"), (kind.zh, "\u827e\u514b\u7c73"))
        for text in texts
        if kind.name not in read(reader, text.replace("{c}", name), name)
    ]
    assert not wrong


# Each of these kinds was once read wrongly. The companies and wordings are not those of the training data.
KINDS = [
    ("Umbrella: chairman used company money for personal use", "Umbrella", "embezzlement", EventRole.SUBJECT, -1),
    ("Goldman downgrades Umbrella", "Umbrella", "analyst_downgrade", EventRole.SUBJECT, -1),
    ("Travel group Umbrella in talks to avoid collapse", "Umbrella", "bankruptcy", EventRole.SUBJECT, -1),
    ("Umbrella cleared of wrongdoing", "Umbrella", "cleared", EventRole.SUBJECT, 1),
    ("SEC opens inquiry into accounting at Umbrella", "Umbrella", "investigation", EventRole.SUBJECT, -1),
    ("Short seller targets Umbrella", "Umbrella", "short_seller_report", EventRole.SUBJECT, -1),
    ("Umbrella denies bankruptcy rumours", "Umbrella", "bankruptcy", EventRole.SUBJECT, 1),
]


@pytest.mark.parametrize(("text", "surface", "kind", "role", "polarity"), KINDS)
def test_kinds_that_sentiment_reads_wrongly(
    reader: EventReader, text: str, surface: str, kind: str, role: EventRole, polarity: int
) -> None:
    event = read(reader, text, surface)[kind]
    assert (event.role, event.polarity) == (role, polarity)


def test_the_bank_that_downgrades_is_not_the_subject(reader: EventReader) -> None:
    event = read(reader, "Goldman downgrades Umbrella", "Goldman").get("analyst_downgrade")
    assert event is None or (event.role is EventRole.COUNTERPARTY and event.polarity == 0)


@pytest.mark.parametrize(
    "text",
    [
        "Umbrella holds its annual meeting on Tuesday",
        "Five stocks to watch: Umbrella, Acme, Globex",
        "Umbrella将于周二举行股东大会",
    ],
)
def test_nothing_happened(reader: EventReader, text: str) -> None:
    assert read(reader, text, "Umbrella") == {}


@pytest.mark.parametrize(
    ("kind", "more", "less"),
    [
        ("lawsuit", "class action filed against @", "rival sues @ over patent"),
        ("lawsuit", "\u8f66\u4e3b\u5230@\u95e8\u5e97\u7ef4\u6743", "@\u88ab\u540c\u884c\u8d77\u8bc9"),
        ("abuse", "young worker dies after long shifts at @", "@ workers complain of long shifts"),
        ("chief_arrives", "@ founder returns as chief executive", "@ names finance chief"),
        ("price_surge", "@ shares soar", "@ shares rise"),
        ("layoffs", "mass layoffs at @", "layoffs at @"),
        ("regulatory_approval", "@ wins approval for its vaccine", "@ wins approval for its logo"),
        ("cleared", "@ cleared of criminal charges", "@ wins patent case"),
    ],
)
def test_some_words_make_it_worse_or_more_of_a_surprise(kind: str, more: str, less: str) -> None:
    of = load_event_types().by_name[kind]
    found = [severity(of, text, EventRole.SUBJECT, EventState.HAPPENED) for text in (more, less)]
    assert found == [of.severity + 1, of.severity]


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("Acme fourth-quarter profit nosedives", False),
        ("Acme sales plunge 60% in May", False),
        ("Acme shares plunge as sales slump", True),
        ("Acme plunges 20% after profit warning", True),
    ],
)
def test_profits_that_plunge_are_no_move_of_the_shares(reader: EventReader, text: str, moved: bool) -> None:
    assert ("price_plunge" in read(reader, text, "Acme")) is moved


def test_a_figure_of_the_business_is_none_of_the_share() -> None:
    plunge = load_event_types().by_name["price_plunge"]
    for text, wanted in [("@ deliveries plunge 80%", 3), ("@ shares plunge 80% as deliveries stop", 5)]:
        assert severity(plunge, text, EventRole.SUBJECT, EventState.HAPPENED) == wanted


def test_severity_and_polarity_follow_figures_state_and_role() -> None:
    types = load_event_types().by_name
    subject, happened = EventRole.SUBJECT, EventState.HAPPENED
    assert severity(types["price_plunge"], "@ shares fall 45%", subject, happened) == 5
    assert severity(types["price_plunge"], "@ shares fall", subject, happened) == 3
    assert severity(types["price_plunge"], "@ shares fall 12%", subject, happened) == 4
    assert severity(types["price_surge"], "@ shares up 8%", subject, happened) == 3
    assert severity(types["acquisition"], "@ buys a bakery", subject, happened) == 2
    assert severity(types["acquisition"], "@ buys rival for $2 billion", subject, happened) == 2
    assert severity(types["acquisition"], "@ buys rival for $3 billion", subject, happened) == 3
    assert severity(types["contract_won"], "@ wins $2 billion order", subject, happened) == 3
    assert severity(types["fine"], "@ fined $2 billion", subject, happened) == 4
    assert severity(types["fine"], "@ fined $90 million", subject, happened) == 2
    assert severity(types["fine"], "@ fined $200 million", subject, happened) == 3
    assert severity(types["recall"], "@ recalls 24,763 minivans", subject, happened) == 2
    assert severity(types["recall"], "@ recalls 324,000 minivans", subject, happened) == 3
    assert severity(types["bankruptcy"], "@ may fail", subject, EventState.THREATENED) == 4
    assert severity(types["bankruptcy"], "rival of @ fails", EventRole.MENTIONED, happened) == 3
    assert polarity(types["strike"], "@ strike averted", subject, EventState.AVERTED) == 1
    assert polarity(types["bankruptcy"], "@ denies it", subject, EventState.DENIED) == 1
    assert polarity(types["bankruptcy"], "rival of @ fails", EventRole.MENTIONED, happened) == 0


def test_an_index_that_takes_a_company_in_is_good_news_and_one_that_drops_it_bad() -> None:
    change = load_event_types().by_name["index_change"]
    for text, level, direction in [
        ("@ to join s&p 500", 3, 1),
        ("@ removed from ftse 100", 3, -1),
        ("@ added to regional index", 2, 1),
        ("@\u88ab\u5254\u9664\u51fa\u6307\u6570", 2, -1),
    ]:
        assert severity(change, text, EventRole.SUBJECT, EventState.HAPPENED) == level
        assert polarity(change, text, EventRole.SUBJECT, EventState.HAPPENED) == direction


@pytest.mark.parametrize(
    ("kind", "usual", "less"),
    [
        ("price_plunge", "@ shares slip 7%", "@ shares slip"),
        ("price_surge", "@ shares jump 30%", "@ shares jump 30% in market debut"),
        ("takeover_target", "rival to buy @", "rival to buy gas assets of @"),
        ("chief_leaves", "@ chief executive quits", "@ product chief quits"),
        ("chief_leaves", "@'s chief executive quits", "@'s lorry boss quits"),
        ("chief_leaves", "@ chairman quits", "@ investor quits the board"),
        ("production_halt", "@ halts production at all plants", "@ resumes production at all plants"),
        ("production_halt", "@ closes 240 shops", "@ closes two shops"),
        ("antitrust", "cartel office opens probe of @", "rivals ask for antitrust probe of @"),
        ("antitrust", "cartel office fines @", "antitrust ruling on @ deal due in may"),
        ("fine", "@ fined $200 million", "@ fined by watchdog"),
        ("recall", "@ recalls all toasters", "@ recalls some toasters"),
        ("accident", "@ ferry sinks", "judge hears claims over sunk @ ferry"),
        ("acquisition", "@ to buy rival for $9 billion", "shareholders approve @ buying rival for $9 billion"),
        ("arrest", "@ finance chief arrested", "former @ finance chief arrested"),
        ("charge", "@ charged with fraud", "@ cleared of fraud"),
        ("bankruptcy", "@ files for bankruptcy", "victims of bankrupt @ are paid"),
        ("hack", "@ hacked", "explainer: what the hack of @ means"),
        ("outage", "@ network down", "how did the @ network go down?"),
    ],
)
def test_what_is_small_or_only_a_part_or_known_is_less(kind: str, usual: str, less: str) -> None:
    of = load_event_types().by_name[kind]
    levels = [severity(of, text, EventRole.SUBJECT, EventState.HAPPENED) for text in (usual, less)]
    assert levels[0] > levels[1]


def test_the_body_of_a_first_report_makes_it_no_older(reader: EventReader) -> None:
    bought = load_event_types().by_name["acquisition"]
    text = "@ to buy rival for $9 billion\n@ expects regulators to approve the deal."
    assert severity(bought, text, EventRole.SUBJECT, EventState.HAPPENED) == 3


@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        ("Umbrella closes all its factories", "production_halt", 3),
        ("Umbrella's sales suffer after it halted production at all plants", "production_halt", 2),
        ("Umbrella shares slump after it cuts its full-year forecast", "guidance_cut", 3),
        ("Umbrella hires a lawyer after it cuts its full-year forecast", "guidance_cut", 2),
        ("Umbrella hires a lawyer after Monday. Umbrella cuts its full-year forecast", "guidance_cut", 3),
        ("Umbrella names a new spokesman after it files for bankruptcy", "bankruptcy", 4),
    ],
)
def test_what_is_told_as_background_is_one_step_less_unless_it_moved_the_shares(
    reader: EventReader, text: str, kind: str, told: int
) -> None:
    assert read(reader, text, "Umbrella")[kind].severity == told


@pytest.mark.parametrize(
    "text", ["Globex rejects Umbrella's raised takeover offer", "Umbrella abandons its hostile bid for Globex"]
)
def test_the_company_that_bids_is_not_the_one_that_is_bid_for(reader: EventReader, text: str) -> None:
    assert "takeover_target" not in read(reader, text, "Umbrella")


@pytest.mark.parametrize(
    "text",
    [
        "Karlow Bank halts withdrawals | Umbrella among those watching",
        "Umbrella hosts webinar - Moody's cuts Tarrant to junk",
    ],
)
def test_the_event_of_another_company_is_not_that_of_the_one_asked_about(reader: EventReader, text: str) -> None:
    assert not [event for event in read(reader, text, "Umbrella").values() if event.polarity and event.severity >= 4]


@pytest.mark.parametrize(
    "text",
    [
        "Boeing files for bankruptcy protection, Siemens says",
        "Siemens wins an order while Boeing files for bankruptcy",
        "Boeing files for bankruptcy protection; Siemens opens a plant",
        "Boeing files for bankruptcy protection, according to Siemens",
    ],
)
def test_of_several_companies_an_event_is_that_of_the_clause_that_tells_it(reader: EventReader, text: str):
    names = ["Boeing", "Siemens"]
    boeing, siemens = (
        {event.type: event for event in events} for events in reader.read([text] * 2, names, names, ["en"] * 2)
    )
    assert boeing["bankruptcy"].role is EventRole.SUBJECT and boeing["bankruptcy"].polarity == -1
    assert siemens["bankruptcy"].role is EventRole.MENTIONED and siemens["bankruptcy"].polarity == 0
