"""A search for the settings of one training, on request: Optuna's trials by validation macro-F1.

The trials are kept in the job's folder (``study.jsonl``), so a search that was killed goes on. The settings of the best
trial are in ``search.json``; the training takes them from there.
"""

from __future__ import annotations

import json
from typing import Any

from retrain.fit.loop import Epoch, Recipe, Step, fit
from retrain.fit.observers import Tell
from retrain.fit.prepare import accelerated, prepare
from retrain.job import Job, Progress
from settings import RetrainSettings

RESULT = "search.json"
SEARCHED = ("rank", "learning_rate", "weight_decay", "dropout", "smoothing", "balance", "distill")


def searched(job: Job) -> bool:
    """Whether a search for ``job`` came to its end."""
    return (job.folder / RESULT).exists()


def found_settings(job: Job, settings: RetrainSettings) -> RetrainSettings:
    """``settings`` with what a finished search found; as they are if there was no search."""
    if not searched(job):
        return settings
    return settings.model_copy(update=json.loads((job.folder / RESULT).read_text(encoding="utf-8"))["best"])


def suggest(trial: Any, settings: RetrainSettings) -> dict[str, Any]:
    """What a trial may change: ranges around what was tried by hand."""
    lora = {"rank": trial.suggest_int("rank", 4, 32, log=True)} if settings.method == "lora" else {}
    return lora | {
        "learning_rate": trial.suggest_float("learning_rate", 2e-4, 4e-3, log=True),
        "weight_decay": trial.suggest_float("weight_decay", 1e-4, 0.1, log=True),
        "dropout": trial.suggest_float("dropout", 0.0, 0.3),
        "smoothing": trial.suggest_float("smoothing", 0.0, 0.15),
        "balance": trial.suggest_float("balance", 0.0, 1.0),
        "distill": trial.suggest_float("distill", 0.01, 0.5, log=True),
    }


class _Judged:
    """Reports a trial's progress, and ends a trial that Optuna gives up."""

    def __init__(self, trial: Any, number: int, wanted: int, tell: Tell) -> None:
        self._trial, self._number, self._wanted, self._tell = trial, number, wanted, tell

    def _progress(self, done: Step | Epoch) -> Progress:
        return Progress(
            stage=f"trial {self._number + 1} of {self._wanted}",
            step=self._number * done.steps + min(done.step, done.steps),
            steps=self._wanted * done.steps,
            epoch=done.epoch,
        )

    def step(self, done: Step) -> None:
        """See ``Observer``."""
        self._tell(self._progress(done))

    def epoch(self, done: Epoch) -> None:
        """See ``Observer``. Raises ``TrialPruned``."""
        import optuna

        self._tell({**self._progress(done), "validation_macro_f1": done.score})
        self._trial.report(done.score, done.epoch)
        if self._trial.should_prune():
            raise optuna.TrialPruned


def search(job: Job, tell: Tell) -> None:
    """Run those of the trials that ``job`` asks for that are not done yet; the first has the settings as they are.

    A trial that is worse after an epoch than the median of those before ends there.
    """
    import optuna

    settings = job.settings()
    study = _study(job, settings)
    prepared = prepare(job, settings)
    ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)

    def count() -> int:
        return len(study.get_trials(deepcopy=False, states=ended))

    def objective(trial: Any) -> float:
        recipe = Recipe.of(settings.model_copy(update=suggest(trial, settings)))
        judged = _Judged(trial, count(), settings.search, tell)
        return fit(prepared.material, recipe, accelerated(), [judged]).score

    while (left := settings.search - count()) > 0:
        study.optimize(objective, n_trials=left)
    trials = [
        {"number": t.number, "state": t.state.name, "validation_macro_f1": t.value, "settings": t.params}
        for t in study.get_trials(deepcopy=False, states=ended)
    ]
    best = {"best": study.best_params, "validation_macro_f1": study.best_value, "trials": trials}
    new = job.folder / f"{RESULT}.new"
    new.write_text(json.dumps(best, indent=1) + "\n", encoding="utf-8")
    new.replace(job.folder / RESULT)


def _study(job: Job, settings: RetrainSettings) -> Any:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name=job.folder.name,
        storage=JournalStorage(JournalFileBackend(str(job.folder / "study.jsonl"))),
        sampler=optuna.samplers.TPESampler(seed=settings.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=1),
        direction="maximize",
        load_if_exists=True,
    )
    if not study.trials:
        names = [name for name in SEARCHED if name != "rank" or settings.method == "lora"]
        study.enqueue_trial({name: getattr(settings, name) for name in names})
    return study
