"""People's labels become a judged version of the model: a run, its schedule, and the look for drift.

- ``retrain.data``: what is learned from, and what people should label next
- ``retrain.fit``: the training itself
- ``retrain.judge``: the gate, and the verdict on a version in the shadow
- ``retrain.drift``: whether documents and predictions have changed
- ``retrain.shipped``: how the default models are made

This door and its modules import none of the libraries that come with the extra ``retrain``. Those are imported where
they are used: behind ``retrain.fit`` and ``retrain.shipped``, or inside functions.
"""

from retrain.events import Announce
from retrain.job import Job, Progress
from retrain.lock import Busy, exclusive
from retrain.run import Outcome, forget_texts, retrain
from retrain.schedule import Next, Scheduler, upcoming
from retrain.training_process import CannotTrain

__all__ = [
    "Announce",
    "Busy",
    "CannotTrain",
    "Job",
    "Next",
    "Outcome",
    "Progress",
    "Scheduler",
    "exclusive",
    "forget_texts",
    "retrain",
    "upcoming",
]
