"""How models are retrained: environment variables with the prefix ``RETRAIN_``."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

import yaml
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class RetrainSettings(BaseSettings):
    """When a run starts, what it learns from, how it is trained, and what a challenger must show."""

    model_config = SettingsConfigDict(env_prefix="RETRAIN_")

    cron: str = Field(default="0 3 * * *", description="when a run is due if there are new labels; UTC")
    new_labels: int = Field(default=200, ge=1, description="so many new labels start a run at once")
    check_s: float = Field(default=60, gt=0, description="how often the new labels are counted")
    fewest_labels: int = Field(default=60, ge=10, description="no run with fewer labels in all")

    folder: Path | None = Field(default=None, description="logs and curves of runs; default FINSENT_DATA/retrain")
    data: Path | None = Field(default=None, description="folder of the labelled sets, for replay and the fixed test")
    sets: str = Field(default="", description="sets of RETRAIN_DATA, by commas; default: those of the shipped model")
    replay: float = Field(default=3.0, ge=0, description="old rows replayed for each new one")
    fewest_replayed: int = Field(default=200, ge=0)
    confident: float = Field(default=0.95, gt=0.5, lt=1, description="stored documents surer than this may be learned")

    start: Path | None = Field(
        default=None, description="adapter of 'python -m retrain.fit.pretrain' to start from in the champion's place"
    )
    method: str = Field(default="lora", pattern="^(lora|full)$")
    rank: int = Field(default=16, ge=1)
    layers: int = Field(default=6, ge=0, description="so many last layers are trained; 0: all")
    epochs: int = Field(default=6, ge=1)
    patience: int = Field(default=4, ge=1, description="epochs without a better validation macro-F1 before the end")
    learning_rate: float = Field(default=1.5e-3, gt=0, description="of LoRA; full fine-tuning takes a tenth")
    tokens: int = Field(default=1024, ge=64, description="tokens a batch")
    smoothing: float = Field(default=0.05, ge=0, lt=1)
    balance: float = Field(default=0.5, ge=0, le=1, description="0: rows count alike; 1: labels count alike")
    keep: float = Field(default=4.0, ge=0, description="weight of keeping the champion's answers on replayed rows")
    distill: float = Field(default=0.1, ge=0, description="weight of keeping the champion's embedding")
    weight_decay: float = Field(default=0.01, ge=0)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    adversarial: float = Field(
        default=0, ge=0, lt=1, description="length of the adversarial step over the embedded text's (0.02, say); 0: off"
    )
    self_training: float = Field(
        default=0, ge=0, le=10, description="confident unlabelled documents to learn from for each label; 0: off"
    )
    search: int = Field(default=0, ge=0, description="trials of a search for better settings before the training")
    keep_rank: int = Field(default=64, ge=1, description="rank in which a layer's change is published")
    seed: int = 17
    processes: int = Field(default=0, ge=0, description="training processes; 0: one a GPU, or one without any")
    threads: int = Field(default=1, ge=1)
    nice: int = Field(default=10, ge=0, le=19)
    memory_mb: int = Field(default=6000, ge=100, description="data segment of the training process")

    promote: bool = Field(default=True, description="promote a challenger that passes the gate")
    margin: float = Field(default=0.01, ge=0, description="loss of macro-F1 that counts as none")
    alpha: float = Field(default=0.05, gt=0, lt=1, description="level of McNemar's test on the new labels")
    slower: float = Field(default=1.3, gt=1, description="time over the champion's that is too much")

    shadow_documents: int = Field(
        default=0, ge=0, description="a challenger that passes scores so many live documents in the shadow; 0: none"
    )
    shadow_minutes: float = Field(default=0, ge=0, description="and for at least so long, before it is promoted")
    shadow_share: float = Field(default=0.1, gt=0, le=1, description="of the live documents")
    shadow_agreement: float = Field(default=0.7, ge=0, le=1, description="least share of documents with the same label")
    shadow_shift: float = Field(
        default=0.25, gt=0, description="most by which mean sentiment or confidence may move, over all or in a source"
    )

    drift_s: int = Field(default=600, ge=1, description="how often the documents are looked at for drift")
    drift_documents: int = Field(default=500, ge=100, description="documents in the current window")
    drift_hours: float = Field(default=6, gt=0, description="which spans at least so long: of more, a sample is taken")
    drift_days: float = Field(default=90, gt=0, description="older documents are no reference")
    drift_groups: int = Field(default=40, ge=1, description="kinds and sources that are looked at, the largest")
    drift_delta: float = Field(default=0.01, gt=0, lt=1, description="ADWIN's confidence")
    drift_effect: float = Field(default=0.5, ge=0, description="standard deviations by which a mean must move")
    on_drift: int = Field(
        default=0, ge=0, description="so many new labels start a run while a drift alarm lasts; 0: as without one"
    )

    def place(self) -> Path:
        """Where runs keep their files."""
        home = Path(os.environ.get("FINSENT_DATA") or Path.home() / ".local" / "share" / "finsent")
        return self.folder or home / "retrain"


def settings_from(path: Path) -> RetrainSettings:
    """The settings that the YAML file ``path`` names, over those of the environment.

    Raises ``ValueError`` that says which entry of the file is wrong, and how.
    """
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(given, dict):
        raise ValueError(f"{path} must hold lines such as 'epochs: 6'; what it holds is a {type(given).__name__}")
    wrong = []
    for name in given:
        if name not in RetrainSettings.model_fields:
            near = difflib.get_close_matches(str(name), RetrainSettings.model_fields, 1)
            wrong.append(f"{name}: no such setting{f'; is {near[0]} meant?' if near else ''}")
    try:
        settings = RetrainSettings(**{str(k): v for k, v in given.items() if k in RetrainSettings.model_fields})
    except ValidationError as error:
        for problem in error.errors():
            name = str(problem["loc"][0]) if problem["loc"] else "?"
            source = name if name in given else f"RETRAIN_{name.upper()} (from the environment)"
            wrong.append(f"{source}: {problem['msg'][0].lower()}{problem['msg'][1:]}, not {problem['input']!r}")
    if wrong:
        raise ValueError(f"{path}: " + "; ".join(wrong))
    return settings
