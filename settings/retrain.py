"""How models are retrained: environment variables with the prefix ``RETRAIN_``."""

from __future__ import annotations

import difflib
from pathlib import Path

import yaml
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from errors import with_article
from settings.environment import data_directory
from settings.lists import listed


class RetrainSettings(BaseSettings):
    """When a run starts, what it learns from, how it is trained, and what a challenger must show."""

    model_config = SettingsConfigDict(env_prefix="RETRAIN_")

    cron: str = Field(default="0 3 * * *", description="When a run is due if there are new labels, as cron, in UTC")
    new_labels: int = Field(default=200, ge=1, description="The number of new labels that starts a run at once")
    check_s: float = Field(default=60, gt=0, description="Seconds between two counts of the new labels")
    fewest_labels: int = Field(default=60, ge=10, description="No run starts with fewer labels than this in all")

    annotators: str = Field(
        default="",
        description="The known annotators: names, separated by commas. The scheduler promotes a version only if it "
        "learned from their labels alone, and is judged on theirs; unset: nobody is known, and a person promotes",
    )
    annotator_share: float = Field(
        default=0.25,
        gt=0,
        le=1,
        description="The most of the labels that annotators who are not known may make up: all of them together beside "
        "known ones, each of them where nobody is known",
    )

    folder: Path | None = Field(
        default=None, description="The folder of the runs' logs and curves; unset: `retrain` in FINSENT_DATA"
    )
    data: Path | None = Field(
        default=None, description="The folder of the labelled sets that are replayed and that the fixed test is made of"
    )
    sets: str = Field(
        default="",
        description="Names of sets in RETRAIN_DATA, separated by commas; unset: those of the shipped model",
    )
    replay: float = Field(default=3.0, ge=0, description="Old rows that are learned again for each new label")
    fewest_replayed: int = Field(default=200, ge=0, description="The fewest old rows that are learned again")
    confident: float = Field(
        default=0.95, gt=0.5, lt=1, description="The confidence from which on a stored document may be learned again"
    )

    start: Path | None = Field(
        default=None,
        description="The adapter to start from instead of the champion; `python -m retrain.pretrain` makes one",
    )
    method: str = Field(
        default="lora", pattern="^(lora|full)$", description="`lora` trains low-rank adapters, `full` all weights"
    )
    rank: int = Field(default=16, ge=1, description="The rank of the LoRA adapters")
    layers: int = Field(default=6, ge=0, description="How many of the last layers are trained; 0: all")
    epochs: int = Field(default=6, ge=1, description="The most epochs of a training")
    patience: int = Field(
        default=4, ge=1, description="Epochs without a better validation macro-F1 after which a training ends"
    )
    learning_rate: float = Field(
        default=1.5e-3, gt=0, description="The learning rate of LoRA; full fine-tuning takes a tenth of it"
    )
    tokens: int = Field(default=1024, ge=64, description="Tokens in a training batch")
    smoothing: float = Field(default=0.05, ge=0, lt=1, description="Label smoothing")
    balance: float = Field(
        default=0.5, ge=0, le=1, description="Class weights: at 0 all rows count alike, at 1 all three labels do"
    )
    keep: float = Field(
        default=4.0, ge=0, description="The weight of keeping the champion's answers on the old rows (distillation)"
    )
    distill: float = Field(default=0.1, ge=0, description="The weight of keeping the champion's embeddings")
    weight_decay: float = Field(default=0.01, ge=0, description="Weight decay of the optimiser")
    dropout: float = Field(default=0.1, ge=0, lt=1, description="Dropout of the adapters")
    adversarial: float = Field(
        default=0,
        ge=0,
        lt=1,
        description="Adversarial training: the step's length as a share of the embedding's, for example 0.02; 0: off",
    )
    self_training: float = Field(
        default=0,
        ge=0,
        le=10,
        description="Self-training: confident unlabelled documents that are learned for each label; 0: off",
    )
    search: int = Field(
        default=0, ge=0, description="Trials of a search for better training settings before the training; 0: none"
    )
    keep_rank: int = Field(default=64, ge=1, description="The rank in which the change of a layer is published")
    seed: int = Field(default=17, description="The seed of all random numbers of a run")
    processes: int = Field(
        default=0, ge=0, description="Training processes; 0: one for each GPU, or one where there is none"
    )
    threads: int = Field(default=1, ge=1, description="Threads of a training process")
    nice: int = Field(
        default=10, ge=0, le=19, description="The niceness of the scheduler and of training: live scoring goes first"
    )
    memory_mb: int = Field(
        default=6000, ge=100, description="The most memory of a training process, in MB (its data segment)"
    )

    promote: bool = Field(default=True, description="Whether a challenger that passes the gate becomes champion")
    margin: float = Field(default=0.01, ge=0, description="The loss of macro-F1 that the gate does not count as one")
    alpha: float = Field(
        default=0.05, gt=0, lt=1, description="The significance level of McNemar's test on the new labels"
    )
    slower: float = Field(
        default=1.3, gt=1, description="The gate refuses a challenger that takes this many times the champion's time"
    )

    shadow_documents: int = Field(
        default=0,
        ge=0,
        description="Live documents that a challenger scores in the shadow before it is promoted; 0: no shadow",
    )
    shadow_minutes: float = Field(default=0, ge=0, description="The fewest minutes that a challenger is in the shadow")
    shadow_share: float = Field(default=0.1, gt=0, le=1, description="The share of live documents scored in the shadow")
    shadow_agreement: float = Field(
        default=0.7, ge=0, le=1, description="The smallest share of documents with the same label as the champion's"
    )
    shadow_shift: float = Field(
        default=0.25,
        gt=0,
        description="The most by which mean sentiment or mean confidence may move, over all documents and in a source",
    )

    drift_s: int = Field(default=600, ge=1, description="Seconds between two tests for drift")
    drift_documents: int = Field(default=500, ge=100, description="Documents in the current window")
    drift_hours: float = Field(
        default=6, gt=0, description="The shortest span of the current window; of more documents it takes a sample"
    )
    drift_days: float = Field(default=90, gt=0, description="Documents older than this are no reference")
    drift_groups: int = Field(
        default=40, ge=1, description="How many kinds and sources are tested: those with the most documents"
    )
    drift_delta: float = Field(default=0.01, gt=0, lt=1, description="The delta of ADWIN, its chance of a false alarm")
    drift_effect: float = Field(
        default=0.5, ge=0, description="The smallest change of a mean that raises an alarm, in standard deviations"
    )
    on_drift: int = Field(
        default=0,
        ge=0,
        description="The number of new labels that starts a run while a drift alarm lasts; 0: as without an alarm",
    )

    @property
    def known_annotators(self) -> list[str]:
        """The names in ``annotators``."""
        return listed(self.annotators)

    def place(self) -> Path:
        """The folder in which runs keep their files."""
        return self.folder or data_directory() / "retrain"


def settings_from(path: Path) -> RetrainSettings:
    """The settings in the YAML file ``path``; those that it does not name come from the environment.

    Raises ``ValueError`` with a text that says which entry of the file is wrong, and how.
    """
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(given, dict):
        raise ValueError(
            f"{path} must hold lines such as 'epochs: 6'; what it holds is {with_article(type(given).__name__)}"
        )
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
