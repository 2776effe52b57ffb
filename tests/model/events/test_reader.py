"""The shipped reader of events: what it says of short texts, and how it is loaded."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from documents.events import Event, EventState, load_event_types
from model.events import BadEventWeights, EventReader, EventWeights, load_event_reader

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


def test_the_end_of_a_long_text_is_read(reader: EventReader) -> None:
    dull = "The company holds its annual meeting in the town hall and serves coffee to everyone. " * 60
    assert "bankruptcy" in read(reader, f"{dull}Acme filed for bankruptcy.", "Acme")


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
