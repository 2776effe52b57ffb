"""How well and how fast companies are found: ``python -m benchmarks.linking STREAMS WATCHLIST``.

STREAMS is a folder of packed CSV files of news (columns ``id`` and ``text``), WATCHLIST a list of some 10,000
companies, as ``finsent watchlist import`` makes it. ``linking_labels.csv`` says which of them 500 headlines name, as
they were read before the linker read them. A company with a question mark is neither asked for nor wrong; a row without
a company names none.
"""

from __future__ import annotations

import csv
import gzip
import sys
import time
from collections import defaultdict
from pathlib import Path

from documents import Linker, Watchlist, load_watchlist

LABELS = Path(__file__).with_name("linking_labels.csv")
SIZES = (50, 10_000)
TIMED = 8_000


def texts(streams: Path, file: str) -> dict[str, str]:
    """The texts of one stream by their rows."""
    with gzip.open(streams / f"{file}.csv.gz", "rt", encoding="utf-8", newline="") as lines:
        return {row["id"].rpartition("-")[2]: row["text"] for row in csv.DictReader(lines)}


def main() -> None:
    """Print precision, recall, what was wrong, and the time a headline takes."""
    streams, companies = Path(sys.argv[1]), load_watchlist(Path(sys.argv[2])).companies
    linker = Linker(Watchlist(companies))
    symbols = {symbol: one.ticker for one in companies for symbol in (*one.symbols, one.ticker)}
    labels: dict[tuple[str, str], list[str]] = defaultdict(list)
    with LABELS.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            labels[row["file"], row["row"]].append(row["company"])
    read = {file: texts(streams, file) for file in {file for file, _ in labels}}
    right = wrong = missed = 0
    for (file, number), named in labels.items():
        asked = {symbols[one] for one in named if one in symbols}
        spared = {symbols.get(one[1:], "") for one in named if one.startswith("?")}
        found = {match.ticker for match in linker.find(read[file][number])}
        right += len(found & asked)
        wrong += len(found - asked - spared)
        missed += len(asked - found)
        if found - asked - spared or asked - found:
            print(f"{file} {number}: wrong {sorted(found - asked - spared)}, missed {sorted(asked - found)}")
    print(f"{len(companies):,} companies, {len(labels)} headlines: precision {right / (right + wrong):.3f} ", end="")
    print(f"({right} of {right + wrong}), recall {right / (right + missed):.3f} ({right} of {right + missed})")
    sample = list(max(read.values(), key=len).values())[:TIMED]
    for size in SIZES:
        linker = Linker(Watchlist(companies[:size]))
        begun = time.process_time()
        for text in sample:
            linker.find(text)
        print(f"{size:,} companies: {(time.process_time() - begun) / len(sample) * 1000:.3f} ms a headline")


if __name__ == "__main__":
    main()
