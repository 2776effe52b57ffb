"""Text to sentiment: the scorer, its explanations, and the versions it is loaded from. Knows no Kafka, no ClickHouse.

More is behind the doors of the folders: ``registry`` (publishing, promoting), ``topics``, ``evaluation``, ``encoder``
and ``engine``.
"""

from model.calibration import Scale, calibrate, scale_rows
from model.explanation import METHODS, Explanation, UnsupportedLanguage, as_html, explain
from model.language import detect, detect_all
from model.priority import yield_processor
from model.registry import BadVersion, champion_folder, champion_name, ensure_default, load, version_folder
from model.scorer import Scorer
from model.scores import Scores

__all__ = [
    # scoring
    "Scorer",
    "Scores",
    "detect",
    "detect_all",
    # calibration
    "Scale",
    "calibrate",
    "scale_rows",
    # explanations
    "METHODS",
    "Explanation",
    "UnsupportedLanguage",
    "as_html",
    "explain",
    # loading
    "BadVersion",
    "champion_folder",
    "champion_name",
    "ensure_default",
    "load",
    "version_folder",
    # beside live scoring
    "yield_processor",
]
