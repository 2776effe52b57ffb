"""The event of a company that nobody asked about is not given to the one that the same text names.

The sentences are our own. Their frames are in no training data; one sentence in them showed what the rule then lacked.
"""

from __future__ import annotations

import pytest

from documents.events import EventRole
from model.events import EventReader, load_event_reader

ENGLISH = {
    "bankruptcy": ("{x} files for bankruptcy", "Velmora Corp"),
    "recall": ("{x} recalls 40,000 heaters", "Quarndon"),
    "data_breach": ("Hackers steal customer data from {x}", "Brixley Bank"),
    "layoffs": ("{x} cuts 2,000 jobs", "Oskery Motors"),
    "fine": ("Regulators fine {x} $30 million", "Plethora Energy"),
}
FRAMES = [
    "{s}, says {c} analyst",
    "{s}, {c} economist tells newspaper",
    "{s} as {c} opens new campus in Berlin",
    "{c} names new head of design while {s}",
    "{s}: {c} watches from afar",
    "{c} visitors hear that {s}",
    "{s}, a note from {c} shows",
    "{c} signs lease next door; {s}",
]
CHINESE = {
    "bankruptcy": ("{x}申请破产", "维罗集团"),
    "recall": ("{x}召回四万台取暖器", "科兰电器"),
    "data_breach": ("{x}客户数据遭泄露", "博斯银行"),
    "layoffs": ("{x}裁员两千人", "奥凯汽车"),
}
CHINESE_FRAMES = [
    "{s},{c}专家表示关注",
    "{c}举办开放日,{s}",
    "{s},{c}研究员在报告中写道",
    "{c}新园区启用,{s}",
    "据{c}人士透露,{s}",
]
CASES = [
    (kind, frame, sentence, other, name)
    for frames, sentences, name in ((FRAMES, ENGLISH, "Siemens"), (CHINESE_FRAMES, CHINESE, "西门子"))
    for frame in frames
    for kind, (sentence, other) in sentences.items()
]


@pytest.fixture(scope="module")
def reader() -> EventReader:
    return load_event_reader()


def told(reader: EventReader, text: str, surface: str) -> set[str]:
    """The types that the text tells of the company itself."""
    (events,) = reader.read([text], ["X"], [surface], [None])
    return {event.type for event in events if event.role is EventRole.SUBJECT}


@pytest.mark.parametrize(("chinese", "most"), [(False, 6), (True, 0)])
def test_the_event_of_an_unknown_company_stays_with_it(reader: EventReader, chinese: bool, most: int) -> None:
    texts = [
        (kind, frame.format(s=sentence.format(x=other), c=name), name)
        for kind, frame, sentence, other, name in CASES
        if (name == "西门子") == chinese
    ]
    wrong = [text for kind, text, name in texts if kind in told(reader, text, name)]
    assert len(wrong) <= most, f"{len(wrong)} of {len(texts)}: {wrong}"


@pytest.mark.parametrize(("chinese", "most"), [(False, 1), (True, 0)])
def test_the_company_keeps_its_own_event_where_an_unknown_one_speaks_of_it(
    reader: EventReader, chinese: bool, most: int
) -> None:
    texts = [
        (kind, frame.format(s=sentence.format(x=name), c=other), name)
        for kind, frame, sentence, other, name in CASES
        if (name == "西门子") == chinese
    ]
    missed = [text for kind, text, name in texts if kind not in told(reader, text, name)]
    assert len(missed) <= most, f"{len(missed)} of {len(texts)}: {missed}"


@pytest.mark.parametrize(
    ("text", "surface", "role"),
    [
        ("Brixley Bank maintains hold on Umbrella, lowers price target to $40", "Brixley Bank", EventRole.COUNTERPARTY),
        ("Brixley Bank maintains hold on Umbrella, lowers price target to $40", "Umbrella", EventRole.SUBJECT),
        ("Umbrella downgraded at Brixley Bank", "Brixley Bank", EventRole.COUNTERPARTY),
        ("Umbrella downgraded at Brixley Bank", "Umbrella", EventRole.SUBJECT),
    ],
)
def test_a_verdict_is_an_event_of_the_company_that_is_judged(text: str, surface: str, role: EventRole) -> None:
    (events,) = load_event_reader().read([text], ["X"], [surface], [None])
    assert {event.type: event.role for event in events} == {"analyst_downgrade": role}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Brixley upgrades Umbrella to Buy", "acquisition"),
        ("Brixley maintains hold on Umbrella, lowers price target to $40", "guidance_cut"),
        ("Will Umbrella files show a bankruptcy?", "bankruptcy"),
        ("Could Umbrella file for bankruptcy?", "bankruptcy"),
    ],
)
def test_a_verdict_or_a_question_tells_nothing_else(reader: EventReader, text: str, kind: str) -> None:
    assert kind not in told(reader, text, "Umbrella")
