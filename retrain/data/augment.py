"""Noise for training, so that a text's meaning decides and not its spelling.

The kinds of noise are those that ``model.evaluation`` measures. They are drawn by other means, so that the measurement
does not only repeat what was trained.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from retrain.data.examples import Example
from retrain.data.labelled_sets import OF_WHOLE_TWEETS

_PICTURES = ("👀", "🤔", "⚡", "📰", "📊", "💼", "🏦", "🗞️")
"""No pictures of joy or of falling curves: those change what a comment says."""

_CASES: tuple[Callable[[str], str], ...] = (str.lower, str.upper, str.title)


def perturbed(example: Example, names: Sequence[str], share: float, rng: random.Random) -> Example:
    """``example`` as one epoch shows it.

    A text about one entity is sometimes shown without it, because documents are scored as a whole too. A ``share`` of
    the texts gets one kind of noise: typos, another case, inserted spaces, a picture, or the entity renamed to one of
    ``names``.
    """
    if (
        example.entity
        and example.single
        and rng.random() < (0.5 if example.dataset in OF_WHOLE_TWEETS | {"zh_news"} else 0.2)
    ):
        example = replace(example, entity=None)
    if rng.random() >= share:
        return example
    text, entity = example.text, example.entity
    kind = rng.choice(("case", "typo", "typo", "space", "space", "picture", *(["name"] * 3 if names else [])))
    if kind == "case":
        case = rng.choice(_CASES)
        text, entity = case(text), case(entity) if entity else None
    elif kind == "picture":
        text = f"{text} {rng.choice(_PICTURES)}"
    elif kind == "name":
        if entity and entity in text and names:
            name = rng.choice(names)
            text, entity = text.replace(entity, name), name
    else:
        words = text.split(" ")
        for _ in range(max(1, len(words) // 10)):
            i = rng.randrange(len(words))
            if len(words[i]) > 3 and not (entity and words[i] in entity):
                words[i] = _misspelt(words[i], kind, rng)
        text = " ".join(words)
    return replace(example, text=text, entity=entity)


def _misspelt(word: str, kind: str, rng: random.Random) -> str:
    at = rng.randrange(1, len(word) - 1)
    if kind == "space":
        return f"{word[:at]} {word[at:]}"
    return rng.choice(
        (
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
        )
    )
