"""Rows to learn from: labelled sets, people's labels, replayed rows, phrases, and what to label next."""

from retrain.data.augment import perturbed
from retrain.data.examples import (
    LABELS,
    NOT_NEGATIVE,
    PEOPLE,
    PEOPLES,
    SELF_LABELLED,
    SIGN_ONLY,
    SIGNED,
    Example,
    read_examples,
    write_examples,
)
from retrain.data.fixed_test import fixed_test
from retrain.data.labelled_sets import (
    ADDED,
    OF_WHOLE_TWEETS,
    ONLY_MEASURED,
    PART_LANGUAGES,
    TRAINED_ON,
    load,
    part_of,
    read,
    split,
)
from retrain.data.labels import Judged, Resolved, judging, limited, parts, resolve
from retrain.data.near_duplicates import clusters, words
from retrain.data.phrases import phrases
from retrain.data.queue import queue
from retrain.data.replay import Rows, documents_to_label, rows_to_learn
from retrain.data.written_sentences import WRITTEN, written_sentences

__all__ = [
    "ADDED",
    "LABELS",
    "NOT_NEGATIVE",
    "OF_WHOLE_TWEETS",
    "ONLY_MEASURED",
    "PEOPLE",
    "PART_LANGUAGES",
    "PEOPLES",
    "SELF_LABELLED",
    "SIGNED",
    "SIGN_ONLY",
    "TRAINED_ON",
    "WRITTEN",
    "Example",
    "Judged",
    "Resolved",
    "Rows",
    "clusters",
    "documents_to_label",
    "fixed_test",
    "judging",
    "limited",
    "load",
    "part_of",
    "parts",
    "perturbed",
    "phrases",
    "queue",
    "read",
    "read_examples",
    "resolve",
    "rows_to_learn",
    "split",
    "words",
    "write_examples",
    "written_sentences",
]
