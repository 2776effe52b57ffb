"""What a run and its training process hand to each other: a folder of files, and lines of progress."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from retrain.data import Example, Rows, write_examples
from settings import RetrainSettings


class Progress(TypedDict, total=False):
    """One line of the training process's standard output, as JSON.

    ``stage`` says in words what is under way. ``step`` of ``steps`` batches are learned, in ``epoch`` (from 1);
    ``validation_macro_f1`` comes with the last line of an epoch. ``at`` is the time in seconds since 1970.
    """

    stage: str
    step: int
    steps: int
    epoch: int
    validation_macro_f1: float
    at: float


@dataclass(frozen=True, slots=True)
class Job:
    """The folder of one training.

    The run writes ``job.json`` (the settings), ``start`` (the adapter to start from), ``train.jsonl``,
    ``validation.jsonl``, ``fixed.jsonl`` (the fixed test) and, for self-training, ``unlabelled.jsonl``. The training
    process leaves ``out`` (the adapter), ``curves.json``, ``curves.png``, ``tensorboard`` and, last, ``done.json``. On
    the way it keeps ``*.checkpoint.safetensors``, from which a training that was killed goes on.

    The rows are texts that people wrote. ``forget`` deletes them, and leaves ``rows.json`` with their numbers and
    digests.
    """

    folder: Path

    @property
    def start(self) -> Path:
        """The adapter that the training starts from."""
        return self.folder / "start"

    @property
    def train(self) -> Path:
        """The rows to train on."""
        return self.folder / "train.jsonl"

    @property
    def validation(self) -> Path:
        """The rows that choose the best epoch."""
        return self.folder / "validation.jsonl"

    @property
    def fixed(self) -> Path:
        """The fixed test, which the training process does not read."""
        return self.folder / "fixed.jsonl"

    @property
    def unlabelled(self) -> Path:
        """The rows for self-training; the file is there only if self-training is on."""
        return self.folder / "unlabelled.jsonl"

    @property
    def out(self) -> Path:
        """The adapter that the training made."""
        return self.folder / "out"

    @property
    def prepared(self) -> bool:
        """Whether ``write`` came to its end (``job.json`` is written last), and the rows are still there."""
        return (self.folder / "job.json").exists() and self.train.exists()

    @property
    def done(self) -> bool:
        """Whether the training came to its end."""
        return (self.folder / "done.json").exists()

    def write(
        self, run: str, settings: RetrainSettings, start: Path, rows: Rows, unlabelled: Sequence[Example] | None
    ) -> None:
        """Write all that the training process needs. ``unlabelled`` is None without self-training."""
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(start, self.start, dirs_exist_ok=True)
        write_examples(self.train, rows.train)
        write_examples(self.validation, rows.validation)
        write_examples(self.fixed, rows.fixed)
        if unlabelled is not None:
            write_examples(self.unlabelled, unlabelled)
        job = {"run": run, "replayed": rows.replayed, "settings": settings.model_dump(mode="json")}
        new = self.folder / "job.json.new"
        new.write_text(json.dumps(job, indent=1), encoding="utf-8")
        new.replace(self.folder / "job.json")

    @property
    def texts(self) -> list[Path]:
        """The files with rows that are there."""
        return [path for path in (self.train, self.validation, self.fixed, self.unlabelled) if path.exists()]

    def forget(self) -> bool:
        """Delete the rows; the training cannot go on then. False if there were none."""
        found = self.texts
        told = self.folder / "rows.json"
        known = json.loads(told.read_text(encoding="utf-8")) if told.exists() else {}
        for path in found:
            held = path.read_bytes()
            known[path.name] = {"rows": held.count(b"\n"), "sha256": hashlib.sha256(held).hexdigest()}
        if found:
            told.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
        for path in found:  # train.jsonl first: without it the run is not gone on with
            path.unlink()
        return bool(found)

    def _read(self) -> dict[str, Any]:
        job: dict[str, Any] = json.loads((self.folder / "job.json").read_text(encoding="utf-8"))
        return job

    def settings(self) -> RetrainSettings:
        """The settings of the run."""
        return RetrainSettings(**self._read()["settings"])

    def replayed(self) -> int:
        """How many of the rows to train on are replayed ones."""
        return int(self._read()["replayed"])


def jobs(folder: Path) -> list[Job]:
    """Of all runs that keep their files in ``folder``."""
    return [Job(path) for path in sorted((folder / "runs").glob("*")) if path.is_dir()]
