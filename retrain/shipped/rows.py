"""The rows that the shipped models are trained, validated and tested on."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zlib import crc32

from tokenizers import Tokenizer

from model.encoder import base, pieces
from model.evaluation.behaviour import cases
from retrain.data import OF_WHOLE_TWEETS, TRAINED_ON, Example, clusters, load, phrases, read, split, written_sentences

REPEATED = ("semeval", "fiqa", "finentity")
"""Small sets, shown twice an epoch unless others are named. Headlines whose companies have different labels are shown
twice as well."""


@dataclass(frozen=True, slots=True)
class ShippedRows:
    """``examples`` are all rows of the sets, before they were split."""

    training: list[Example]
    validation: list[Example]
    test: list[Example]
    examples: list[Example]


def whole_tweets(rows: Sequence[Example]) -> list[Example]:
    """``rows`` with the tweets' cashtags taken away: a tweet's label is of the whole tweet, so it is judged without its
    cashtag. Training shows the cashtag at times."""
    return [replace(e, entity=None) if e.dataset in OF_WHOLE_TWEETS else e for e in rows]


@dataclass(frozen=True, slots=True)
class Added:
    """Sets in ``folder``, beside those that the model was first trained on, and at most how many rows of each (None:
    all) to train on."""

    folder: Path
    rows: Mapping[str, int | None]


def most_rows(named: Sequence[str]) -> dict[str, int | None]:
    """At most how many rows of each set; ``named`` as they are on the command line: ``set`` or ``set:rows``."""
    pairs = (name.partition(":") for name in named)
    return {name: int(rows) if rows else None for name, _, rows in pairs}


def shipped_rows(
    data: Path,
    language: str,
    sets: Mapping[str, int | None],
    repeated: Sequence[str],
    phrase_count: int,
    seed: int,
    limit: int,
    behaviour: int = 0,
    added: Added | None = None,
    written: Sequence[str] = (),
) -> ShippedRows:
    """Rows of ``sets`` in the folder ``data``, at most so many of each to train on (None: all).

    Rows of ``repeated`` sets come twice. For English there are about ``phrase_count`` phrases, too. With ``limit``,
    only about so many rows are trained on. ``behaviour`` sentences of each behavioural template that training may see
    come on top, the rows of ``added``, and the sentences of the files ``written`` (``retrain/data/written``). Raises
    ``FileNotFoundError`` for a missing set or file.
    """
    # Split with all sets, so that a row is in the same part whichever of the sets are chosen.
    examples = load(data, list(dict.fromkeys([*TRAINED_ON[language], *sets])))
    training, validation, test = ([e for e in rows if e.dataset in sets] for rows in split(examples))
    validation, test = whole_tweets(validation), whole_tweets(test)
    training = [e for name, most in sets.items() for e in _some(training, name, most, seed)]
    extra = [e for e in training if e.dataset in repeated or (e.dataset == "sentfin" and e.mixed)]
    # This set has several rows for each text of some hundred tokens. Half of the rows teach as much and cost half.
    training = [e for i, e in enumerate(training) if e.dataset != "zh_finnsp" or i % 2]
    training = [*training, *extra, *(phrases(phrase_count, seed) if language == "en" else ())]
    if limit:
        training, validation = training[:: -(-len(training) // limit)], validation[::10]
    if behaviour:
        made = _behavioural(behaviour, seed)
        # Without templates of its own in the validation, the start would seem as good as what has learnt the others.
        validation = [*validation, *(example for template, example in made if crc32(template.encode()) % 8 == 0)]
        training = [*training, *(example for template, example in made if crc32(template.encode()) % 8)]
    if written:
        own = written_sentences(language, written)
        validation = [*validation, *(one.example() for one in own if one.judges)]
        training = [*training, *(one.example() for one in own if not one.judges)]
    if added:
        more = added_rows(added, [*validation, *test], seed)
        training, validation, test = (
            [*rows, *new] for rows, new in zip((training, validation, test), more, strict=True)
        )
    return ShippedRows(training, validation, test, examples)


def added_rows(
    added: Added, judged_on: Sequence[Example], seed: int = 0
) -> tuple[list[Example], list[Example], list[Example]]:
    """(train, validation, test) of the added sets. Rows that nearly are one of ``judged_on`` are not trained on."""
    examples = load(added.folder, list(added.rows))
    numbers = clusters([e.text for e in [*judged_on, *examples]])
    judged, near = set(numbers[: len(judged_on)]), numbers[len(judged_on) :]
    taken = {id(example) for example, number in zip(examples, near, strict=True) if number in judged}
    training, validation, test = split(examples)
    chosen: list[Example] = []
    for name, most in added.rows.items():
        chosen += _some([e for e in training if id(e) not in taken], name, most, seed)
    return chosen, whole_tweets(validation), whole_tweets(test)


def _some(rows: Sequence[Example], name: str, most: int | None, seed: int) -> list[Example]:
    """The rows of the set ``name``, or ``most`` of them at random."""
    chosen = [e for e in rows if e.dataset == name]
    if most is None:
        return chosen
    random.Random(seed).shuffle(chosen)
    return chosen[:most]


def _behavioural(count: int, seed: int) -> list[tuple[str, Example]]:
    """``count`` sentences of each template that training may see, each with its template."""
    return [
        (case.template, Example("behaviour", case.text, case.label, case.entity))
        for case in cases(count, seed)
        if not case.held_out
    ]


SCRIPTS = frozenset({"LATIN", "CYRILLIC", "HIRAGANA", "KATAKANA", "HANGUL", "CJK"})
"""The scripts of the languages beside English and Chinese."""

USUAL = -13.1
"""Pieces of ``SCRIPTS`` with at least this log-probability are known to the part for many languages, though no row has
them: 54,000."""


def usual_pieces() -> set[int]:
    """The ids of the usual pieces of ``e5`` in ``SCRIPTS`` and of those without letters."""
    return {
        i
        for i, (piece, chance) in enumerate(pieces())
        if chance >= USUAL and {unicodedata.name(c, "").split(" ")[0] for c in piece if c.isalpha()} <= SCRIPTS
    }


def vocabulary(texts: Sequence[str], chinese: bool) -> list[int]:
    """The pieces of ``e5`` that ``texts`` use, all single ASCII characters, and pieces of Chinese characters: all if
    the texts are ``chinese``, else those of one."""
    whole = Tokenizer.from_str(base("e5").tokenizer)
    used = {i for encoding in whole.encode_batch(texts) for i in encoding.ids}
    signs = "▁0123456789%.,:;!?-+()/"

    def kept(piece: str) -> bool:
        if not chinese and len(piece.strip("▁")) > 1:
            return False
        return (len(piece) == 1 and piece.isascii()) or all("一" <= c <= "鿿" or c in signs for c in piece)

    return [i for i, (piece, _) in enumerate(pieces()) if i < 4 or i in used or kept(piece)]


def vocabulary_of_rows(data: Path, language: str, examples: Sequence[Example]) -> list[int]:
    """The ``vocabulary`` of the rows: for Chinese, also that of the stream's unlabelled texts beside the folder
    ``data``, and for many languages, also the usual pieces."""
    unlabelled = data.parent / "stream" / "zh_unlabelled.csv.gz"
    more = read(unlabelled, labelled=False) if language == "zh" and unlabelled.exists() else []
    known = vocabulary([e.text for e in [*examples, *more]], chinese=language != "more")
    return sorted(usual_pieces().union(known)) if language == "more" else known
