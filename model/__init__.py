"""Text to sentiment: the scorer and the registry of its versions. Knows neither Kafka nor ClickHouse."""

from model.importing import CannotImport
from model.language import detect
from model.manifest import BadVersion, File, Golden, Manifest, Metric, Part, Scale
from model.native import NoKernel, kernel_problem
from model.registry import (
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
from model.session import NoDevice, Running
from model.settings import ModelSettings
from model.taxonomy import Classifier, Topics, load_taxonomy
from model.text import normalise

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
    "promote",
    "publish",
    "published",
    "put_in_shadow",
    "rollback",
    "running",
    "shadow",
    "verify",
    "versions",
]
