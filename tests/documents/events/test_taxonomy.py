"""The file of event types: what ships is whole, and what is wrong with a file of one's own is named."""

from pathlib import Path

import pytest

from documents.events import BadEventTypes, load_event_types

ONE = """
- {name: moon_landing, group: business, polarity: 1, severity: 2, half_life_h: 24, pages: false, definition: There.}
"""


def test_the_shipped_types_are_those_that_page_and_those_that_do_not():
    types = load_event_types().by_name
    assert len(types) >= 70
    assert len({one.group for one in types.values()}) >= 10
    assert types["bankruptcy"].polarity == -1 and types["bankruptcy"].severity == 5 and types["bankruptcy"].pages
    assert not types["stock_split"].pages
    assert not [one.name for one in types.values() if one.pages and one.severity < 3]


def test_a_file_of_ones_own_takes_the_place_of_the_shipped_one(tmp_path: Path, monkeypatch):
    (tmp_path / "types.yaml").write_text(ONE)
    monkeypatch.setenv("FINSENT_EVENT_TYPES", str(tmp_path / "types.yaml"))
    assert load_event_types().names == ["moon_landing"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (ONE + ONE, "'moon_landing' stands twice"),
        (ONE.replace("severity: 2", "severity: 9"), "severity"),
        (ONE.replace("moon_landing", "Moon landing"), "name"),
        (ONE.replace("pages", "wakes"), "wakes"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_what_is_wrong(tmp_path: Path, text: str, complaint: str):
    (tmp_path / "types.yaml").write_text(text)
    with pytest.raises(BadEventTypes, match=f"types.yaml: .*{complaint}"):
        load_event_types(tmp_path / "types.yaml")


def test_a_file_that_is_not_there_is_named_with_its_variable(tmp_path: Path):
    with pytest.raises(BadEventTypes, match=r"none\.yaml: No such file .*FINSENT_EVENT_TYPES"):
        load_event_types(tmp_path / "none.yaml")
