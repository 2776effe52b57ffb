"""Text to sentiment: the scorer and the registry of its versions. Knows neither Kafka nor ClickHouse."""

from model.registry import BadVersion, champion, ensure_default, load, promote, publish, versions
from model.scorer import Scorer, Scores
from model.settings import ModelSettings

__all__ = [
    "BadVersion",
    "ModelSettings",
    "Scorer",
    "Scores",
    "champion",
    "ensure_default",
    "load",
    "promote",
    "publish",
    "versions",
]
