"""Those who follow a training: the parent process, TensorBoard, and a picture of the curves."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from retrain.fit.loop import Epoch, Step
from retrain.job import Progress

Tell = Callable[[Progress], None]


def print_progress(progress: Progress) -> None:
    """Progress as a JSON line on standard output, for the parent process."""
    print(json.dumps({**progress, "at": time.time()}), flush=True)


class ProgressObserver:
    """Passes progress on to ``tell``; with ``stage``, under that name."""

    def __init__(self, tell: Tell, stage: str = "") -> None:
        self._tell, self._stage = tell, Progress(stage=stage) if stage else Progress()

    def step(self, done: Step) -> None:
        """See ``Observer``."""
        progress = Progress(step=min(done.step, done.steps), steps=done.steps, epoch=done.epoch)
        self._tell({**progress, **self._stage})

    def epoch(self, done: Epoch) -> None:
        """See ``Observer``."""
        progress = Progress(
            step=min(done.step, done.steps), steps=done.steps, epoch=done.epoch, validation_macro_f1=done.score
        )
        self._tell({**progress, **self._stage})


class TensorBoard:
    """Writes the curves into ``folder``, which holds this training alone: what an earlier process wrote is deleted."""

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        shutil.rmtree(folder, ignore_errors=True)
        self._writer: Any = SummaryWriter(str(folder))

    def step(self, done: Step) -> None:
        """See ``Observer``."""
        scalars = {
            "loss": done.loss,
            "embedding distance": done.distance,
            "gradient norm": done.gradient_norm,
        }
        for name, value in scalars.items():
            self._writer.add_scalar(f"training/{name}", value.item(), done.step)
        self._writer.add_scalar("training/learning rate", done.rate, done.step)

    def epoch(self, done: Epoch) -> None:
        """See ``Observer``."""
        self.validation(done.step, done.score)

    def validation(self, step: int, score: float) -> None:
        """Write one point of the validation curve."""
        self._writer.add_scalar("validation/macro-F1", score, step)

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()


def plot(curves: Sequence[dict[str, Any]], path: Path) -> None:
    """Training loss and validation macro-F1 by epoch, as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(6, 3.5), layout="constrained")
    epochs = [point["epoch"] for point in curves]
    axis.plot(epochs, [point["validation_macro_f1"] for point in curves], "o-", label="validation macro-F1")
    axis.set(xlabel="epoch (0 is the champion)", ylabel="macro-F1", xticks=epochs)
    right = axis.twinx()
    losses = [math.nan if point["loss"] is None else point["loss"] for point in curves]
    right.plot(epochs, losses, "s--", color="tab:red", label="training loss")
    right.set_ylabel("loss")
    figure.legend(loc="outside upper center", ncols=2)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
