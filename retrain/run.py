"""One retraining, from the labels that are stored to a judged version in the registry.

The run is the only one on its folder (a lock that the kernel frees with the process). Nothing of it is seen by
workers before the version is published whole and the pointer moved; whatever dies before leaves the champion alone.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import IO, Any

import numpy as np
from clickhouse_driver import Client

import model
from errors import FinsentError
from retrain.data.datasets import LABELS, TRAINED_ON, Example, load, split
from retrain.data.labels import Judged, Resolved, parts, resolve
from retrain.data.phrases import phrases
from retrain.job import read_examples, write_examples
from retrain.judge import gate
from settings import RetrainSettings
from storage.reads import confident_documents, latest_labels, training_runs, unlabelled_documents
from storage.writes import RUN_COLUMNS, write_model, write_model_event, write_training_run

FEWEST_TESTED = 30
"""With fewer new labels held out, those of earlier runs are tested as well."""

FEWEST_CHECKED = 1500
"""Old rows that say in training what is being forgotten."""

MOST_TESTED = 2500
MOST_UNLABELLED = 3000
SHIPPED_PHRASES = 200
OTHER_SEED = 90_001
"""The phrases of the fixed test are not those that the shipped model was trained on."""

Announce = Callable[[str, str, str, str], None]
"""Called with (event, version, previous, detail) when a version was published, rejected or promoted."""

Progress = Callable[[dict[str, Any]], None]
"""Called with what the training process tells: ``step, steps, epoch`` and after an epoch ``validation_macro_f1``."""


class Busy(FinsentError, RuntimeError):
    """Another run is under way."""


class CannotTrain(FinsentError, RuntimeError):
    """There is nothing to train on or from, or the training process failed; the sentence says what."""


@dataclass(slots=True)
class Outcome:
    """What a run did; ``macro_f1_*`` are of the champion and the challenger."""

    run: str
    cause: str
    champion_before: str
    champion_after: str
    challenger: str
    labels: int
    new_labels: int
    ties: list[str]
    agreement: float | None
    replayed: int
    macro_f1_new: list[float]
    macro_f1_test: list[float]
    gate: list[dict[str, Any]]
    passed: bool
    reason: str
    seconds: float
    folder: str


@contextmanager
def exclusive(folder: Path) -> Iterator[IO[str]]:
    """Hold the lock of ``folder``. Raises ``Busy`` at once if another process does."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise Busy(f"a run is under way (process {file.read().strip() or '?'}, lock {file.name})") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield file


def last_run(client: Client, but: str = "") -> dict[str, Any] | None:
    """The latest run that came to an end by itself, ``but`` one: an interrupted one does not count."""
    return next((run for run in training_runs(client) if run["state"] != "started" and run["id"] != but), None)


def unfinished(
    client: Client, settings: RetrainSettings, champion: str, forced: bool = False
) -> tuple[dict[str, Any], RetrainSettings] | None:
    """The latest run and its settings, if it was killed after its rows were written and ``champion`` and ``settings``
    are still its own; ``forced``: also if it failed or had other settings."""
    latest = next(iter(training_runs(client, 1)), None)
    if latest is None or latest["champion"] != champion or latest["state"] not in ("started", "failed"):
        return None
    path = settings.place() / "runs" / latest["id"] / "job.json"
    if not path.exists() or not (forced or latest["state"] == "started"):
        return None
    own = RetrainSettings(**json.loads(path.read_text(encoding="utf-8"))["settings"])
    own = own.model_copy(update={"folder": settings.folder})
    if not forced and own != settings:
        return None
    return {name: latest[name] for name in RUN_COLUMNS} | {"state": "started", "detail": ""}, own


def retrain(
    client: Client,
    registry: str | Path,
    settings: RetrainSettings,
    cause: str = "now",
    announce: Announce = lambda *event: None,
    progress: Progress = lambda told: None,
    due: Callable[[], bool] = lambda: True,
    resume: bool = False,
) -> Outcome | None:
    """Train on the labels, judge, publish, and promote what passes; None if ``due``, asked under the lock, says no.

    A run that was killed in training, and would be the same now but for newer labels, is brought to its end instead;
    with ``resume`` also one that failed or had other settings, and nothing else.
    Raises ``Busy`` and ``CannotTrain``; a run that fails is noted in ``retrain_runs``.
    """
    with exclusive(settings.place()) as lock:
        if not due():
            return None
        champion, started = model.champion_name(registry), datetime.now(UTC)
        run = {
            "id": f"{started:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}",
            "started_at": started,
            "cause": cause,
            "state": "started",
            "champion": champion,
            "challenger": "",
            "labels": 0,
            "labels_until": started.replace(microsecond=0),  # queries compare with whole seconds
            "detail": "",
        }
        if found := unfinished(client, settings, champion, resume):
            run, settings = found
            progress({"stage": f"run {run['id']} goes on"})
        elif resume:
            raise CannotTrain(
                f"no run to go on with: the latest came to its end, ended before its training began, or started from "
                f"another champion than {champion}; 'finsent retrain' lists them"
            )
        previous = last_run(client, str(run["id"]))
        write_training_run(client, run)
        try:
            outcome = _Run(client, registry, settings, announce, progress, run, lock).go(previous)
        except Exception as error:
            write_training_run(client, {**run, "state": "failed", "detail": str(error)[:2000]})
            raise
        write_training_run(
            client, {**run, "state": "passed" if outcome.passed else "rejected", "detail": outcome.reason}
        )
        return outcome


class _Run:
    def __init__(
        self,
        client: Client,
        registry: str | Path,
        settings: RetrainSettings,
        announce: Announce,
        progress: Progress,
        run: dict[str, Any],
        lock: IO[str],
    ) -> None:
        self._client, self._registry, self._settings = client, registry, settings
        self._announce, self._progress, self._run, self._lock = announce, progress, run, lock
        self._job = settings.place() / "runs" / run["id"]
        self._began = datetime.now(UTC)
        self._random = random.Random(settings.seed)

    def go(self, previous: dict[str, Any] | None) -> Outcome:
        settings, champion = self._settings, self._run["champion"]
        rows = latest_labels(self._client, self._run["labels_until"])
        found = resolve(rows)
        language, items = _one_language(found.items)
        if len(items) < settings.fewest_labels:
            raise CannotTrain(
                f"{len(items)} labels to learn from; at least {settings.fewest_labels} (RETRAIN_FEWEST_LABELS)"
            )
        since = previous["labels_until"] if previous else datetime.min.replace(tzinfo=UTC)
        new = [item for item in items if item.at > since]
        self._run["labels"] = len(items)
        split_items = parts(items)
        tested = [item.example for item in split_items["test"] if item.at > since]
        if len(tested) < FEWEST_TESTED:
            tested = [item.example for item in split_items["test"]]
        if not tested or not split_items["validation"]:
            raise CannotTrain("too few different labels to hold some out")

        scorer = model.load(model.folder(self._registry, champion))
        shutil.rmtree(self._job / "champion", ignore_errors=True)
        adapters = model.adapters(model.folder(self._registry, champion), self._job / "champion")
        start = _reads(adapters, language)
        if not (self._job / "job.json").exists():
            self._prepare(start, split_items, scorer, champion, language)
        train, fixed = (read_examples(self._job / name) for name in ("train.jsonl", "fixed.jsonl"))
        replayed = json.loads((self._job / "job.json").read_text(encoding="utf-8"))["replayed"]
        digest = hashlib.sha256((self._job / "train.jsonl").read_bytes()).hexdigest()
        self._train()

        shutil.rmtree(self._job / "scratch", ignore_errors=True)
        scratch = model.publish(self._job / "scratch", self._job / "out", champion)
        challenger = model.load(self._job / "scratch" / scratch)
        verdict = gate.judge(scorer, challenger, fixed, tested, language, settings)
        used = {
            "items": len(items),
            "new": len(new),
            "until": self._run["labels_until"].isoformat(),
            "positions": _positions(rows),
            "ties": len(found.ties),
            "annotators": found.annotators,
            "krippendorff_alpha": found.alpha,
            "train": dict(Counter(e.dataset for e in train)),
        }
        facts = {"run": self._run["id"], "labels": used, "gate": verdict.rows(), "reason": verdict.reason}
        version = model.publish(
            self._registry,
            [self._job / "out" if folder == start else folder for folder in adapters],
            champion,
            facts,
            self._metrics(challenger, {"fixed": fixed, "new": tested}, language),
            digest,
        )
        self._run["challenger"] = version
        write_model(self._client, version, champion, verdict.passed, verdict.reason, len(items), verdict.rows(), facts)
        reason = verdict.reason
        self._tell("published", version, champion, self._run["id"])
        if not verdict.passed:
            self._tell("rejected", version, champion, reason)
        elif settings.promote:
            if model.champion_name(self._registry) != champion:
                reason = f"passed, but {champion} is not the champion any more"
            elif settings.shadow_documents:
                reason = f"passed; in the shadow for {settings.shadow_documents} documents before it is promoted"
                model.put_in_shadow(
                    self._registry,
                    version,
                    settings.shadow_share,
                    settings.shadow_documents,
                    settings.shadow_minutes,
                    f"run {self._run['id']}",
                )
                self._tell("shadowed", version, champion, reason)
            else:
                model.promote(self._registry, version, f"run {self._run['id']}")
                self._tell("promoted", version, champion, self._run["id"])
        shutil.rmtree(self._job / "scratch")
        by_rule = {rule.rule: rule for rule in verdict.rules}
        outcome = Outcome(
            self._run["id"],
            self._run["cause"],
            champion,
            model.champion_name(self._registry),
            version,
            len(items),
            len(new),
            found.ties,
            found.alpha,
            replayed,
            [by_rule["new labels"].champion, by_rule["new labels"].challenger],
            [by_rule["fixed test"].champion, by_rule["fixed test"].challenger],
            verdict.rows(),
            verdict.passed,
            reason,
            round((datetime.now(UTC) - self._began).total_seconds(), 1),
            str(self._job),
        )
        (self._job / "outcome.json").write_text(json.dumps(asdict(outcome), indent=1) + "\n", encoding="utf-8")
        return outcome

    def _tell(self, event: str, version: str, previous: str, detail: str) -> None:
        write_model_event(self._client, event, version, previous, detail=detail)
        self._announce(event, version, previous, detail)

    def _rows(
        self, items: dict[str, list[Judged]], scorer: model.Scorer, champion: str, language: str
    ) -> tuple[list[Example], list[Example], int, list[Example]]:
        """(train, validation, number of replayed rows, fixed test)."""
        settings = self._settings
        learned = [item.example for item in items["train"]]
        count = max(settings.fewest_replayed, int(settings.replay * len(learned)))
        if settings.data is not None:
            names = settings.sets.split(",") if settings.sets else TRAINED_ON[language]
            old, checked, fixed = split(load(settings.data, names))
            replay = self._random.sample(old, min(count, len(old)))
            checked = self._random.sample(checked, min(max(count // 2, FEWEST_CHECKED), len(checked)))
            fixed = fixed[:: -(-len(fixed) // MOST_TESTED)]
        else:
            ours = phrases(count // 2 + count // 8, self._settings.seed)
            checked, ours = ours[: count // 8], ours[count // 8 :]
            replay = [*ours, *self._confident(count - len(ours), [*items["train"]], scorer, champion, language)]
            fixed = fixed_test()
        validation = [*(item.example for item in items["validation"]), *checked]
        return [*learned, *replay], validation, len(replay), fixed

    def _confident(
        self, count: int, learned: Sequence[Judged], scorer: model.Scorer, champion: str, language: str
    ) -> list[Example]:
        """Stored documents with the champion's own label, where it is sure: against forgetting. Not those near a text
        that people labelled otherwise than it does: its errors must not be taught again."""
        found = confident_documents(self._client, champion, language, self._settings.confident, count)
        if not found:
            return []
        examples = [
            Example(
                "replayed",
                "\n".join(part for part in (row["title"], row["text"]) if part),
                LABELS.index(row["label"]),
                row["surfaces"][0] if len(row["surfaces"]) == 1 else None,
            )
            for row in found
        ]
        people = [item.example for item in learned]
        scores = scorer.score([e.text for e in people], [e.entity for e in people], [language] * len(people))
        wrong = scores.embeddings[scores.probabilities.argmax(1) != np.array([e.label for e in people])]
        vectors = scorer.score([e.text for e in examples], None, [language] * len(examples)).embeddings
        near = (vectors @ wrong.T).max(axis=1, initial=-1.0) if len(wrong) else np.full(len(examples), -1.0)
        taught = {e.text for e in people}
        return [e for e, like in zip(examples, near, strict=True) if like < 0.6 and e.text not in taught]

    def _unlabelled(self, held: Sequence[Example], language: str) -> list[Example]:
        """The latest documents that nobody labelled, for self-training; not the texts that people's labels test."""
        known = {e.text for e in held}
        found = []
        for row in unlabelled_documents(self._client, MOST_UNLABELLED):
            text = "\n".join(part for part in (row["title"], row["text"]) if part)
            if text not in known and model.detect(text) == language:
                found.append(Example("unlabelled", text, 1))
        return found

    def _prepare(
        self, start: Path, items: dict[str, list[Judged]], scorer: model.Scorer, champion: str, language: str
    ) -> None:
        """The job's folder; ``job.json`` comes last, so a folder that has it is whole."""
        train, validation, replayed, fixed = self._rows(items, scorer, champion, language)
        self._job.mkdir(parents=True, exist_ok=True)
        shutil.copytree(self._settings.start or start, self._job / "start", dirs_exist_ok=True)
        write_examples(self._job / "train.jsonl", train)
        write_examples(self._job / "validation.jsonl", validation)
        write_examples(self._job / "fixed.jsonl", fixed)
        if self._settings.self_training:
            held = [item.example for part in items.values() for item in part]
            write_examples(self._job / "unlabelled.jsonl", self._unlabelled(held, language))
        told = {"run": self._run["id"], "replayed": replayed, "settings": self._settings.model_dump(mode="json")}
        new = self._job / "job.json.new"
        new.write_text(json.dumps(told, indent=1), encoding="utf-8")
        new.replace(self._job / "job.json")

    def _train(self) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": str(self._settings.threads)}
        with open(self._job / "training.log", "w+", encoding="utf-8") as log:
            # The lock goes with it: as long as it lives there is no second run.
            process = subprocess.Popen(
                [sys.executable, "-m", "retrain", str(self._job), str(os.getpid())],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment,
                pass_fds=(self._lock.fileno(),),
            )
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    self._progress(json.loads(line))
                code = process.wait()
            except BaseException:
                process.kill()
                process.wait()
                raise
            if code or not (self._job / "done.json").exists():
                log.seek(0)
                last = [line for line in log.read().splitlines() if line.strip()][-1:]
                why = f"signal {-code}" if code < 0 else f"exit code {code}"
                raise CannotTrain(f"the training process ended with {why}: {' '.join(last)} (see {log.name})")

    def _metrics(self, scorer: model.Scorer, sets: dict[str, list[Example]], language: str) -> dict[str, model.Metric]:
        made = {}
        for name, examples in sets.items():
            p = gate.probabilities(scorer, examples, language)
            low, high = gate.interval(p, examples)
            made[f"macro_f1_{name}"] = model.Metric(
                value=gate.macro_f1(p, examples), low=low, high=high, n=len(examples)
            )
        return made


def _one_language(items: Sequence[Judged]) -> tuple[str, list[Judged]]:
    """The language most items are in, and its items: a part of the model reads one or a few languages."""
    told = [model.detect(item.example.text) for item in items]
    language = Counter(told).most_common(1)[0][0] if told else "en"
    return language, [item for item, code in zip(items, told, strict=True) if code == language]


def _reads(adapters: Sequence[Path], language: str) -> Path:
    for folder in adapters:
        if language in json.loads((folder / "config.json").read_text(encoding="utf-8")).get("languages", ["en"]):
            return folder
    raise CannotTrain(f"the champion holds no adapter that reads {language!r}; an imported model is not trained on")


def _positions(rows: Sequence[dict[str, Any]]) -> dict[str, list[int]]:
    """First and last offset of the labels by topic identity and partition: exactly which were used."""
    reach: dict[str, list[int]] = {}
    for row in rows:
        key = f"{row['topic_id']}/{row['partition']}"
        low, high = reach.get(key, [row["offset"], row["offset"]])
        reach[key] = [min(low, row["offset"]), max(high, row["offset"])]
    return reach


def written_test() -> list[Example]:
    """The test set that ships: sentences written for it, never trained on."""
    text = (resources.files("retrain.data") / "fixed_test.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    return [Example("written", row["text"], LABELS.index(row["label"]), row.get("entity")) for row in rows]


def fixed_test() -> list[Example]:
    """What every challenger is tested on where no labelled sets are at hand: the written test and phrases that no
    shipped model was trained on."""
    return [*written_test(), *phrases(SHIPPED_PHRASES, OTHER_SEED)]


def resolved(client: Client) -> Resolved:
    """All labels as a run would use them now."""
    return resolve(latest_labels(client))
