"""The rooms that finsent consists of: the packages of its wheel."""

ROOMS = (
    "alerts",
    "cli",
    "console",
    "deploy",
    "documents",
    "feeds",
    "model",
    "retrain",
    "settings",
    "storage",
    "stream",
)
