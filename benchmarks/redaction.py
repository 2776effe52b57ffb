"""How much personal data redaction finds, how many figures it takes out by mistake, and what it costs.

    python -m benchmarks.redaction [STREAM.csv.gz ...] [--show]

Recall is measured on sentences of our own making. In the files (column ``text``) every number that is taken out counts
as a mistake, though some are people's: ``--show`` prints them, with the words before them, for a person to judge.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from documents import normalise, redact

SAMPLE = Path(__file__).parent / "redaction_sample.txt"
_MARKED = re.compile(r"\{(phone|card|iban|email):([^}]*)\}")
_TAKEN = re.compile(r"\[(?:phone|card|iban)\]")
_FIGURE = re.compile(r"\d[\d.,]*")


class Labelled(NamedTuple):
    """A sentence, and what it must read once personal data is taken out."""

    text: str
    redacted: str
    numbers: int


class Recall(NamedTuple):
    """How many of the marked numbers and addresses were taken out, and the sentences that read otherwise."""

    found: int
    marked: int
    wrong: Sequence[tuple[str, str]]


class Mistakes(NamedTuple):
    """Numbers taken out of real texts, the figures that these have, and the time for a text."""

    taken: Sequence[str]
    figures: int
    microseconds: float


def sample() -> list[Labelled]:
    """The labelled sentences."""
    lines = [line for line in SAMPLE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return [
        Labelled(_MARKED.sub(r"\2", line), _MARKED.sub(r"[\1]", line), len(_MARKED.findall(line))) for line in lines
    ]


def recall(sentences: Sequence[Labelled]) -> Recall:
    """Of ``sentences``: a number counts as found where the sentence reads as it must."""
    read = [(one, normalise(one.redacted), redact(normalise(one.text))) for one in sentences]
    wrong = [(one, wanted, got) for one, wanted, got in read if wanted != got]
    marked = sum(one.numbers for one in sentences)
    missed = sum(one.numbers for one, _, _ in wrong)
    return Recall(marked - missed, marked, [(wanted, got) for _, wanted, got in wrong])


def mistakes(texts: Sequence[str]) -> Mistakes:
    """Of ``texts`` as they are after normalising."""
    started = time.process_time()
    redacted = list(map(redact, texts))
    took = time.process_time() - started
    taken = [one for before, after in zip(texts, redacted, strict=True) if before != after for one in _around(after)]
    figures = sum(len(_FIGURE.findall(text)) for text in texts)
    return Mistakes(taken, figures, took / max(1, len(texts)) * 1e6)


def _around(redacted: str) -> Iterator[str]:
    for match in _TAKEN.finditer(redacted):
        yield redacted[max(0, match.start() - 40) : match.end() + 10]


def _texts(path: Path) -> list[str]:
    csv.field_size_limit(10**8)
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return [normalise(row["text"]) for row in csv.DictReader(file)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--show", action="store_true", help="print what was taken out of the files")
    arguments = parser.parse_args()
    found = recall(sample())
    print(f"recall {found.found / found.marked:.3f} ({found.found} of {found.marked})")
    for wanted, got in found.wrong:
        print(f"  wanted {wanted}\n  got    {got}")
    taken = figures = 0
    for path in arguments.files:
        one = mistakes(_texts(path))
        taken, figures = taken + len(one.taken), figures + one.figures
        print(f"{path.name}: {len(one.taken)} of {one.figures} figures taken out, {one.microseconds:.1f} us a text")
        for line in one.taken if arguments.show else ():
            print(f"  {line}")
    if figures:
        print(f"taken out: {taken / figures * 1000:.3f} of 1,000 figures ({taken} of {figures})")


if __name__ == "__main__":
    main()
