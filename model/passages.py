"""Long texts: read in passages of whole sentences, whose scores become one.

The network reads 256 tokens at once, and a short passage better than a long one, as it has learnt from headlines and
posts. What decides an article may be one sentence at its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from documents import naming

SHORT = 128
"""A text of at most so many characters always fits into the 256 tokens, with the longest name that is asked about."""

WHOLE_TOKENS, COMPANY_TOKENS = 96, 48
"""A passage has about so many tokens, which is three to five sentences, or one to three where a company is asked about.
Shorter ones find more of what matters in a text as a whole, and take more dull sentences for strong ones."""

MOST_PASSAGES = 20
"""So many passages are read: of a whole text about 1,900 tokens, or 1,400 English words."""

STRENGTH, DULL = 8.0, 0.01
"""How much more a passage counts that is surely not neutral, and how much each counts at least: see ``combined``."""

_SENTENCE_END = re.compile(
    r"(?<=[.!?])[\"'\u201d\u2019)]*\s+(?=[A-Z0-9\u3400-\u9fff$\"'\u201c\u2018(])|(?<=[\u3002\uff01\uff1f])|\n+"
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Inc|Corp|Co|Ltd|No|vs|approx|Jan|Feb|Aug|Sept?|Oct|Nov|Dec)|\b[A-Z](?:\.[A-Z])*)\.$"
)


def sentences(text: str) -> list[tuple[int, int]]:
    """(start, end) of each sentence of ``text``, without the spaces around it."""
    found, start = [], 0
    for match in _SENTENCE_END.finditer(text):
        if "\n" in match.group() or not _ABBREVIATION.search(text, max(start, match.start() - 12), match.start()):
            found.append((start, match.start()))
            start = match.end()
    return [(a, b) for a, b in (*found, (start, len(text))) if text[a:b].strip()]


def passages(text: str, longest: int) -> list[tuple[int, int]]:
    """(start, end) of the passages of ``text``: as many whole sentences each as ``longest`` characters hold. A longer
    sentence is a passage by itself, or several if it has more than twice as many."""
    found: list[tuple[int, int]] = []
    for start, end in _pieces(text, longest):
        if found and end - found[-1][0] <= longest:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def _pieces(text: str, longest: int) -> Iterator[tuple[int, int]]:
    longest = max(1, longest)  # or a text of more tokens than characters would never end
    for start, end in sentences(text):
        while end - start > 2 * longest:
            cut = text.rfind(" ", start + 1 + longest // 2, start + longest)
            cut = cut if cut > start else start + longest
            yield start, cut
            start = cut
        yield start, end


def passages_to_read(text: str, tokens: int, entity: str | None, most: int) -> list[tuple[int, int]]:
    """(start, end) of the passages of ``text``, which has so many ``tokens``: of the whole text, or those that name
    ``entity``. If none names it, the whole text is about it. ``most`` tokens can be read at once."""
    room = most * 3 // 8  # a sentence may be twice as long as a passage, and the company's name comes on top
    if entity:
        name, longest = naming(entity), min(COMPANY_TOKENS, room) * len(text) // tokens
        about = [span for span in passages(text, longest) if name.search(text, *span)]
        if about:
            return about
    return passages(text, min(WHOLE_TOKENS, room) * len(text) // tokens)


def within_budget(spans: Sequence[tuple[int, int]], most: int = MOST_PASSAGES) -> list[tuple[int, int]]:
    """At most so many of the passages at ``spans``: three quarters of them the first, and the rest the last, where a
    text says what comes of it."""
    if len(spans) <= most:
        return list(spans)
    last = most // 4
    return [*spans[: most - last], *spans[-last:]]


def combined(logits: np.ndarray) -> np.ndarray:
    """The logits [3] of a text from the ``logits`` [n, 3] of its passages.

    A mean, in which a passage counts by its probability of not being neutral, to the power of ``STRENGTH``. So a few
    strong passages decide among many dull ones. A dull one counts ``DULL``, so that many say more than a doubtful one.
    """
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    neutral = shifted[:, 1] / shifted.sum(axis=1)
    weights = (1 - neutral) ** STRENGTH + DULL
    return ((weights / weights.sum()) @ logits).astype(np.float32)


def strongest(logits: np.ndarray, of: np.ndarray) -> int:
    """Which of the passages or sentences with ``logits`` [n, 3] speaks most for the side to which those of the text,
    ``of`` [3], lean."""
    sides = logits[:, 2] - logits[:, 0]
    return int((sides if of[2] >= of[0] else -sides).argmax())
