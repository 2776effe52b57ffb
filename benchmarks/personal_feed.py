"""What the personal order is worth: ``python -m benchmarks.personal_feed [CLICKHOUSE_URL]``.

People of chance read the recorded week. Each has a desk, positions, some companies and topics that they care for, and
tastes (how much severity, novelty, age and the rest move them); the ranker is told the desk and the positions only.
From Tuesday to Thursday they see the newest documents, look the less the farther down, and open what they like: those
clicks are recorded. From Friday on the documents are ranked, and what a person would open counts as right (nDCG at 10,
Järvelin and Kekäläinen 2002). Intervals are of a bootstrap over people, 95 %.

The people are made up: it shows that the order learns what there is to learn from clicks, and how soon, not that real
people will like it. Without a URL the week is stored in a ClickHouse that is started for it, which takes minutes.
"""

from __future__ import annotations

import math
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from clickhouse_driver import Client
from pydantic import SecretStr

from console.ranking import CANDIDATES, Act, Candidate, Person, interests, offered, parameters, rank
from deploy.demo.recorded_week import MONDAY, store_week
from deploy.local import Stack
from settings import ClickHouseSettings
from storage import connect, migrate

PEOPLE, CUT, LOOKED_AT = 200, 10, 100
HOURS = (7, 11, 15)
SEEN = [MONDAY + timedelta(days=day, hours=hour) for day in (1, 2, 3) for hour in HOURS]
JUDGED = [MONDAY + timedelta(days=day, hours=hour) for day in (4, 5, 6) for hour in HOURS]
SEED = 20


@dataclass(frozen=True)
class Reader:
    """A made-up person. ``tastes`` are their weights; ``usual`` is the log-odds of opening what is nothing to them."""

    desk: frozenset[str]
    exposure: dict[str, float]
    companies: frozenset[str]
    topics: frozenset[str]
    tastes: dict[str, float]
    usual: float = -4.0

    def chance(self, one: Candidate, moment: datetime) -> float:
        """How probably they open a document that they look at."""
        felt = {
            "desk": one.entity in self.desk,
            "held": one.entity in self.exposure,
            "company": one.entity in self.companies,
            "topic": bool(self.topics & set(one.topics)),
            "severity": one.severity / 5,
            "tone": abs(one.sentiment),
            "novelty": one.novelty / 100,
            "age": -(moment - one.published_at) / timedelta(days=1),
        }
        return 1 / (1 + math.exp(-self.usual - sum(self.tastes[name] * value for name, value in felt.items())))


def readers(companies: Sequence[tuple[str, str]], topics: Sequence[str], chance: random.Random) -> list[Reader]:
    """``companies`` are (ticker, desk)."""
    found = []
    means = {
        "desk": 0.8,
        "held": 0.8,
        "company": 2.5,
        "topic": 1.2,
        "severity": 2.0,
        "tone": 0.5,
        "novelty": 0.5,
        "age": 1.5,
    }
    for _ in range(PEOPLE):
        desk = chance.choice(sorted({desk for _, desk in companies}))
        own = [ticker for ticker, of in companies if of == desk]
        held = [*chance.sample(own, min(4, len(own))), chance.choice(companies)[0]]
        found.append(
            Reader(
                frozenset(own),
                {ticker: 1e6 * chance.lognormvariate(1, 1) for ticker in held},
                frozenset(ticker for ticker, _ in chance.sample(companies, 4)),
                frozenset(chance.sample(topics, 2)),
                {name: max(0.0, chance.gauss(mean, mean / 2)) for name, mean in means.items()},
            )
        )
    return found


def candidates(client: Client, moment: datetime) -> list[Candidate]:
    """All that may be ranked at the moment, the newest first."""
    rows = client.execute(CANDIDATES, parameters(moment))
    return sorted((Candidate(*row) for row in rows), key=lambda one: one.published_at, reverse=True)


def clicks(reader: Reader, shown: Sequence[Sequence[Candidate]], chance: random.Random) -> list[Act]:
    """What they open of the newest documents: position ``n`` is looked at with the chance 1 / (1 + n / 20)."""
    found, seen = [], set()
    for moment, newest in zip(SEEN, shown, strict=True):
        for place, one in enumerate(newest[:LOOKED_AT]):
            if one.document_id in seen or chance.random() > 1 / (1 + place / 20):
                continue
            seen.add(one.document_id)
            if chance.random() < reader.chance(one, moment):
                found.append(Act(moment, [one.entity], one.topics))
    return found


def ndcg(order: Sequence[str], right: set[str]) -> float:
    """Of the first ``CUT`` documents, by how many are right and how far up. 1 is the best order that there is."""
    gained = sum(1 / math.log2(place + 2) for place, one in enumerate(order[:CUT]) if one in right)
    return gained / sum(1 / math.log2(place + 2) for place in range(min(CUT, len(right))))


Order = Callable[[list[Candidate], datetime], list[str]]


def ranked(person: Person) -> Order:
    """The order of the console."""
    return lambda found, moment: [one.candidate.document_id for one in rank(found, person, moment)]


def newest(found: list[Candidate], moment: datetime) -> list[str]:
    """The newest first, each document once."""
    return list(dict.fromkeys(one.document_id for one in found))


def judge(reader: Reader, acts: list[Act], shown: list[list[Candidate]], offer: tuple[Counter[str], Counter[str]],
          chance: random.Random) -> dict[str, float] | None:  # fmt: skip
    """The mean nDCG of each order for one person; None for who would open nothing."""
    learnt = interests(acts, offer[0], JUDGED[0]), interests(acts, offer[1], JUDGED[0], topics=True)
    orders: dict[str, Order] = {
        "newest first": newest,
        "desk, positions, severity, novelty": ranked(Person(reader.desk, reader.exposure)),
        "interests alone": ranked(Person(companies=learnt[0], topics=learnt[1])),
        "all": ranked(Person(reader.desk, reader.exposure, *learnt)),
    }
    values: dict[str, list[float]] = {}
    for moment, found in zip(JUDGED, shown, strict=True):
        chances = {one.document_id: reader.chance(one, moment) for one in found}
        right = {name for name, likely in chances.items() if chance.random() < likely}
        if not right:
            continue
        for name, order in orders.items():
            values.setdefault(name, []).append(ndcg(order(found, moment), right))
        likeliest = sorted(chances, key=lambda name: -chances[name])
        values.setdefault("by the true chance", []).append(ndcg(likeliest, right))
    return {name: float(np.mean(of)) for name, of in values.items()} or None


def interval(values: np.ndarray) -> str:
    """The mean of float [people] with its 95 % interval."""
    resampled = np.random.default_rng(SEED).choice(values, (2000, len(values))).mean(axis=1)
    low, high = np.quantile(resampled, (0.025, 0.975))
    return f"{values.mean():.3f} ({low:.3f} to {high:.3f})"


def main() -> None:
    """Print how much of the best order each order has, and how much better than the newest first that is."""
    with ExitStack() as stack:
        if len(sys.argv) > 1:
            client = connect(ClickHouseSettings(url=SecretStr(sys.argv[1])))
        else:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            settings = ClickHouseSettings(url=SecretStr(stack.enter_context(Stack(folder)).clickhouse_url))
            client = connect(settings)
            migrate(client)
            store_week(lambda: connect(settings), folder / "models")
        seen, shown = ([candidates(client, at) for at in moments] for moments in (SEEN, JUDGED))
        offer = offered(client, JUDGED[0])  # when the clicks were over
        rows = client.execute("SELECT ticker, desk FROM entities FINAL ORDER BY ticker")
        named = [row for row in rows if row[0] in offer[0]]
        client.disconnect()
    chance = random.Random(SEED)
    of_people, opened = [], []
    for reader in readers(named, sorted(offer[1]), chance):
        acts = clicks(reader, seen, chance)
        found = judge(reader, acts, shown, offer, chance)
        if found is not None:
            of_people.append(found)
            opened.append(len(acts))
    print(f"{len(of_people)} people, {np.median(opened):.0f} clicks each (median), {len(JUDGED)} rankings of ", end="")
    print(f"{np.median([len(found) for found in shown]):.0f} documents: nDCG at {CUT}")
    base = np.array([one["newest first"] for one in of_people])
    for name in of_people[0]:
        values = np.array([one[name] for one in of_people])
        print(f"{name}: {interval(values)}; beyond the newest first {interval(values - base)}")
    few = np.array(opened) <= np.median(opened)
    for name, chosen in (("few clicks", few), ("many clicks", ~few)):
        gained = np.array([one["all"] - one["desk, positions, severity, novelty"] for one in of_people])[chosen]
        print(f"what the clicks add, {name} ({np.median(np.array(opened)[chosen]):.0f}): {interval(gained)}")


if __name__ == "__main__":
    main()
