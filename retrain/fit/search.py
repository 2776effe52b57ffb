"""A search for the settings of one training, on request: Optuna's trials by validation macro-F1.

The trials are kept in the job's folder (``study.jsonl``), so a search that was killed goes on; what won is in
``search.json`` and is what the training then takes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

RESULT = "search.json"


def searched(job: Path) -> dict[str, Any]:
    """The settings that a finished search found for ``job``; {} if there was none."""
    path = job / RESULT
    if not path.exists():
        return {}
    best: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["best"]
    return best


def suggest(trial: Any, settings: dict[str, Any]) -> dict[str, Any]:
    """What a trial may change, around what people found to work."""
    lora = {"rank": trial.suggest_int("rank", 4, 32, log=True)} if settings["method"] == "lora" else {}
    return lora | {
        "learning_rate": trial.suggest_float("learning_rate", 2e-4, 4e-3, log=True),
        "weight_decay": trial.suggest_float("weight_decay", 1e-4, 0.1, log=True),
        "dropout": trial.suggest_float("dropout", 0.0, 0.3),
        "smoothing": trial.suggest_float("smoothing", 0.0, 0.15),
        "balance": trial.suggest_float("balance", 0.0, 1.0),
        "distill": trial.suggest_float("distill", 0.01, 0.5, log=True),
    }


def search(job: Path, told: Callable[..., None]) -> None:
    """Run the trials that ``job`` asks for and are not done yet; the first is the settings as they are.

    A trial that is worse after an epoch than the median of those before ends there.
    """
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    from retrain.fit.finetune import accelerated, prepared
    from retrain.fit.fitting import fit

    settings = json.loads((job / "job.json").read_text(encoding="utf-8"))["settings"]
    wanted: int = settings["search"]
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name=job.name,
        storage=JournalStorage(JournalFileBackend(str(job / "study.jsonl"))),
        sampler=optuna.samplers.TPESampler(seed=settings["seed"]),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=1),
        direction="maximize",
        load_if_exists=True,
    )
    if not study.trials:
        names = ("rank", "learning_rate", "weight_decay", "dropout", "smoothing", "balance", "distill")
        own = {name: settings[name] for name in names if name != "rank" or settings["method"] == "lora"}
        study.enqueue_trial(own)
    _, given, _ = prepared(job, settings)
    ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)

    def objective(trial: Any) -> float:
        number = len(study.get_trials(deepcopy=False, states=ended))

        def judged(step: int, steps: int, **progress: Any) -> None:
            stage = f"trial {number + 1} of {wanted}"
            told(stage=stage, step=number * steps + step, steps=wanted * steps, **progress)
            if "validation_macro_f1" in progress:
                trial.report(progress["validation_macro_f1"], progress["epoch"])
                if trial.should_prune():
                    raise optuna.TrialPruned

        return fit(given, settings | suggest(trial, settings), accelerated(), judged).score

    while (left := wanted - len(study.get_trials(deepcopy=False, states=ended))) > 0:
        study.optimize(objective, n_trials=left)
    trials = [
        {"number": t.number, "state": t.state.name, "validation_macro_f1": t.value, "settings": t.params}
        for t in study.get_trials(deepcopy=False, states=ended)
    ]
    best = {"best": study.best_params, "validation_macro_f1": study.best_value, "trials": trials}
    new = job / f"{RESULT}.new"
    new.write_text(json.dumps(best, indent=1) + "\n", encoding="utf-8")
    new.replace(job / RESULT)
