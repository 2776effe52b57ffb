"""What real feeds bring along: copies, repeats, markup, personal data, and lines that are no message."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

OUTLETS = ("newswire-a", "newswire-b", "city-desk", "market-post", "the-ledger", "harbour-times", "agency-north",
           "trading-floor", "evening-bourse", "capital-letter")  # fmt: skip
SYNDICATED, SENT_TWICE = 45, 45


def syndicated(chance: random.Random, news: Sequence[dict[str, Any]], numbers: Iterator[int]) -> list[dict[str, Any]]:
    """Copies of some stories: other outlets publish them minutes later, word for word or nearly."""
    copies = []
    for story in chance.sample(news, SYNDICATED):
        others = [outlet for outlet in OUTLETS if outlet != story["source"]]
        for outlet in chance.sample(others, chance.randint(1, 9)):
            at = datetime.fromisoformat(story["published_at"]) + timedelta(minutes=chance.randint(1, 90))
            ending = chance.choice(["", "", " (with agency material)", " - reported by agencies"])
            copy = {**story, "id": f"n{next(numbers):05}", "source": outlet}
            copy |= {"body": story["body"] + ending, "published_at": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
            copies.append(copy)
    return copies


def disguise(chance: random.Random, comments: Sequence[dict[str, Any]]) -> None:
    """Put into some comments what texts from the web contain: markup, invisible characters, look-alike letters, and
    personal data."""
    personal = (
        "mail me: {n}@mail.example.com", "call 555-014-{n:04}", "card 4111 1111 1111 1111, never again",
        "Tel. +49 30 5550{n:04}",
    )  # fmt: skip
    for number, record in enumerate(chance.sample(comments, 120)):
        text = record["text"]
        match number % 5:
            case 0:
                text = f"<p>{text.replace('&', '&amp;')}</p><br/>"
            case 1:
                text = text.replace("a", "a\u200b", 2)
            case 2:
                text = text.replace("e", "\u0435", 1).replace("o", "\u043e", 1)
            case 3:
                text = f"{text}\n\n  &#128640;\u00a0"
            case _:
                text = f"{text} {personal[number // 5 % len(personal)].format(n=number)}"
        record["text"] = text


def repeated(chance: random.Random, values: Sequence[bytes]) -> Iterator[bytes]:
    """``values``, with some sent again, at once or a little later, as a producer's retry does."""
    chosen = set(chance.sample(range(len(values)), SENT_TWICE // 2 + 1))
    later: list[tuple[int, bytes]] = []
    for i, value in enumerate(values):
        yield value
        if i in chosen:
            later.append((i + chance.choice([0, 0, 3, 20]), value))
        while later and later[0][0] <= i:
            yield later.pop(0)[1]
    yield from (value for _, value in later)


def malformed(topic: str) -> Iterator[tuple[str, bytes]]:
    """(kind of error, bytes) of lines that are no message of ``topic``."""
    text = b"title" if topic == "news" else b"text"
    whole = b'{"id": "x%d", "source": "newswire-a", "' + text + b'": "%s", "published_at": "%s"}'
    day = b"2020-06-17T10:00:00Z"
    yield "not_json", b"<html><body>502 Bad Gateway</body></html>"
    yield "not_json", b"id=17;text=hello"
    yield "not_json", whole[:40]
    yield "not_json", b'{"id": "x", "source": '
    yield "invalid", b"{}"
    yield "invalid", b"[]"
    yield "invalid", b'{"id": "x1", "source": "newswire-a", "published_at": "2020-06-17T10:00:00Z"}'
    yield (
        "invalid",
        b'{"id": 12, "source": "newswire-a", "' + text + b'": "A number as id", "published_at": "' + day + b'"}',
    )
    yield "invalid", whole % (2, b"No time zone", b"2020-06-17T10:00:00")
    yield "invalid", whole % (3, b"A date in words", b"last Wednesday")
    yield "empty_text", whole % (4, b"   ", day)
    yield "empty_text", whole % (5, b"<p></p>&nbsp;", day)
    yield "absurd_date", whole % (6, b"Before there was a market", b"0620-06-17T10:00:00Z")
    yield "absurd_date", whole % (7, b"From the far future", b"2999-06-17T10:00:00Z")
    yield "encoding", whole % (8, "Münchner Börse".encode("latin-1"), day)
    yield "too_large", whole % (9, b"word " * 220_000, day)
