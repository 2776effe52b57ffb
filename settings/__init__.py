"""What can be configured: one class a group of environment variables; docs/settings.md lists them all.

The classes are imported when they are asked for: pydantic-settings takes a fifth of a second to import.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from settings.environment import data_directory, event_types_file, given, tracebacks_wanted, watchlist_files

if TYPE_CHECKING:
    from settings.alerts import AlertSettings
    from settings.clickhouse import ClickHouseSettings, without_password
    from settings.console import ConsoleSettings
    from settings.feeds import FeedSettings
    from settings.kafka import KafkaSettings, secret_of
    from settings.model import ModelSettings
    from settings.privacy import PrivacySettings
    from settings.reference import settings_page
    from settings.replaceable import read_replaceable
    from settings.retrain import RetrainSettings, settings_from
    from settings.shown import faults, settings_in_force
    from settings.stream import StreamSettings

__all__ = [
    "AlertSettings",
    "ClickHouseSettings",
    "ConsoleSettings",
    "FeedSettings",
    "KafkaSettings",
    "ModelSettings",
    "PrivacySettings",
    "RetrainSettings",
    "StreamSettings",
    "data_directory",
    "event_types_file",
    "faults",
    "given",
    "read_replaceable",
    "secret_of",
    "settings_from",
    "settings_in_force",
    "settings_page",
    "tracebacks_wanted",
    "watchlist_files",
    "without_password",
]

_MODULES = {
    "AlertSettings": "settings.alerts",
    "ClickHouseSettings": "settings.clickhouse",
    "ConsoleSettings": "settings.console",
    "FeedSettings": "settings.feeds",
    "KafkaSettings": "settings.kafka",
    "ModelSettings": "settings.model",
    "PrivacySettings": "settings.privacy",
    "RetrainSettings": "settings.retrain",
    "StreamSettings": "settings.stream",
    "faults": "settings.shown",
    "read_replaceable": "settings.replaceable",
    "secret_of": "settings.kafka",
    "settings_from": "settings.retrain",
    "settings_in_force": "settings.shown",
    "settings_page": "settings.reference",
    "without_password": "settings.clickhouse",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
