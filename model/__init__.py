"""Text to sentiment: the scorer and the registry of its versions. Knows neither Kafka nor ClickHouse."""

from documents.text import normalise
from model.calibration import probabilities
from model.calibration import rows as scale_rows
from model.encoder.importing import CannotImport
from model.engine.native import NoKernel, kernel_problem
from model.engine.session import NoDevice, Running
from model.language import detect
from model.registry.manifest import BadVersion, File, Golden, Manifest, Metric, Part, Scale
from model.registry.versions import (
    Change,
    Shadow,
    adapters,
    champion,
    champion_name,
    clear_shadow,
    describe,
    ensure_default,
    folder,
    history,
    import_directory,
    load,
    promote,
    publish,
    published,
    put_in_shadow,
    rollback,
    running,
    shadow,
    verify,
    versions,
)
from model.scorer import Scorer, Scores
from model.topics.taxonomy import Classifier, Topics, load_taxonomy
from settings import ModelSettings

__all__ = [
    "BadVersion",
    "CannotImport",
    "Change",
    "Classifier",
    "File",
    "Golden",
    "Manifest",
    "Metric",
    "ModelSettings",
    "NoDevice",
    "NoKernel",
    "Part",
    "Running",
    "Scale",
    "Scorer",
    "Scores",
    "Shadow",
    "Topics",
    "adapters",
    "champion",
    "champion_name",
    "clear_shadow",
    "describe",
    "detect",
    "ensure_default",
    "folder",
    "history",
    "import_directory",
    "kernel_problem",
    "load",
    "load_taxonomy",
    "normalise",
    "probabilities",
    "promote",
    "publish",
    "published",
    "put_in_shadow",
    "rollback",
    "running",
    "scale_rows",
    "shadow",
    "verify",
    "versions",
]
