"""How well and how fast companies and other entities are found: ``python -m benchmarks.linking STREAMS [WATCHLIST]``.

STREAMS is a folder of packed CSV files of news (columns ``id`` and ``text``), WATCHLIST a list of some 10,000
companies, as ``finsent watchlist import`` makes it. ``linking_labels.csv`` says which of them 750 headlines name, as
they were read before the linker read them, and ``linking_market_labels.csv`` which entities of the shipped list of
markets 749 others name: the rules were made on those that were seen, and not on the unseen ones. Some were drawn from
all headlines, others from those with a word in them that is also the name of a currency, a commodity, an index, a
central bank or a person. An entity with a question mark is neither asked for nor wrong; a row without one names none.
"""

from __future__ import annotations

import csv
import gzip
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from documents import Linker, Match, Watchlist, load_watchlist, shipped_watchlist

LABELS = Path(__file__).with_name("linking_labels.csv")
MARKET_LABELS = Path(__file__).with_name("linking_market_labels.csv")
SIZES = (50, 10_000)
TIMED = 8_000

Row = tuple[str, str]
"""The file of a headline, and its number there."""


def texts(streams: Path, file: str) -> dict[str, str]:
    """The texts of one stream by their rows."""
    with gzip.open(streams / f"{file}.csv.gz", "rt", encoding="utf-8", newline="") as lines:
        return {row["id"].rpartition("-")[2]: row["text"] for row in csv.DictReader(lines)}


class Judged:
    """What a linker found, what it should not have found, and what it missed, by the type of entity."""

    def __init__(self) -> None:
        self.right: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()

    def add(self, row: Row, found: set[str], asked: set[str], spared: set[str], kind: Callable[[str], str]) -> None:
        """Count one headline; its faults are printed."""
        wrong, missed = found - asked - spared, asked - found
        for counter, those in ((self.right, found & asked), (self.wrong, wrong), (self.missed, missed)):
            counter.update(map(kind, those))
        if wrong or missed:
            print(f"{' '.join(row)}: wrong {sorted(wrong)}, missed {sorted(missed)}")

    def report(self, what: str) -> None:
        """Print precision and recall of each type, and of all where there are several."""
        kinds = sorted({*self.right, *self.wrong, *self.missed})
        for name, of in [(one, [one]) for one in kinds] + ([("all", kinds)] if len(kinds) > 1 else []):
            right, wrong, missed = (sum(map(one.__getitem__, of)) for one in (self.right, self.wrong, self.missed))
            print(
                f"{what}, {name}: precision {right / max(right + wrong, 1):.3f} ({right} of {right + wrong}), ", end=""
            )
            print(f"recall {right / max(right + missed, 1):.3f} ({right} of {right + missed})")


def of_companies(streams: Path, entities: Watchlist) -> None:
    """Judge a linker of ``entities`` by the companies that headlines name."""
    linker = Linker(entities)
    symbols = {symbol: one.ticker for one in entities.companies for symbol in (*one.symbols, one.ticker)}
    labels = _labels(LABELS, "company")
    read = _read(streams, labels)
    for part, rows in labels.items():
        judged = Judged()
        for (file, number), named in rows.items():
            asked = {symbols[one] for one in named if one in symbols}
            spared = {symbols.get(one[1:], "") for one in named if one.startswith("?")}
            found = {match.ticker for match in linker.find(read[file][number])}
            judged.add((file, number), found, asked, spared, lambda _: "company")
        judged.report(f"{len(entities.companies):,} companies, {part}, {len(rows)} headlines")
    sample = list(max(read.values(), key=len).values())[:TIMED]
    for size in SIZES:
        _timed(f"{size:,} companies", Linker(Watchlist(entities.companies[:size])), sample)


def of_markets(streams: Path) -> None:
    """Judge the shipped lists by the other entities that headlines name, and by whether companies stay the same."""
    alone, markets = shipped_watchlist(), shipped_watchlist("markets")
    both = Watchlist([*alone.entities, *markets.entities])
    without, linker = Linker(alone), Linker(both)
    labels = _labels(MARKET_LABELS, "entity")
    read = _read(streams, labels)
    for part, rows in labels.items():
        judged = Judged()
        for (file, number), named in rows.items():
            matches = linker.find(read[file][number])
            companies = [match for match in matches if match.ticker not in both.other_types]
            if companies != without.find(read[file][number]):
                print(f"{file} {number}: the companies are others than without the markets: {_names(companies)}")
            found = {match.ticker for match in matches if match.ticker in both.other_types}
            asked, spared = set(filter(None, named)), {one[1:] for one in named if one.startswith("?")}
            judged.add(
                (file, number), found, asked - {f"?{one}" for one in spared}, spared, both.other_types.__getitem__
            )
        judged.report(f"{part}, {len(rows)} headlines")
    sample = list(max(read.values(), key=len).values())[:TIMED]
    _timed("the shipped companies", without, sample)
    _timed("and the markets", linker, sample)
    more = sum(match.ticker in both.other_types for text in sample for match in linker.find(text))
    print(f"{more / len(sample):.2f} entities a headline that are no companies")


def _labels(path: Path, column: str) -> dict[str, dict[Row, list[str]]]:
    """What is labelled in each part of a file of labels, by the headline."""
    labels: dict[str, dict[Row, list[str]]] = defaultdict(lambda: defaultdict(list))
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            labels[row["part"]][row["file"], row["row"]].append(row[column])
    return labels


def _read(streams: Path, labels: dict[str, dict[Row, list[str]]]) -> dict[str, dict[str, str]]:
    """The texts of the streams that the labels are of."""
    return {file: texts(streams, file) for file in {file for rows in labels.values() for file, _ in rows}}


def _names(matches: Iterable[Match]) -> str:
    return ", ".join(match.ticker for match in matches)


def _timed(what: str, linker: Linker, sample: list[str]) -> None:
    begun = time.process_time()
    for text in sample:
        linker.find(text)
    print(f"{what}: {(time.process_time() - begun) / len(sample) * 1000:.3f} ms a headline")


def main() -> None:
    """Print precision, recall, what was wrong, and the time a headline takes."""
    streams = Path(sys.argv[1])
    if len(sys.argv) > 2:
        of_companies(streams, load_watchlist(sys.argv[2]))
    of_markets(streams)


if __name__ == "__main__":
    main()
