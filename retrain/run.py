"""One retraining, from the labels that are stored to a judged version in the registry.

A run is alone on its folder (see ``retrain.lock``). Workers see nothing of it before the version is published whole and
the registry's pointer is moved; a run that dies before that leaves the champion alone.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from clickhouse_driver import Client

import model
from model.registry import Metric, copy_adapters, promote, publish, put_in_shadow
from retrain.data import (
    Example,
    Judged,
    Resolved,
    documents_to_label,
    judging,
    limited,
    parts,
    read_examples,
    resolve,
    rows_to_learn,
)
from retrain.events import Announce
from retrain.job import Job, Progress, jobs
from retrain.judge import Rule, Verdict, interval, judge, macro_f1, probabilities
from retrain.lock import exclusive
from retrain.training_process import CannotTrain, run_training
from settings import RetrainSettings
from storage.reads import latest_labels, training_runs
from storage.writes import RUN_COLUMNS, write_model, write_model_event, write_training_run

FEWEST_TESTED = 30
"""If fewer new labels are held out, those of earlier runs are tested as well."""

Row = dict[str, Any]


@dataclass(slots=True)
class Outcome:
    """What a run did. ``macro_f1_new`` and ``macro_f1_test`` are pairs: of the champion and of the challenger."""

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
    gate: list[Rule]
    passed: bool
    reason: str
    seconds: float
    folder: str


BY_HAND = "now"
"""The cause of a run that a person started: the person thereby agrees to promoting what passes its gate."""


def last_run(client: Client, but: str = "") -> Row | None:
    """The latest run that came to an end by itself, not counting the run ``but``. Interrupted runs do not count."""
    return next((run for run in training_runs(client) if run["state"] != "started" and run["id"] != but), None)


def unfinished(
    client: Client, settings: RetrainSettings, champion: str, forced: bool = False
) -> tuple[Row, RetrainSettings] | None:
    """The latest run and its settings, if it can be brought to its end.

    It must have been killed after its rows were written, and ``champion`` and ``settings`` must still be its own. With
    ``forced`` it may also have failed, or have had other settings.
    """
    latest = next(iter(training_runs(client, 1)), None)
    if latest is None or latest["champion"] != champion or latest["state"] not in ("started", "failed"):
        return None
    job = Job(settings.place() / "runs" / latest["id"])
    if not job.prepared or not (forced or latest["state"] == "started"):
        return None
    own = job.settings().model_copy(update={"folder": settings.folder})
    if not forced and own != settings:
        return None
    return {name: latest[name] for name in RUN_COLUMNS} | {"state": "started", "detail": ""}, own


def retrain(
    client: Client,
    registry: str | Path,
    settings: RetrainSettings,
    cause: str = BY_HAND,
    announce: Announce = lambda *event: None,
    progress: Callable[[Progress], None] = lambda progress: None,
    due: Callable[[], bool] = lambda: True,
    resume: bool = False,
) -> Outcome | None:
    """Train on the labels, judge, publish, and promote what passes. None if ``due``, asked under the lock, says no.

    If the latest run was killed in training, and champion and settings are still the same, that run is brought to its
    end instead. With ``resume`` this is also done for a run that failed or had other settings, and no other run starts.
    The texts that a run learned from are deleted when it has come to its end, and those of a run that did not when
    another one begins. Raises ``Busy`` and ``CannotTrain``. A run that fails is noted in ``retrain_runs``.
    """
    with exclusive(settings.place()) as lock:
        if not due():
            return None
        champion, started = model.champion_name(registry), datetime.now(UTC)
        run: Row = {
            "id": f"{started:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}",
            "started_at": started,
            "cause": cause,
            "state": "started",
            "champion": champion,
            "challenger": "",
            "labels": 0,
            "labels_until": started.replace(microsecond=0),  # queries compare whole seconds
            "detail": "",
        }
        if interrupted := unfinished(client, settings, champion, resume):
            run, settings = interrupted
            progress({"stage": f"run {run['id']} goes on"})
        elif resume:
            raise CannotTrain(
                "no run to go on with: the latest came to its end, ended before its training began, has lost its "
                f"texts to 'finsent privacy erase', or started from another champion than {champion}; "
                "'finsent retrain' lists them"
            )
        for job in jobs(settings.place()):
            if job.folder.name != run["id"]:
                job.forget()
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
        Job(settings.place() / "runs" / run["id"]).forget()
        return outcome


def forget_texts(settings: RetrainSettings) -> int:
    """Delete the texts that runs without an end have kept to go on with; they begin anew then. Returns of how many runs
    there were any. Raises ``Busy`` while a run is under way: its texts go when it ends."""
    place = settings.place()
    if not (place / "runs").is_dir():
        return 0
    with exclusive(place):
        return sum(job.forget() for job in jobs(place))


@dataclass(frozen=True, slots=True)
class _Labels:
    """The labels that a run uses: those of one ``language``. ``new`` ones came since the previous run; ``tested`` are
    the held-out examples for the gate. ``given`` is how many there were before the limits on annotators."""

    rows: Sequence[Row]
    resolved: Resolved
    language: str
    items: list[Judged]
    new: list[Judged]
    parts: dict[str, list[Judged]]
    tested: list[Example]
    given: int

    @property
    def strange(self) -> int:
        """How many of the learned items no known annotator has judged."""
        return sum(not item.known for part in ("train", "validation") for item in self.parts[part])


@dataclass(frozen=True, slots=True)
class _Champion:
    """The version to train from: its adapters, and the one that is trained further."""

    name: str
    scorer: model.Scorer
    adapters: Sequence[Path]
    start: Path


class _Run:
    def __init__(
        self,
        client: Client,
        registry: str | Path,
        settings: RetrainSettings,
        announce: Announce,
        progress: Callable[[Progress], None],
        run: Row,
        lock: IO[str],
    ) -> None:
        self._client, self._registry, self._settings = client, registry, settings
        self._announce, self._progress, self._run, self._lock = announce, progress, run, lock
        self._job = Job(settings.place() / "runs" / run["id"])
        self._began = datetime.now(UTC)

    def go(self, previous: Row | None) -> Outcome:
        """The steps of a run, in their order."""
        used = self._labels(previous)
        champion = self._champion(used.language)
        if not self._job.prepared:
            self._prepare(used, champion)
        train, fixed = read_examples(self._job.train), read_examples(self._job.fixed)
        run_training(self._job, self._settings.threads, self._lock, self._progress)
        challenger = self._challenger(champion.name)
        verdict = judge(champion.scorer, challenger, fixed, used.tested, used.language, self._settings)
        facts = self._facts(used, verdict, train)
        metrics = _metrics(challenger, {"fixed": fixed, "new": used.tested}, used.language)
        version = self._publish(champion, facts, metrics, verdict, len(used.items))
        reason = self._decide(version, champion.name, verdict, used.strange)
        shutil.rmtree(self._job.folder / "scratch")
        outcome = self._outcome(used, verdict, reason)
        path = self._job.folder / "outcome.json"
        # An item without an id is named by its text, and the file stays.
        kept = asdict(outcome) | {"ties": len(outcome.ties)}
        path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        return outcome

    def _labels(self, previous: Row | None) -> _Labels:
        """Raises ``CannotTrain`` if there are too few labels."""
        rows = latest_labels(self._client, self._run["labels_until"])
        share = self._settings.annotator_share
        resolved = resolve(rows, self._settings.known_annotators)
        language, given = _one_language(resolved.items)
        by_part = {
            name: limited(part, share) if name == "train" else judging(part, share)
            for name, part in parts(given).items()
        }
        items = [item for part in by_part.values() for item in part]
        if len(items) < self._settings.fewest_labels:
            over = len(given) - len(items)
            raise CannotTrain(
                f"{len(items)} labels to learn from; at least {self._settings.fewest_labels} (RETRAIN_FEWEST_LABELS)"
                + (f"; {over} more are over RETRAIN_ANNOTATOR_SHARE" if over else "")
            )
        since = previous["labels_until"] if previous else datetime.min.replace(tzinfo=UTC)
        self._run["labels"] = len(items)
        tested = [item.example for item in by_part["test"] if item.at > since]
        if len(tested) < FEWEST_TESTED:
            tested = [item.example for item in by_part["test"]]
        if not tested or not by_part["validation"]:
            raise CannotTrain("too few different labels to hold some out")
        new = [item for item in items if item.at > since]
        return _Labels(rows, resolved, language, items, new, by_part, tested, len(given))

    def _champion(self, language: str) -> _Champion:
        """Raises ``CannotTrain`` if no adapter of the champion reads ``language``."""
        name = self._run["champion"]
        scorer = model.load(model.version_folder(self._registry, name))
        folder = self._job.folder / "champion"
        shutil.rmtree(folder, ignore_errors=True)
        adapters = copy_adapters(model.version_folder(self._registry, name), folder)
        return _Champion(name, scorer, adapters, _adapter_of(adapters, language))

    def _prepare(self, used: _Labels, champion: _Champion) -> None:
        """Write the job's folder."""
        settings, language = self._settings, used.language
        rows = rows_to_learn(self._client, settings, used.parts, champion.scorer, champion.name, language)
        labelled = [item.example for part in used.parts.values() for item in part]
        more = documents_to_label(self._client, labelled, language) if settings.self_training else None
        self._job.write(self._run["id"], settings, settings.start or champion.start, rows, more)

    def _challenger(self, champion: str) -> model.Scorer:
        """What was trained, as it would be served; not in the registry yet."""
        folder = self._job.folder / "scratch"
        shutil.rmtree(folder, ignore_errors=True)
        return model.load(folder / publish(folder, self._job.out, champion))

    def _facts(self, used: _Labels, verdict: Verdict, train: Sequence[Example]) -> dict[str, Any]:
        """What the manifest says of the training."""
        facts = {
            "items": len(used.items),
            "new": len(used.new),
            "until": self._run["labels_until"].isoformat(),
            "positions": _positions(used.rows),
            "ties": len(used.resolved.ties),
            "annotators": used.resolved.annotators,
            "of_no_known_annotator": used.strange,
            "over_annotator_share": used.given - len(used.items),
            "krippendorff_alpha": used.resolved.alpha,
            "train": dict(Counter(e.dataset for e in train)),
        }
        return {"run": self._run["id"], "labels": facts, "gate": verdict.rows(), "reason": verdict.reason}

    def _publish(
        self,
        champion: _Champion,
        facts: Mapping[str, Any],
        metrics: dict[str, Metric],
        verdict: Verdict,
        items: int,
    ) -> str:
        """Publish the new version: the champion with the trained adapter in the place of the one it started from."""
        version = publish(
            self._registry,
            [self._job.out if folder == champion.start else folder for folder in champion.adapters],
            champion.name,
            facts,
            metrics,
            hashlib.sha256(self._job.train.read_bytes()).hexdigest(),
        )
        self._run["challenger"] = version
        rules = verdict.rows()
        write_model(self._client, version, champion.name, verdict.passed, verdict.reason, items, rules, facts)
        self._tell("published", version, champion.name, self._run["id"])
        return version

    def _decide(self, version: str, champion: str, verdict: Verdict, strange: int) -> str:
        """Promote ``version`` or put it in the shadow, if it passed the gate. It must also have learned from known
        annotators only, unless a person started the run. Returns the reason for what was done."""
        settings, why = self._settings, f"run {self._run['id']}"
        if not verdict.passed:
            self._tell("rejected", version, champion, verdict.reason)
            return verdict.reason
        if not settings.promote:
            return verdict.reason
        if model.champion_name(self._registry) != champion:
            return f"passed, but {champion} is not the champion any more"
        if strange and self._run["cause"] != BY_HAND:
            return (
                f"passed, but it learned from {strange} labels of no known annotator (RETRAIN_ANNOTATORS), so a person "
                f"decides: finsent model promote {version}"
            )
        try:
            return self._bring_in(version, champion, why) or verdict.reason
        except model.BadVersion as error:  # such as one without a signature by MODEL_TRUSTED_KEYS
            return f"passed, but {error}"

    def _bring_in(self, version: str, champion: str, why: str) -> str:
        """Promote ``version`` or put it in the shadow. Returns a remark, or ''. Raises ``BadVersion``."""
        settings = self._settings
        if not settings.shadow_documents:
            promote(self._registry, version, why)
            self._tell("promoted", version, champion, self._run["id"])
            return ""
        reason = f"passed; in the shadow for {settings.shadow_documents} documents before it is promoted"
        put_in_shadow(
            self._registry, version, settings.shadow_share, settings.shadow_documents, settings.shadow_minutes, why
        )
        self._tell("shadowed", version, champion, reason)
        return reason

    def _outcome(self, used: _Labels, verdict: Verdict, reason: str) -> Outcome:
        by_rule = {rule.rule: [rule.champion, rule.challenger] for rule in verdict.rules}
        return Outcome(
            run=self._run["id"],
            cause=self._run["cause"],
            champion_before=self._run["champion"],
            champion_after=model.champion_name(self._registry),
            challenger=self._run["challenger"],
            labels=len(used.items),
            new_labels=len(used.new),
            ties=used.resolved.ties,
            agreement=used.resolved.alpha,
            replayed=self._job.replayed(),
            macro_f1_new=by_rule["new labels"],
            macro_f1_test=by_rule["fixed test"],
            gate=verdict.rules,
            passed=verdict.passed,
            reason=reason,
            seconds=round((datetime.now(UTC) - self._began).total_seconds(), 1),
            folder=str(self._job.folder),
        )

    def _tell(self, event: str, version: str, previous: str, detail: str) -> None:
        write_model_event(self._client, event, version, previous, detail=detail)
        self._announce(event, version, previous, detail)


def _one_language(items: Sequence[Judged]) -> tuple[str, list[Judged]]:
    """The language that most items are in, and its items: an adapter reads one language or a few."""
    detected = [model.detect(item.example.text) for item in items]
    language = Counter(detected).most_common(1)[0][0] if detected else "en"
    return language, [item for item, code in zip(items, detected, strict=True) if code == language]


def _adapter_of(adapters: Sequence[Path], language: str) -> Path:
    for folder in adapters:
        if language in json.loads((folder / "config.json").read_text(encoding="utf-8")).get("languages", ["en"]):
            return folder
    raise CannotTrain(f"the champion holds no adapter that reads {language!r}; an imported model is not trained on")


def _positions(rows: Sequence[Row]) -> dict[str, list[int]]:
    """First and last offset of the labels by topic identity and partition: exactly which were used."""
    reach: dict[str, list[int]] = {}
    for row in rows:
        key = f"{row['topic_id']}/{row['partition']}"
        low, high = reach.get(key, [row["offset"], row["offset"]])
        reach[key] = [min(low, row["offset"]), max(high, row["offset"])]
    return reach


def _metrics(scorer: model.Scorer, sets: Mapping[str, Sequence[Example]], language: str) -> dict[str, Metric]:
    """The manifest's ``macro_f1_NAME`` of each set, with its 95 % interval."""
    metrics = {}
    for name, examples in sets.items():
        p = probabilities(scorer, examples, language)
        low, high = interval(p, examples)
        metrics[f"macro_f1_{name}"] = Metric(value=macro_f1(p, examples), low=low, high=high, n=len(examples))
    return metrics
